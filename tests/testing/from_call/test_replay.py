"""Replays of recorded calls: the caller follows the record, and each divergence is named."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable

import pytest

from tests.testing.from_call.desk import desk as desk_agent
from tests.testing.from_call.desk import rehearsal
from tests.testing.from_call.desk import scenario as desk
from tests.testing.from_call.recorded_logs import log_of, recorded, said
from tests.testing.from_call.test_generated_tests import a_whole_call
from trunkline import Caller, Lines, call_tool
from trunkline.calls import log_events as ev
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextPrompt, TextReply
from trunkline.testing import VoiceCall, run_in_virtual_time, typed_call
from trunkline.testing.from_call.comparison import Replay
from trunkline.testing.from_call.read_call import read_call
from trunkline.testing.from_call.recorded_call import RecordedCall
from trunkline.testing.from_call.replay import replay_call
from trunkline.testing.from_call.side_by_side import side_by_side
from trunkline.testing.llm_judge import TextModel


async def a_short_call(call: VoiceCall) -> None:
    await call.say("my printer is broken")
    await call.say("I have a question about my invoice")
    await call.hang_up()


def record(hold: Callable[[VoiceCall], Awaitable[object]] = a_short_call) -> RecordedCall:
    return read_call(recorded(desk, hold))


def with_part(part: Callable[[Caller], Lines]) -> AnyScenario:
    """Return the scenario with another part of its first agent."""
    changed = copy.copy(desk)
    changed.rehearsal = copy.copy(rehearsal)
    changed.rehearsal.parts = {**rehearsal.parts, "desk": part}
    return changed


def replay(call: RecordedCall, scenario: AnyScenario = desk, **options: object) -> Replay:
    async def play() -> Replay:
        async with typed_call(scenario, agent=call.first_agent) as new:
            fixed = {"model": "rehearsal", "on_rehearsal": True, **options}
            return await replay_call(new, call, **fixed)  # type: ignore[arg-type]  # any option

    return run_in_virtual_time(play())


def divergences(replayed: Replay) -> list[list[str]]:
    return [[one.text for one in turn.differences if one.diverges] for turn in replayed.turns]


@pytest.mark.parametrize("hold", [a_short_call, a_whole_call], ids=["short", "whole"])
@pytest.mark.parametrize("run_tools", [False, True], ids=["from the record", "run"])
def test_the_same_agents_do_not_diverge(hold: Callable[[VoiceCall], Awaitable[object]], run_tools: bool) -> None:
    replayed = replay(record(hold), run_tools=run_tools)
    assert not replayed.diverges, side_by_side(replayed, 120)
    assert all(turn.now is not None for turn in replayed.turns)


def test_the_callers_next_turn_follows_where_the_agents_leave_the_script() -> None:
    async def part(caller: Caller) -> Lines:
        yield "Hello, this is the help desk. How can I help you today?"
        await caller.says()
        yield "Pardon?"
        await caller.says()
        yield call_tool("open_ticket", about="invoice", urgent=False)
        yield "Done."
        await caller.says()

    assert divergences(replay(record(), with_part(part))) == [
        [],
        ["open_ticket was not called.", "The agents' words differ."],
        [
            "Handed to nobody, recorded: billing.",
            "find_invoice was not called.",
            "open_ticket(about='invoice', urgent=False) was called, which is not in the record.",
            "The agents' words differ.",
        ],
    ]


def test_other_arguments_are_a_divergence() -> None:
    async def part(caller: Caller) -> Lines:
        yield "Hello, this is the help desk. How can I help you today?"
        await caller.says()
        ticket = yield call_tool("open_ticket", about="printer", urgent=False)
        yield f"Your ticket has the number {ticket['number']}. Anything else?"
        await caller.says()
        yield "No."
        await caller.says()

    found = divergences(replay(record(), with_part(part)))
    assert found[1] == [
        "open_ticket(about='printer', urgent=False) was called, recorded: with about='printer', urgent=True."
    ]


def test_an_agent_that_says_too_little_to_interrupt_is_answered_all_the_same() -> None:
    async def interrupt(call: VoiceCall) -> None:
        await call.hears("help desk")
        await call.say("my printer is broken", interrupting_after_ms=2_500)
        await call.hang_up()

    async def part(caller: Caller) -> Lines:
        yield "Hello?"
        await caller.says()
        yield "Pardon?"
        await caller.says()

    replayed = replay(record(interrupt), with_part(part))
    assert replayed.turns[1].now is not None
    assert [answer.text for answer in replayed.turns[1].now.answers] == ["Pardon?"]


def test_a_call_that_does_not_end_as_recorded_diverges() -> None:
    entries = log_of(
        *said("note", "The call ends now. Say goodbye.", 5, role="system", hidden=True),
        (9, ev.CallEnded(reason="solved")),
        started=ev.CallStarted(
            call_id="call_1", scenario="desk", agent="desk", transport="websocket", provider="local", model="desk",
            started_at="2026-11-30T09:00:00.000+00:00",
        ),
    )  # fmt: skip
    replayed = replay(read_call(entries))
    assert [one.text for one in replayed.end] == ["The agents did not end the call, recorded: solved."]
    assert replayed.diverges


def test_turns_after_the_end_are_named() -> None:
    async def part(caller: Caller) -> Lines:
        yield call_tool("open_ticket", about="bye", urgent=False)
        yield "Goodbye."
        await caller.says()

    call = record()
    ending = [*desk_agent.tools]

    async def play() -> Replay:
        async with typed_call(with_part(part)) as new:
            new.mock_tool("open_ticket", lambda ctx, about, urgent: ctx.context.hang_up("closed"))
            await new.ends()
            return await replay_call(new, call, model="rehearsal", on_rehearsal=True, run_tools=True)

    replayed = run_in_virtual_time(play())
    assert desk_agent.tools == ending
    assert divergences(replayed)[1:] == [["The call ended before this turn."]] * 2
    assert [one.text for one in replayed.end] == ["The call ended by itself: closed."]


class FixedJudge:
    def __init__(self, outcome: str) -> None:
        self.outcome = outcome
        self.prompts: list[TextPrompt] = []

    async def reply(self, prompt: TextPrompt) -> TextReply:
        self.prompts.append(prompt)
        return TextReply(f'{{"outcome": "{self.outcome}", "reason": "because"}}')


@pytest.mark.parametrize(("outcome", "diverges"), [("pass", False), ("uncertain", False), ("fail", True)])
def test_a_judge_compares_the_words_of_a_model(outcome: str, diverges: bool) -> None:
    judge = FixedJudge(outcome)
    model: TextModel = judge
    replayed = replay(record(), on_rehearsal=False, judge=model)
    assert replayed.diverges is diverges
    (prompt,) = judge.prompts
    asked = str(prompt.items)
    assert "RECORDED" in asked
    assert "my printer is broken" in asked
    assert "NOW" in asked


def test_words_of_a_model_are_not_compared_without_a_judge() -> None:
    async def part(caller: Caller) -> Lines:
        yield "Good morning."
        await caller.says()
        yield call_tool("open_ticket", about="printer", urgent=True)
        yield "Done."
        await caller.says()
        yield "No."
        await caller.says()

    replayed = replay(record(), with_part(part), on_rehearsal=False)
    assert divergences(replayed)[:2] == [[], []]
    assert "no text model is configured" in replayed.note


def test_a_slower_answer_is_marked_and_no_divergence() -> None:
    async def hold(call: VoiceCall) -> None:
        call.mock_tool("open_ticket", {"number": 41})
        await call.say("my printer is broken")
        await call.hang_up()

    async def slow(call: VoiceCall) -> None:
        await call.say("my printer is broken")
        await call.hang_up()

    quick, now = record(hold), record(slow)
    assert (quick.turns[1].latency_ms, now.turns[1].latency_ms) == (0, 1_000)
    assert not replay(quick, run_tools=True).diverges


# The text ---------------------------------------------------------------------------------------------------------
def test_both_calls_stand_side_by_side() -> None:
    async def part(caller: Caller) -> Lines:
        yield "Hello, this is the help desk. How can I help you today?"
        await caller.says()
        yield "Pardon?"
        await caller.says()
        yield "Pardon?"
        await caller.says()

    text = side_by_side(replay(record(), with_part(part)), 100)
    assert "0:03 caller: my printer is broken" in text
    assert "after 1000 ms                                    │ after 0 ms" in text
    assert "open_ticket(about='printer', urgent=True) →      │ desk: Pardon?" in text
    assert "≠ open_ticket was not called." in text
    assert "Diverged in 2 of 3 turns." in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_text_has_no_control_characters_of_the_call() -> None:
    entries = log_of(*said("a", "\x1b[2Jred\nline", 0), *said("q", "\x07 bell 日本語" * 20, 500, role="user"))
    text = side_by_side(Replay(read_call(entries), "now", ()), 60)
    assert "\x1b" not in text

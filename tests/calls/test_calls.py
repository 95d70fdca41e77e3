"""Whole calls on a model in memory, in virtual time: agents, the log, tools."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from agents import RunContextWrapper, function_tool

from tests.calls.call_harness import calling, queued_frames, scenario, text_frames
from tests.calls.model_fake import MS, Calls, FakeModel
from trunkline import CallContext
from trunkline.calls import log, log_events
from trunkline.calls.agents.runner import StateError
from trunkline.calls.machine.refused_parts import MAX_LOGGED_CHARS
from trunkline.calls.pages import CloseCode
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.send_queue import CloseFrame
from trunkline.testing.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_caller_is_greeted_and_answered() -> None:
    async with calling() as caller:
        await caller.greeted()
        caller.types("good morning")
        assert await caller.heard(2) == "You said: good morning."
    assert caller.answers()[0] == "You said: hi."


@in_virtual_time
async def test_the_session_holds_the_agent_its_tools_and_its_handoffs() -> None:
    async with calling(played=scenario(voice="sage")) as caller:
        await caller.greeted()
    session = caller.model.now.received[0]["session"]
    assert session["instructions"] == "Be a host."
    assert [tool["name"] for tool in session["tools"]] == ["transfer_to_poet"]
    assert session["audio"]["output"]["voice"] == "sage"
    detection = session["audio"]["input"]["turn_detection"]
    assert (detection["create_response"], detection["interrupt_response"]) == (False, False)


@in_virtual_time
async def test_a_handoff_changes_instructions_and_keeps_settings_made_during_the_call() -> None:
    model = FakeModel(lambda items: [Calls("transfer_to_poet")] if len(items) == 1 else ["I am the poet."])
    async with calling(model) as caller:
        caller.joins()
        assert await caller.heard(1) == "I am the poet."
    update = model.now.received[model.now.types().index("session.update", 1)]["session"]
    assert set(update) == {"type", "instructions", "tools", "tool_choice"}
    assert [changed.agent for changed in caller.logged(log_events.AgentChanged)] == ["host", "poet"]


@in_virtual_time
async def test_instructions_may_be_a_coroutine_that_reads_the_calls_state() -> None:
    async def instructions(context: Any, _agent: Any) -> str:
        await asyncio.sleep(1)
        return f"Write about {context.context.state['topic']}."

    model = FakeModel(lambda items: [Calls("transfer_to_poet")] if len(items) == 1 else ["Done."])
    played = scenario(instructions=instructions, state=lambda: {"topic": "the sea"})
    async with calling(model, played) as caller:
        caller.joins()
        await caller.heard(1)
    assert model.now.received[-3]["session"]["instructions"] == "Write about the sea."


@pytest.mark.parametrize("failure", ["raises", "hangs"])
def test_instructions_that_fail_leave_the_old_agent_speaking(failure: str) -> None:
    async def instructions(_context: Any, _agent: Any) -> str:
        if failure == "hangs":
            await asyncio.Event().wait()
        raise ValueError("no topic")

    @in_virtual_time
    async def run() -> None:
        model = FakeModel(lambda items: [Calls("transfer_to_poet")] if len(items) == 1 else ["I stay."])
        async with calling(model, scenario(instructions=instructions)) as caller:
            caller.joins()
            assert await caller.heard(1) == "I stay."
            assert caller.logged(log_events.CallError)[0].code == "agent_failed"
            assert [changed.agent for changed in caller.logged(log_events.AgentChanged)] == ["host"]

    run()


@in_virtual_time
async def test_extras_that_fail_end_the_call_with_a_reason() -> None:
    def extras(_agent: str) -> dict[str, Any]:
        raise KeyError("no such deployment")

    async with calling(FakeModel(extras=extras)) as caller:
        await caller.until(lambda: caller.call.is_over)
    assert caller.logged(log_events.CallEnded)[0].reason == "the agent host could not be set up"
    assert "no such deployment" in caller.logged(log_events.CallError)[0].message


@in_virtual_time
async def test_a_state_factory_that_fails_prevents_the_call() -> None:
    def state() -> int:
        return 1 // 0

    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        with pytest.raises(StateError, match="bench"):
            registry.start(scenario(state=state), FakeModel(), agent=None, transport="websocket")
        assert registry.running == 0


@in_virtual_time
async def test_each_call_has_a_state_of_its_own() -> None:
    states: list[list[int]] = []

    def state() -> list[int]:
        states.append([])
        return states[-1]

    played = scenario(state=state)
    async with calling(played=played), calling(played=played):
        assert len(states) == 2


@in_virtual_time
async def test_an_internal_error_of_one_call_does_not_affect_others() -> None:
    class Broken(FakeModel):
        async def connect(self, model: str, call_id: str | None = None) -> Any:
            raise RuntimeError("an internal mistake")

    async with calling() as well, calling(Broken()) as ill:
        await well.greeted()
        assert ill.call.is_over
        assert ill.logged(log_events.CallEnded)[0].reason == "internal error"
        well.types("still there?")
        await well.heard(2)


# The log --------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_the_log_is_numbered_from_one_without_gaps_in_order_of_time() -> None:
    async with calling() as caller:
        await caller.greeted()
    entries = caller.call.log.since(0)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)
    assert isinstance(entries[-1].event, log_events.CallEnded)


@in_virtual_time
async def test_a_page_gets_the_entries_it_has_not_seen_and_then_new_ones() -> None:
    async with calling() as caller:
        await caller.greeted()
        last = caller.call.log.last_seq
        page = caller.joins(after=last - 2)
        caller.types("more")
        seqs = [frame["seq"] for frame in text_frames(page)]
    assert seqs[:3] == [0, last - 1, last]
    assert seqs[3:] == list(range(last + 1, last + 1 + len(seqs) - 3))


def test_a_log_keeps_a_bounded_tail() -> None:
    kept = log.Log(lambda: 0.0, max_kept=10)
    for number in range(25):
        kept.append(log_events.MessageDelta(item_id="m", text=str(number)))
    assert [entry.seq for entry in kept.since(0)] == list(range(16, 26))
    assert [entry.seq for entry in kept.since(20)] == list(range(21, 26))
    assert kept.since(25) == []
    assert kept.since(10**9) == []


def test_a_log_gives_its_events_as_text_and_as_equal_objects() -> None:
    kept = log.Log(lambda: 12.4)
    events: list[log_events.LogEventUnion] = [
        log_events.WireReceived(event={"type": "response.done", "response": {"output": [{"id": "m", "ratio": 0.5}]}}),
        log_events.MessageDone(item_id="m", role="user", text="Grüße, 世界 😀"),
        log_events.TurnWaiting(reason="tools", tools=("look",)),
    ]
    appended = [kept.append(event) for event in events]
    assert kept.frames_since(1) == [log.frame_of(event, seq, 12) for seq, event in enumerate(events, 1)][1:]
    assert kept.since(0) == appended


def test_a_log_of_another_server_gives_the_events_after_a_number_though_some_are_missing() -> None:
    earlier = [log.Entry(seq, 0, log_events.MessageDelta(item_id="m", text=str(seq))) for seq in (1, 2, 5)]
    continued = log.Log(lambda: 0.0)
    continued.restore(earlier, last_seq=9)
    continued.append(log_events.MessageDelta(item_id="m", text="10"))
    assert [entry.seq for entry in continued.since(2)] == [5, 10]
    assert continued.frames_since(5) == [entry.frame() for entry in continued.since(5)]


@in_virtual_time
async def test_audio_stats_are_logged_once_a_second_and_at_the_end() -> None:
    async with calling(FakeModel(audio_ms=1000, pace_s=0.1)) as caller:
        caller.joins()
        for _ in range(50):
            caller.call.receive_audio(caller.page, bytes(20 * MS))
        await caller.heard(1)
        await asyncio.sleep(0.7)
    counts = caller.logged(log_events.AudioStats)
    assert sum(count.received_ms for count in counts) == 1000
    assert sum(count.received_frames for count in counts) == 10
    assert sum(count.sent_ms for count in counts) == 1000
    assert sum(count.sent_frames for count in counts) == 50
    times = [entry.at_ms for entry in caller.call.log.since(0) if isinstance(entry.event, log_events.AudioStats)]
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(times[:-1]))


# Tools ----------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_tool_reads_the_call_and_leaves_breadcrumbs() -> None:
    @function_tool
    async def look(context: RunContextWrapper[Any]) -> str:
        """Looks around."""
        call: CallContext[dict[str, int]] = context.context
        call.state["looked"] += 1
        call.breadcrumb("looked", {"said": [said.text for said in call.history]})
        return f"{call.scenario} {call.state['looked']}"

    model = FakeModel(lambda items: [Calls("look")] if len(items) == 3 else ["Right."])
    async with calling(model, scenario(tools=[look], state=lambda: {"looked": 0})) as caller:
        await caller.greeted()
        caller.types("look around")
        await caller.until(lambda: caller.logged(log_events.ToolDone))
    assert caller.logged(log_events.ToolDone)[0].result == "bench 1"
    assert caller.logged(log_events.Breadcrumb)[0].data == {"said": ["Right.", "look around"]}


@in_virtual_time
async def test_the_log_gets_the_beginning_of_an_enormous_breadcrumb() -> None:
    @function_tool
    async def dump(context: RunContextWrapper[Any]) -> str:
        """Leave an enormous breadcrumb, and enormous progress."""
        context.context.breadcrumb("all", ["x" * MAX_LOGGED_CHARS])
        context.context.progress("y" * (MAX_LOGGED_CHARS + 1))
        return "done"

    model = FakeModel(lambda items: [Calls("dump")] if len(items) == 3 else ["Right."])
    async with calling(model, scenario(tools=[dump])) as caller:
        await caller.greeted()
        caller.types("dump it")
        await caller.until(lambda: caller.logged(log_events.ToolDone))
    assert len(str(caller.logged(log_events.Breadcrumb)[0].data)) == MAX_LOGGED_CHARS
    assert len(caller.logged(log_events.ToolProgress)[0].message) == MAX_LOGGED_CHARS


@in_virtual_time
async def test_a_call_that_ends_cancels_its_tools() -> None:
    cancelled = asyncio.Event()

    @function_tool
    async def slow() -> str:
        """Takes its time."""
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "never"

    async with calling(FakeModel(lambda _items: [Calls("slow")]), scenario(tools=[slow])) as caller:
        caller.joins()
        await caller.until(lambda: caller.logged(log_events.ToolStarted))
        caller.call.hang_up()
        async with asyncio.timeout(1):
            await cancelled.wait()
    assert [type(event) for event in caller.logged(log_events.ToolDone, log_events.CallEnded)] == [
        log_events.ToolDone,
        log_events.CallEnded,
    ]


@in_virtual_time
async def test_a_tool_that_ignores_cancelling_does_not_delay_the_close_of_the_page() -> None:
    @function_tool
    async def stubborn() -> str:
        """Does not stop."""
        for _ in range(2):
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                continue
        return "late"

    async with calling(FakeModel(lambda _items: [Calls("stubborn")]), scenario(tools=[stubborn])) as caller:
        caller.joins()
        await caller.until(lambda: caller.logged(log_events.ToolStarted))
        caller.call.hang_up()
        assert queued_frames(caller.page)[-1] == CloseFrame(CloseCode.CALL_OVER, "the call is over")


@in_virtual_time
async def test_a_breadcrumb_after_the_call_is_not_logged() -> None:
    contexts: list[Any] = []

    @function_tool
    async def keep(context: RunContextWrapper[Any]) -> str:
        """Keeps its context."""
        contexts.append(context.context)
        return "kept"

    model = FakeModel(lambda items: [Calls("keep")] if len(items) == 1 else ["Kept."])
    async with calling(model, scenario(tools=[keep])) as caller:
        caller.joins()
        await caller.until(lambda: contexts)
        caller.call.hang_up()
        contexts[0].breadcrumb("too late")
    assert caller.logged(log_events.Breadcrumb) == []
    assert isinstance(caller.call.log.since(0)[-1].event, log_events.CallEnded)


async def test_a_call_continues_on_the_fallback_model() -> None:
    model = FakeModel(fallback="second", failing={"model of bench"})
    async with calling(model) as caller:
        caller.joins()
        assert await caller.heard(1) == "You said: hi."
        assert model.models == ["model of bench", "second"]
        caller.types("Still there?")
        assert await caller.heard(2) == "You said: Still there?."
        assert model.models == ["model of bench", "second"]

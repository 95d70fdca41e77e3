"""Rehearsals: parts that are run again from the conversation's items at every turn."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenario.rehearsal_driver import Stage, called, heard, spoke, transfer_tool
from trunkline import Caller, Lines, Phrases, Rehearsal, Reply, ask, call_tool, say, transfer
from trunkline.realtime.events import Item
from trunkline.scenario.performance import perform
from trunkline.scenario.phrases import best_match
from trunkline.scenario.question import Question
from trunkline.scenario.rehearsal import RehearsalError
from trunkline.scenario.text_answers import answer

YES, NO = Phrases("yes [please]"), Phrases("no [thanks]")


def shop() -> Rehearsal:
    """A greeter who may hand over to a clerk, who looks things up and hands back."""
    rehearsal = Rehearsal()

    @rehearsal.plays("greeter")
    async def greeter(caller: Caller) -> Lines:
        yield "Welcome."
        yield "Do you want something?"
        while True:
            reply = await caller.says(YES, NO)
            if reply.meant is YES:
                caller.notes["visits"] = caller.notes.get("visits", 0) + 1
                yield "One moment."
                refusal = yield transfer("clerk")
                yield f"The clerk is out: {refusal['error']}"
            elif reply.meant is NO:
                yield "Well then."
            else:
                yield say("Wie bitte?", language="de")

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        reply = yield ask(f"Visit {caller.notes.get('visits')}. Boots?", YES, NO, again="Boots, yes or no?", tries=2)
        if reply.meant is YES:
            stock = yield call_tool("look_up", item="boots", size=42)
            yield f"We have {stock}."
        elif reply.meant is None:
            yield f"I do not know {reply.text!r}."
        yield "Goodbye."
        yield transfer("greeter")

    return rehearsal


def test_the_first_turn_answers_the_hidden_words() -> None:
    stage = Stage(shop(), "greeter")
    assert stage.turn("hi").does == (say("Welcome."), say("Do you want something?"))


def test_the_first_turn_needs_no_words() -> None:
    assert Stage(shop(), "greeter").turn().does[0] == say("Welcome.")


def test_a_turn_has_the_expected_replies() -> None:
    assert Stage(shop(), "greeter").turn("hi").expects == (YES, NO)


def test_a_conversation_continues_from_its_items_alone() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    assert stage.plays("no") == "Well then."
    assert stage.plays("what?") == "Wie bitte?"
    assert stage.plays("no thanks") == "Well then."


def test_the_language_of_a_line_is_kept() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    assert stage.turn("hm?").does == (say("Wie bitte?", "de"),)


def test_a_speed_that_no_voice_has_is_refused() -> None:
    assert say("Terms apply.", speed=1.3).speed == 1.3
    with pytest.raises(ValueError, match=r"speed=3\) is out of range. Choose from 0.25 to 1.5."):
        say("Terms apply.", speed=3)


def test_an_unrecognised_reply_has_no_meaning() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    assert stage.plays("") == "Wie bitte?"


def test_an_accepted_transfer_begins_the_other_part() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    assert stage.turn("yes").does == (say("One moment."), call_tool("transfer_to_clerk"))
    stage.finish({"assistant": "clerk"})
    assert stage.turn().does == (say("Visit 1. Boots?"),)


def test_a_refused_transfer_continues_in_the_same_part() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    stage.turn("yes")
    stage.finish({"error": "ill"})
    assert stage.plays() == "The clerk is out: ill"
    assert stage.plays("no") == "Well then."


def test_a_tool_result_comes_back_decoded() -> None:
    stage = Stage(shop(), "greeter", outputs={"look_up": '"two pairs"'})
    stage.plays("hi")
    stage.plays("yes")
    assert stage.plays("yes please") == "We have two pairs. Goodbye. Welcome. Do you want something?"
    assert stage.calls[-2:] == [call_tool("look_up", item="boots", size=42), call_tool("transfer_to_greeter")]


def test_a_tool_result_that_is_not_json_is_unchanged() -> None:
    stage = Stage(shop(), "greeter", outputs={"look_up": "some: {"})
    stage.plays("hi")
    stage.plays("yes")
    assert stage.plays("yes").startswith("We have some: {.")


def test_nothing_is_said_while_a_tool_runs() -> None:
    items = [heard("hi"), spoke("Welcome."), heard("yes"), spoke("One moment."), *called("transfer_to_clerk", None)]
    assert Stage(shop(), "greeter", items).turn().does == ()
    assert Stage(shop(), "greeter", items).turn("hello?").does == ()


def test_words_said_while_a_tool_runs_do_not_swallow_its_result() -> None:
    run, done = called("look_up", '"two pairs"')
    items = [
        heard("hi"), spoke("Welcome."), heard("yes"), *called("transfer_to_clerk", "{}"), spoke("Visit 1. Boots?"),
        heard("yes"), run, heard("are you there?"), done,
    ]  # fmt: skip
    assert Stage(shop(), "greeter", items).turn().does[0] == say("We have two pairs.")


def test_notes_pass_from_part_to_part() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    stage.plays("yes")
    stage.plays("no")
    assert stage.plays("yes") == "One moment. Visit 2. Boots?"


def test_a_question_is_asked_again_as_often_as_it_says() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    stage.plays("yes")
    assert [stage.plays("hm hm") for _ in range(2)] == ["Boots, yes or no?"] * 2
    assert stage.plays("slippers").startswith("I do not know 'slippers'.")


def test_interrupted_words_are_not_repeated() -> None:
    items = [heard("hi"), spoke("Welc"), heard("no")]
    assert Stage(shop(), "greeter", items).turn().does == (say("Well then."),)


def test_words_before_anything_was_heard_still_answer() -> None:
    items = [heard("hi"), heard("yes")]
    assert Stage(shop(), "greeter", items).turn().does == (say("One moment."), call_tool("transfer_to_clerk"))


def test_an_interrupted_hand_over_is_made_up_for() -> None:
    items = [heard("hi"), spoke("Welcome."), heard("yes"), spoke("One mo"), heard("hurry")]
    assert call_tool("transfer_to_clerk") in Stage(shop(), "greeter", items).turn().does


def test_asked_with_nothing_new_it_repeats_itself() -> None:
    stage = Stage(shop(), "greeter")
    first = stage.plays("hi")
    assert stage.plays() == first
    stage.plays("no")
    assert stage.plays() == "Well then."


def test_repeating_does_not_disturb_what_follows() -> None:
    stage = Stage(shop(), "greeter")
    for words in ("hi", None, None, "no", None):
        stage.plays(words)
    assert stage.plays("what?") == "Wie bitte?"


def test_the_application_may_begin_with_another_agent() -> None:
    assert Stage(shop(), "clerk").plays("hi") == "Visit None. Boots?"


def test_an_agent_changed_by_the_application_begins_its_part() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    stage.agent = "clerk"
    assert stage.plays() == "Visit None. Boots?"


def test_an_agent_changed_by_the_application_resumes_its_part() -> None:
    stage = Stage(shop(), "greeter")
    stage.plays("hi")
    stage.agent = "clerk"
    stage.plays()
    stage.items[-1] = spoke("Visit None. Bo")  # cut off
    assert stage.plays("hm hm") == "Boots, yes or no?"
    assert stage.turn("no").does == (say("Goodbye."), call_tool("transfer_to_greeter"))


def test_an_agent_without_a_part_says_so() -> None:
    assert "no part in this rehearsal" in Stage(shop(), "stranger").plays("hi")


def test_a_part_that_is_over_says_so_politely_at_each_turn() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("brief")
    async def brief(_caller: Caller) -> Lines:
        yield "That's all."

    stage = Stage(rehearsal, "brief")
    assert stage.plays("hi") == "That's all."
    assert "as far as this rehearsal goes" in stage.plays("and?")
    assert "as far as this rehearsal goes" in stage.plays("and?")


def test_an_error_in_a_part_names_the_agent() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("clumsy")
    async def clumsy(caller: Caller) -> Lines:
        yield "Oh."
        reply = await caller.says()
        yield reply["nothing"]

    stage = Stage(rehearsal, "clumsy")
    assert stage.plays("hi") == "Oh."
    with pytest.raises(RehearsalError, match=r"Your rehearsal of 'clumsy' raised KeyError") as failed:
        stage.plays("go")
    assert re.search(r"\('nothing'\) \(test_rehearsal\.py:\d+: yield reply\[\"nothing\"\]\)$", str(failed.value))


EXITS = [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), BaseException("odd")]


@pytest.mark.parametrize("exit_", EXITS, ids=lambda exit_: type(exit_).__name__)
def test_an_exit_in_a_part_or_a_text_answer_is_an_error_of_the_rehearsal(exit_: BaseException) -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("leaver")
    async def leaver(caller: Caller) -> Lines:
        yield "Oh."
        await caller.says()
        raise exit_

    @rehearsal.answers("leaving")
    async def leaving(_question: Question) -> str:
        raise exit_

    stage = Stage(rehearsal, "leaver")
    assert stage.plays("hi") == "Oh."
    with pytest.raises(RehearsalError, match=f"Your rehearsal of 'leaver' raised {type(exit_).__name__}"):
        stage.plays("go")
    with pytest.raises(RehearsalError, match=f"raised {type(exit_).__name__}"):
        answer(rehearsal, Question("leaving"))


def test_a_part_may_yield_only_moves() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("odd")
    async def odd(_caller: Caller) -> Lines:
        yield 42  # type: ignore[misc]  # that is what is tested

    with pytest.raises(RehearsalError, match="yields 42"):
        Stage(rehearsal, "odd").turn("hi")


def test_a_part_may_await_only_the_caller() -> None:
    rehearsal = Rehearsal()

    class Elsewhere:
        def __await__(self) -> Any:
            yield "elsewhere"

    @rehearsal.plays("distracted")
    async def distracted(_caller: Caller) -> Lines:
        await Elsewhere()
        yield "never"

    with pytest.raises(RehearsalError, match="await only the caller"):
        Stage(rehearsal, "distracted").turn("hi")


def test_a_part_ends_its_blocks_at_every_turn() -> None:
    rehearsal, ended = Rehearsal(), []

    @rehearsal.plays("tidy")
    async def tidy(caller: Caller) -> Lines:
        try:
            yield "Hello."
            await caller.says()
        finally:
            ended.append("tidy")

    Stage(rehearsal, "tidy").turn("hi")
    assert ended == ["tidy"]


def test_a_part_that_will_not_end_is_an_error() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("stubborn")
    async def stubborn(caller: Caller) -> Lines:
        try:
            yield "Hello."
            await caller.says()
        finally:
            yield "And another thing."

    with pytest.raises(RehearsalError, match="continues although"):
        Stage(rehearsal, "stubborn").turn("hi")


async def test_a_part_is_performed_inside_a_running_loop() -> None:
    assert Stage(shop(), "greeter").plays("hi") == "Welcome. Do you want something?"


def test_a_part_is_an_async_generator_function() -> None:
    rehearsal = Rehearsal()

    async def no_lines(_caller: Caller) -> None: ...

    with pytest.raises(TypeError, match="'greeter' must be an 'async def' that yields"):
        rehearsal.plays("greeter")(no_lines)  # type: ignore[arg-type]  # that is what is tested


def test_an_agent_has_one_part() -> None:
    rehearsal = shop()

    async def again(_caller: Caller) -> Lines:
        yield "Me too."

    with pytest.raises(ValueError, match="two parts"):
        rehearsal.plays("greeter")(again)


REPLIES = st.lists(st.sampled_from(["yes", "no", "", "yes please", "what?", "no thanks"]), max_size=12)
OUTPUTS = st.fixed_dictionaries(
    {
        "transfer_to_clerk": st.sampled_from(["{}", '{"assistant": "clerk"}', '{"error": "ill"}']),
        "look_up": st.sampled_from(["3", '"none"', "plain text"]),
    }
)


@given(REPLIES, OUTPUTS)
def test_running_again_gives_the_same_moves(replies: Sequence[str], outputs: Mapping[str, str]) -> None:
    """The oracle keeps its generators alive through the whole call, as no rehearsal has to."""
    stage = Stage(shop(), "greeter", outputs=outputs)
    live = played_live(shop(), "greeter", outputs)
    assert stage.plays("hi") == next(live)
    for reply in replies:
        assert stage.plays(reply) == live.send(reply)


@given(REPLIES, OUTPUTS, st.data())
def test_the_next_turn_does_not_depend_on_how_much_was_heard(
    replies: Sequence[str], outputs: Mapping[str, str], data: st.DataObject
) -> None:
    stage = Stage(shop(), "greeter", outputs=outputs)
    for reply in ("hi", *replies):
        stage.plays(reply)
    expected = stage.turn("yes")
    cut: list[Item] = []
    for item in stage.items:
        text = item["content"][0]["text"] if item.get("role") == "assistant" else ""
        cut.append(spoke(text[: data.draw(st.integers(0, len(text)))]) if text else item)
    assert perform(shop(), [*cut, heard("yes")], first_agent="greeter", transfer_tool=transfer_tool) == expected


@given(REPLIES, OUTPUTS)
def test_a_history_performs_to_the_same_turn_each_time(replies: Sequence[str], outputs: Mapping[str, str]) -> None:
    stage = Stage(shop(), "greeter", outputs=outputs)
    for reply in ("hi", *replies):
        stage.plays(reply)
        again = Stage(shop(), "greeter", list(stage.items))
        assert again.turn() == again.turn()
        assert " ".join(move.text for move in again.turn().does if isinstance(move, say)) == stage.last_beat


def played_live(rehearsal: Rehearsal, agent: str, outputs: Mapping[str, str]) -> Generator[str, str, None]:
    """Play a rehearsal in one run: yield the lines, and receive the replies."""
    caller, said = Caller(), list[str]()

    def listen(meanings: tuple[Phrases, ...]) -> Generator[str, str, Reply]:
        words = yield " ".join(said)
        said.clear()
        understood = best_match(words, meanings)
        return Reply(words, understood[0], understood[1].slots) if understood else Reply(words)

    part, answer = rehearsal.parts[agent](caller), None
    while True:
        step: Generator[Any, Any, Any] = part.asend(answer).__await__()
        try:
            listening = step.send(None)
            while True:
                listening = step.send((yield from listen(listening.meanings)))
        except StopIteration as yielded:
            move = yielded.value
        answer = None
        if isinstance(move, ask):
            said.append(move.question)
            answer = yield from listen(move.meanings)
            for _ in range(move.tries):
                if answer.meant is None:
                    said.append(move.again)
                    answer = yield from listen(move.meanings)
        elif isinstance(move, str | say):
            said.append(move if isinstance(move, str) else move.text)
        elif isinstance(move, call_tool):
            answer = decoded(outputs.get(move.tool, "{}"))
        else:
            answer = decoded(outputs.get(transfer_tool(agent, move.agent), "{}"))
            if "error" not in answer:
                agent, answer = move.agent, None
                part = rehearsal.parts[agent](caller)


def decoded(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return output


# What the application tells the model ---------------------------------------------------------------------------------
def test_an_answer_that_was_stopped_is_replaced_and_a_goodbye_is_said() -> None:
    rehearsal = Rehearsal(instead="Let me put it differently.", farewell="Farewell!")

    @rehearsal.plays("greeter")
    async def greeter(caller: Caller) -> Lines:
        yield "Hello!"
        while True:
            await caller.says()
            yield "Something rude."

    def told(words: str) -> list[str]:
        items = [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello!"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Something"}]},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": words}]},
        ]
        turn = perform(rehearsal, items, first_agent="greeter", transfer_tool=lambda _from, to: f"transfer_to_{to}")
        return [move.text for move in turn.does if isinstance(move, say)]

    assert told("Your last answer was cut off.") == ["Let me put it differently."]
    assert told("The call's time is up. Say goodbye.") == ["Farewell!"]

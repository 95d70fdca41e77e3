"""Functions that several parts of a rehearsal await."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenario.rehearsal_driver import Stage
from trunkline import Caller, Lines, Phrases, Rehearsal, act, ask, call_tool, say, transfer
from trunkline.scenario.rehearsal import RehearsalError

YES, NO = Phrases("yes"), Phrases("no")


async def sure(caller: Caller, what: str) -> bool:
    """Asks twice."""
    await act(f"{what}?")
    first = (await caller.says(YES, NO)).meant is YES
    return first and (await act(ask("Really?", YES, NO))).meant is YES


async def looked_up(thing: str) -> str:
    await act(say("Einen Moment.", "de"))
    return str(await act(call_tool("look_up", thing=thing)))


def shop() -> Rehearsal:
    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Hello."
        if await sure(caller, "Boots"):
            yield f"There are {await looked_up('boots')}."
        if await sure(caller, "Home"):
            await home()
            yield "The door is locked."

    @rehearsal.plays("porter")
    async def porter(_caller: Caller) -> Lines:
        yield "Good night."

    return rehearsal


async def home() -> None:
    await act(transfer("porter"))


def test_a_function_speaks_listens_calls_and_returns() -> None:
    stage = Stage(shop(), "clerk", outputs={"look_up": "7"})
    assert stage.plays("hi") == "Hello. Boots?"
    assert stage.plays("yes") == "Really?"
    assert stage.plays("yes") == "Einen Moment. There are 7. Home?"
    assert stage.calls == [call_tool("look_up", thing="boots")]


def test_a_line_keeps_its_language() -> None:
    stage = Stage(shop(), "clerk")
    for words in ("hi", "yes"):
        stage.plays(words)
    assert say("Einen Moment.", "de") in stage.turn("yes").does


def test_a_function_may_hand_over() -> None:
    stage = Stage(shop(), "clerk")
    for words in ("hi", "no", "yes"):
        stage.plays(words)
    assert stage.plays("yes") == "Good night."


def test_it_continues_after_a_refused_transfer() -> None:
    stage = Stage(shop(), "clerk")
    for words in ("hi", "no", "yes"):
        stage.plays(words)
    stage.turn("yes")
    stage.finish({"error": "no"})
    assert stage.plays() == "The door is locked."


def test_the_question_waits_for_its_own_meanings() -> None:
    stage = Stage(shop(), "clerk")
    assert stage.turn("hi").expects == (YES, NO)


def test_a_function_may_await_nothing_else() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(_caller: Caller) -> Lines:
        await asyncio.sleep(0)
        yield "Hello."

    with pytest.raises(RehearsalError, match="may await only the caller"):
        Stage(rehearsal, "clerk").turn("hi")

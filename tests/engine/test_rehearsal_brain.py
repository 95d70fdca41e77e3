"""Replies that a rehearsal expects, as a recogniser asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Phrases, Rehearsal, Scenario, transfer
from trunkline.engine.brains import BrainRequest, ExpectingBrain, TextDelta, ToolCallDelta
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain

rehearsal = Rehearsal()


@rehearsal.plays("desk")
async def desk(caller: Caller) -> Lines:
    yield "Shall we begin?"
    await caller.says(Phrases("yes [please]"), Phrases("not now"))
    yield "Thank you."
    yield transfer("bookKeeper")


@rehearsal.plays("bookKeeper")
async def book_keeper(caller: Caller) -> Lines:
    yield "I keep the books."


HOST: RealtimeAgent[Any] = RealtimeAgent(name="desk")
SCENARIO = Scenario("desk", agents=[HOST, RealtimeAgent(name="bookKeeper")], rehearsal=rehearsal)


@pytest.mark.parametrize(("text", "expected"), [("Yes, please.", True), ("not now", True), ("knock now", False)])
def test_the_phrases_of_the_question_are_expected(text: str, expected: bool) -> None:
    brain = RehearsalBrain(SCENARIO, rehearsal)
    assert isinstance(brain, ExpectingBrain)
    items = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Shall we begin?"}]}]
    assert brain.expects(BrainRequest("desk", items=items)).is_expected(text) is expected


def message(role: str, text: str) -> dict[str, Any]:
    part = {"type": "output_text" if role == "assistant" else "input_text", "text": text}
    return {"type": "message", "role": role, "content": [part]}


@pytest.mark.parametrize(
    ("offered", "called"),
    [
        (["other", "transfer_to_bookKeeper"], "transfer_to_bookKeeper"),
        (["transfer_to_bookKeeper", "transfer_to_bookkeeper"], "transfer_to_bookkeeper"),
        (["other"], "transfer_to_bookkeeper"),
    ],
)
async def test_a_handoff_has_the_name_that_the_client_offers(offered: list[str], called: str) -> None:
    items = [message("assistant", "Shall we begin?"), message("user", "yes")]
    request = BrainRequest("desk", items=items, tools=[{"type": "function", "name": name} for name in offered])
    said, call = [output async for output in RehearsalBrain(SCENARIO, rehearsal).respond(request)]
    assert said == TextDelta("Thank you.")
    assert isinstance(call, ToolCallDelta)
    assert call.name == called


async def test_a_handoff_under_the_clients_name_is_a_handoff() -> None:
    items: list[dict[str, Any]] = [
        message("assistant", "Shall we begin?"),
        message("user", "yes"),
        message("assistant", "Thank you."),
        {"type": "function_call", "call_id": "c1", "name": "transfer_to_bookKeeper", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": '{"assistant": "bookKeeper"}'},
    ]
    brain = RehearsalBrain(SCENARIO, rehearsal)
    (said,) = [output async for output in brain.respond(BrainRequest("desk", items=items))]
    assert said == TextDelta("I keep the books.")

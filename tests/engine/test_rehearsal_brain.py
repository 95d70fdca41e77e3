"""Replies that a rehearsal expects, as a recogniser asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Phrases, Rehearsal, Scenario
from trunkline.engine.brains import BrainRequest, ExpectingBrain
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain

rehearsal = Rehearsal()


@rehearsal.plays("desk")
async def desk(caller: Caller) -> Lines:
    yield "Shall we begin?"
    await caller.says(Phrases("yes [please]"), Phrases("not now"))
    yield "Thank you."


HOST: RealtimeAgent[Any] = RealtimeAgent(name="desk")
SCENARIO = Scenario("desk", agents=[HOST], rehearsal=rehearsal)


@pytest.mark.parametrize(("text", "expected"), [("Yes, please.", True), ("not now", True), ("knock now", False)])
def test_the_phrases_of_the_question_are_expected(text: str, expected: bool) -> None:
    brain = RehearsalBrain(SCENARIO, rehearsal)
    assert isinstance(brain, ExpectingBrain)
    items = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Shall we begin?"}]}]
    assert brain.expects(BrainRequest("desk", items=items)).is_expected(text) is expected

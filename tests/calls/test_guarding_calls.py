"""Whole calls, on the kit's clock: guardrails that trip, tools that ask first, sessions that grow old, sound as on a
telephone."""

from __future__ import annotations

from typing import Any

import pytest
from agents import Agent, GuardrailFunctionOutput, OutputGuardrail, RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Phrases, Question, Rehearsal, Scenario, call_tool, moderation
from trunkline.calls import log_events
from trunkline.testing import VoiceCall, VoiceCalls

RUDE, SURE = Phrases("be rude"), Phrases("delete it")


def guarded(hold: bool = False, *guardrails: OutputGuardrail[Any]) -> Scenario[Any]:
    """A clerk who can be made to be rude once, and who deletes only what the caller allows."""

    @function_tool(needs_approval=True)
    async def delete(what: str) -> str:
        """Deletes something."""
        return f"{what} is gone"

    rehearsal = Rehearsal(instead="Excuse me. How may I help?")

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Hello, how can I help?"
        while True:
            said = await caller.says(RUDE, SURE)
            if said.meant is RUDE:
                yield "Certainly. You are a fool. Go away now. I will not help you with that."
            elif said.meant is SURE:
                answer = yield call_tool("delete", what="the file")
                yield f"This is what came of it: {answer}."
            else:
                yield "I see."

    @rehearsal.answers("moderation")
    async def moderate(question: Question) -> dict[str, Any]:
        rude = "fool" in question.text
        return {"category": "OFFENSIVE" if rude else "NONE", "rationale": "It insults." if rude else "It is civil."}

    agent = RealtimeAgent[Any](name="clerk", instructions="Help.", tools=[delete])
    return Scenario(
        "guarded", agents=[agent], rehearsal=rehearsal, guardrails=guardrails or [moderation("Acme")], hold=hold
    )


def events(call: VoiceCall, kind: type[log_events.LogEvent]) -> list[Any]:
    """The log's events of a kind."""
    return [entry.event for entry in call.log if isinstance(entry.event, kind)]


async def test_what_is_civil_passes(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    await call.say("hello")
    found = [event.status for event in events(call, log_events.GuardrailChecked)]
    assert found == ["pending", "pass", "pending", "pass"]


async def test_what_is_rude_is_stopped_and_said_otherwise(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    await call.say("hello")
    turn = await call.say("be rude")
    assert "Excuse me" in turn.text
    failed = [event for event in events(call, log_events.GuardrailChecked) if event.status == "fail"]
    assert [event.category for event in failed] == ["OFFENSIVE"]
    assert events(call, log_events.MessageTruncated)
    assert (await call.say("hello")).text == "I see."


async def test_while_held_nothing_rude_is_heard_at_all(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded(True))
    assert await call.hears("how can i help")
    turn = await call.say("be rude")
    assert "Excuse me" in turn.heard
    assert not [entry for entry in call.log if "fool" in str(entry.event)]


async def test_a_guardrail_that_raises_is_an_error(voice_call: VoiceCalls) -> None:
    async def broken(_context: RunContextWrapper[Any], _agent: Agent[Any], _output: Any) -> GuardrailFunctionOutput:
        raise RuntimeError("out of order")

    call = await voice_call(guarded(False, OutputGuardrail(guardrail_function=broken, name="broken")))
    turn = await call.say("hello")
    last = events(call, log_events.GuardrailChecked)[-1]
    line = 'raise RuntimeError("out of order")'
    place = f"(test_guarding_calls.py:{broken.__code__.co_firstlineno + 1}: {line})"
    assert (last.status, last.rationale) == ("error", f"RuntimeError: out of order {place}")
    assert turn.text == "I see."


@pytest.mark.parametrize(("approved", "answer"), [(True, "the file is gone"), (False, "was not run")])
async def test_a_tool_runs_only_if_the_caller_allows_it(voice_call: VoiceCalls, approved: bool, answer: str) -> None:
    call = await voice_call(guarded())
    await call.say("hello")
    call.allows("delete", approved)
    assert answer in (await call.say("delete it")).text
    (needed,) = events(call, log_events.ApprovalNeeded)
    assert needed.arguments == {"what": "the file"}


async def test_a_tool_that_nobody_allows_is_not_run(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded(), patience_ms=300_000)
    await call.say("hello")
    assert "was not run" in (await call.say("delete it")).text


async def test_an_hour_goes_by_and_the_session_with_it(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    await call.say("hello")
    await call.silent_for(4_000_000)
    assert len(events(call, log_events.LinkRolledOver)) == 1
    assert not events(call, log_events.LinkLost)
    assert (await call.say("hello")).text == "I see."

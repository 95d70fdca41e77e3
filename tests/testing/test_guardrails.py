"""Guardrails in tests: assertions, and the text that the caller hears of stopped answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from agents import GuardrailFunctionOutput, OutputGuardrail
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Rehearsal, Scenario
from trunkline.testing import VoiceCalls, VoiceFailure

RUDE, KIND = "You are a fool.", "What can I do for you?"


def _look(_context: Any, _agent: Any, said: str) -> GuardrailFunctionOutput:
    if "boom" in said:
        raise ValueError("cannot look at that")
    info = {"category": "OFFENSIVE", "rationale": "It insults."} if "fool" in said else None
    return GuardrailFunctionOutput(output_info=info, tripwire_triggered=info is not None)


RAISED = f'(test_guardrails.py:{_look.__code__.co_firstlineno + 2}: raise ValueError("cannot look at that"))'


moderation: OutputGuardrail[Any] = OutputGuardrail(guardrail_function=_look, name="moderation")
clerk: RealtimeAgent[Any] = RealtimeAgent(name="clerk", instructions="Be kind.", output_guardrails=[moderation])
rehearsal = Rehearsal()


@rehearsal.plays("clerk")
async def clerk_part(caller: Caller) -> Lines:
    yield KIND
    while True:
        said = await caller.says()
        if "insult" in said.text:
            yield RUDE
        elif "boom" in said.text:
            yield "That went boom."
        else:
            yield KIND


def guarded(*, hold: bool = False) -> Scenario[None]:
    return Scenario("guarded", agents=[clerk], rehearsal=rehearsal, hold=hold)


async def test_a_tripped_guardrail_has_its_reason(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    turn = await call.say("insult me")
    look = turn.tripped("moderation", category="OFFENSIVE")
    assert (look.status, look.rationale) == ("fail", "It insults.")
    assert str(look) == "moderation: fail (OFFENSIVE: It insults.)"


async def test_withheld_text_is_not_heard(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded(hold=True))
    turn = await call.say("insult me")
    turn.tripped("moderation")
    assert "fool" not in turn.text
    assert "fool" not in call.timeline()


async def test_guardrails_that_find_nothing(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    turn = await call.say("hello")
    turn.no_guardrail_tripped()
    assert [look.status for look in turn.guardrails] == ["pass"]
    assert "guardrail" not in call.timeline()


async def test_expecting_a_trip_that_did_not_come(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    turn = await call.say("hello")
    with pytest.raises(VoiceFailure, match=r"moderation did not trip. Found: moderation: pass."):
        turn.tripped("moderation")


async def test_expecting_another_category(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    turn = await call.say("insult me")
    with pytest.raises(VoiceFailure, match="tripped, but not for VIOLENCE: Found: moderation: fail"):
        turn.tripped("moderation", category="VIOLENCE")


@pytest.mark.parametrize(("words", "found"), [("insult me", "moderation: fail"), ("boom", "moderation: error")])
async def test_expecting_no_trip(voice_call: VoiceCalls, words: str, found: str) -> None:
    call = await voice_call(guarded())
    await call.say(words)
    with pytest.raises(VoiceFailure, match=f"did not pass a message: {found}") as failed:
        call.no_guardrail_tripped()
    assert f"guardrail {found}" in call.timeline(failed.value)


async def test_a_timeline_has_a_guardrails_result_on_one_line(voice_call: VoiceCalls) -> None:
    call = await voice_call(guarded())
    await call.say("insult me")
    await call.say("boom")
    shown = [line for line in call.timeline().splitlines() if "guardrail" in line]
    assert [line.rpartition("guardrail ")[2] for line in shown] == [
        "moderation: fail (OFFENSIVE: It insults.)",
        f"moderation: error (ValueError: cannot look at that {RAISED})",
    ]
    kinds = {entry.event.__struct_config__.tag for entry in call.log}
    assert {"usage.updated", "turn.latency"} <= kinds
    assert not re.search(r"usage|measured|token|delay", call.timeline())

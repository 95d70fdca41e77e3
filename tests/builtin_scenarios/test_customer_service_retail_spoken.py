"""Snowy Peak Boards by voice: numbers are recognised and reach the tools exactly."""

from __future__ import annotations

import pytest

from tests.builtin_scenarios.snowy_peak import NAME, PHONE
from trunkline.testing import VoiceCalls

spoken_only = pytest.mark.parametrize(
    "voice_mode", [pytest.param("spoken", marks=[pytest.mark.speech, pytest.mark.realtime])]
)


@spoken_only
async def test_a_spoken_number_finds_the_order(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME, agent="returns")
    await call.hears("Jane from returns")
    turn = await call.say("I'd like to return my snowboard", interrupting_after_ms=1500)
    assert "which phone number" in turn.text
    turn = await call.say("two oh six, double five five, oh one double oh", interrupting_after_ms=1500)
    assert "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?" in turn.text
    turn = await call.say("yes that's right")
    turn.called("lookupOrders", phoneNumber=PHONE)
    assert "Twin Tip Snowboard X" in turn.text
    await call.say("yes", interrupting_after_ms=2500)
    turn = await call.say("I want to talk to a human", interrupting_after_ms=2500)
    assert "Shall I put you through to a human?" in turn.text
    turn = await call.say("yes please")
    assert turn.handed_to == "simulatedHuman"
    assert "künstliche Intelligenz" in turn.text
    call.took_path("returns", "simulatedHuman")
    call.answers_within(2500)
    call.leaves_nobody_in_silence(2500)

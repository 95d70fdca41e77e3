"""Callers of Snowy Peak Boards at the points that several tests start from."""

from __future__ import annotations

from trunkline.testing import VoiceCall, VoiceCalls

NAME = "customerServiceRetail"
PHONE = "(206) 555-0100"
VERIFYING = ["Dana", "206 555 0100", "yes", "March 5th 1990", "yes", "4321 from my credit card", "yes"]
ADDRESS = ["742 Evergreen Terrace, Springfield, Oregon 97477", "that's right"]


async def says(call: VoiceCall, *lines: str) -> str:
    """Says one after the other; returns the last answer."""
    text = ""
    for line in lines:
        text = (await call.say(line)).text
    return text


async def verified(voice_call: VoiceCalls, wish: str = "Hi, I'd like to return my snowboard") -> VoiceCall:
    """A caller who has been verified, and is asked for the address."""
    call = await voice_call(NAME)
    assert "street address" in await says(call, wish, *VERIFYING)
    return call


async def at_jane(voice_call: VoiceCalls, wish: str = "Hi, I'd like to return my snowboard") -> VoiceCall:
    """A caller who has been handed to Jane, and is asked whether it is the board."""
    call = await verified(voice_call, wish)
    await says(call, *ADDRESS, "no thanks")
    assert call.agent == "returns"
    return call


async def asked_why(voice_call: VoiceCalls) -> VoiceCall:
    """A caller whom Jane asks why the Twin Tip Snowboard X is to come back."""
    call = await at_jane(voice_call)
    assert "Why" in await says(call, "yes")
    return call

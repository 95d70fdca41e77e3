"""G.711 at 8 kHz between the call and the model: telephone audio."""

from __future__ import annotations

import numpy as np
import pytest

from trunkline.calls import log_events
from trunkline.calls.log_events import Codec
from trunkline.realtime.audio import SAMPLE_RATE
from trunkline.testing import VoiceCall, VoiceCalls

SPOKEN = pytest.mark.parametrize(
    "voice_mode", [pytest.param("spoken", marks=[pytest.mark.speech, pytest.mark.realtime])]
)


def formats(call: VoiceCall) -> set[str]:
    """Return the audio formats of the sessions."""
    updates = [entry.event.event for entry in call.log if isinstance(entry.event, log_events.WireSent)]
    audio = [update["session"].get("audio", {}) for update in updates if update["type"] == "session.update"]
    return {side["format"]["type"] for sides in audio for side in sides.values()}


@pytest.mark.parametrize("codec", ["pcmu", "pcma"])
async def test_a_call_with_telephone_audio(voice_call: VoiceCalls, codec: Codec) -> None:
    call = await voice_call("simpleHandoff", codec=codec)
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    assert formats(call) == {f"audio/{codec}"}


@SPOKEN
async def test_the_caller_is_understood_and_hears_nothing_above_4_khz(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff", codec="pcmu")
    await call.hears("haiku")
    turn = await call.say("I would like a haiku")
    assert turn.handed_to == "haikuWriter"
    audio = np.frombuffer(b"".join(bytes(segment.pcm) for segment in call.playout.segments), "<i2").astype(float)
    power = np.abs(np.fft.rfft(audio)) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    assert power[(hertz > 300) & (hertz < 3400)].sum() > 0.2 * power.sum()
    assert power[hertz > 4200].sum() < 0.001 * power.sum()


async def test_the_codec_may_change_during_a_call(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff")
    await call.silent_for(30_000)
    call.changes_codec("pcma")
    await call.silent_for(2_000)
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    assert formats(call) == {"audio/pcm", "audio/pcma"}
    assert [entry.event.reason for entry in call.log if isinstance(entry.event, log_events.LinkRolledOver)] == [
        "another codec"
    ]

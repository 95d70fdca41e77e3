"""simpleHandoff as its users might test it: typed and spoken with the same lines, and live on a fake provider."""

from __future__ import annotations

import re
import wave
from io import BytesIO
from typing import Literal

import agents.realtime  # noqa: F401 - see test_plugin.py
import pytest

import trunkline.testing.environment
import trunkline.testing.report
from trunkline.builtin_scenarios import simple_handoff
from trunkline.engine.default import local_engine
from trunkline.settings import Settings
from trunkline.testing import ChannelImpairment, VoiceCalls

pytest_plugins = "pytester"
both_ways = pytest.mark.parametrize(
    "voice_mode", ["typed", pytest.param("spoken", marks=[pytest.mark.speech, pytest.mark.realtime])]
)
spoken_only = pytest.mark.parametrize(
    "voice_mode", [pytest.param("spoken", marks=[pytest.mark.speech, pytest.mark.realtime])]
)
ASKS_FOR_TOPIC = "What shall yours be about?"


@both_ways
async def test_a_caller_is_handed_over_and_gets_a_haiku(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    assert ASKS_FOR_TOPIC in turn.text
    turn = await call.say("a haiku about the volcano")
    assert "volcano" in turn.text.lower()
    turn.did_not_call()
    call.took_path("greeter", "haikuWriter")
    call.answers_within(2500)
    call.leaves_nobody_in_silence(2500)


@both_ways
async def test_a_caller_interrupts(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    turn = await call.say("yes please", interrupting_after_ms=800)
    opening = call.turns[0]
    assert opening.interrupted
    assert opening.text.startswith(opening.heard)
    assert 0 < len(opening.heard) < len(opening.text)
    heard_ms = opening.messages[0].heard_ms
    assert heard_ms is not None
    # Typed words arrive at once; speech is detected only after it has begun.
    assert 800 <= heard_ms < (801 if call.mode == "typed" else 1800)
    assert turn.handed_to == "haikuWriter"


@both_ways
async def test_a_caller_declines_and_hangs_up(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff")
    turn = await call.say("no thank you")
    assert "change your mind" in turn.text
    assert turn.handed_to is None
    await call.hang_up()
    assert call.is_over


@both_ways
async def test_a_lost_link_reconnects(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    call.link.drop(1011, "server error")
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    assert call.link.connections == 2


@spoken_only
@pytest.mark.parametrize(
    "line",
    [ChannelImpairment(telephone=True), ChannelImpairment(noise_dbfs=-55), ChannelImpairment(loss=0.03)],
    ids=str,
)
async def test_a_voice_over_an_impaired_channel_is_answered(voice_call: VoiceCalls, line: ChannelImpairment) -> None:
    call = await voice_call("simpleHandoff", impairment=line)
    await call.hears("haiku")
    turn = await call.say("yes please", interrupting_after_ms=300)
    assert call.turns[0].interrupted
    assert turn.text


@spoken_only
@pytest.mark.parametrize(
    ("voice", "stt"), [("joe", "whisper"), ("joe", "sphinx"), ("espeak:en-us+f5", "sphinx")], ids=str
)
async def test_the_callers_voice_and_the_recogniser_can_be_chosen(
    voice_call: VoiceCalls, voice: str, stt: Literal["whisper", "sphinx"]
) -> None:
    call = await voice_call("simpleHandoff", caller_voice=voice, stt=stt)
    await call.hears("haiku")
    turn = await call.say("yes please")
    assert re.findall(r"\w+", turn.recognised.lower())[:2] == ["yes", "please"]
    assert turn.handed_to == "haikuWriter"


@spoken_only
async def test_a_voice_that_does_not_exist_is_refused(voice_call: VoiceCalls) -> None:
    with pytest.raises(LookupError, match="Unknown caller voice 'jim'"):
        await voice_call("simpleHandoff", caller_voice="jim")


@spoken_only
@pytest.mark.parametrize("at", ["input_audio_buffer.speech_started", "input_audio_buffer.committed"])
async def test_speech_while_the_link_drops_is_still_answered(voice_call: VoiceCalls, at: str) -> None:
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    call.link.drop(1006, at=at)
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    assert call.link.connections == 2


@pytest.mark.speech
@pytest.mark.realtime
def test_the_report_has_the_audio_of_spoken_calls(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        async def test_it(voice_call):
            call = await voice_call("simpleHandoff")
            await call.hears("haiku")
            await call.say("yes please", interrupting_after_ms=300)
        """
    )
    pytester.runpytest_inprocess("--voice=spoken", "--voice-report=page.html", "-W", "error").assert_outcomes(passed=1)
    found = re.search(r'data:audio/wav;base64,([^"]+)"', (pytester.path / "page.html").read_text("utf-8"))
    assert found is not None
    import base64

    import numpy as np

    with wave.open(BytesIO(base64.b64decode(found[1]))) as wav:
        assert (wav.getnchannels(), wav.getframerate()) == (2, trunkline.testing.report.RECORDING_RATE)
        sound = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2)
    assert sound.shape[0] > trunkline.testing.report.RECORDING_RATE
    assert abs(sound[:, 0]).max() > 3000, "the caller is not on the left"
    assert abs(sound[:, 1]).max() > 3000, "the agents are not on the right"


@pytest.mark.speech
@pytest.mark.realtime
async def test_live_calls_go_to_the_configured_provider(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    pytester.makepyfile(
        """
        async def test_it(voice_call):
            call = await voice_call("simpleHandoff")
            await call.hears("haiku")
            turn = await call.say("no thank you")
            assert "change your mind" in turn.text
            assert call.mode == "live"
            assert call.log[0].event.provider == "openai"
        """
    )
    scenarios = {"simpleHandoff": simple_handoff}
    settings = Settings(_env_file=None)  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it
    async with local_engine(scenarios, settings, key="k") as server:
        for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "TRUNKLINE_PROVIDER"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_REALTIME_MODEL", "simpleHandoff")
        result = await asyncio.to_thread(pytester.runpytest_inprocess, "--voice=live", "-W", "error")
    result.assert_outcomes(passed=1)

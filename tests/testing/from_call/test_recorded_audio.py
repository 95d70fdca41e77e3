"""Tests with the caller's recorded audio: the parts of the recording, and a call that really was spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import agents.realtime  # noqa: F401 - see test_plugin.py
import numpy as np
import pytest
from numpy.typing import NDArray

import trunkline.testing.report  # noqa: F401 - as above
from tests.testing.from_call import desk as desk_module
from trunkline.calls.log import Entry
from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE
from trunkline.settings import Settings
from trunkline.store.audio.ogg import write_segment
from trunkline.store.audio.opus import FRAME_SAMPLES, OpusEncoder
from trunkline.testing import VoiceCall
from trunkline.testing.caller_audio_file import read_wav
from trunkline.testing.environment import Environment
from trunkline.testing.from_call.comparison import Replay
from trunkline.testing.from_call.read_call import read_call
from trunkline.testing.from_call.recorded_call import Span
from trunkline.testing.from_call.recording import RecordingError, cut_clips
from trunkline.testing.from_call.run_replay import ReplayOptions, run_replay
from trunkline.testing.from_call.side_by_side import side_by_side
from trunkline.testing.from_call.test_file import FromCallOptions, generate_test

pytest_plugins = "pytester"


def ogg_of(path: Path, caller: NDArray[np.int16], agent: NDArray[np.int16]) -> Path:
    """Write a recording as the store does: Ogg Opus, the caller on the left and the agent on the right."""
    pytest.importorskip("av", reason="the extra `store` is not installed")
    length = max(len(caller), len(agent))
    frames = -(-length // FRAME_SAMPLES) + 1  # the codec's delay needs another frame
    both = np.zeros((frames * FRAME_SAMPLES, 2), np.int16)
    both[: len(caller), 0], both[: len(agent), 1] = caller, agent
    path.write_bytes(write_segment(OpusEncoder().encode(both), length))
    return path


def tone(hz: int, ms: int) -> NDArray[np.int16]:
    time = np.arange(ms * SAMPLE_RATE // 1000) / SAMPLE_RATE
    return np.asarray(8_000 * np.sin(2 * np.pi * hz * time), np.int16)


def silence(ms: int) -> NDArray[np.int16]:
    return np.zeros(ms * SAMPLE_RATE // 1000, np.int16)


def pitch_of(pcm: bytes) -> float:
    """Return the strongest frequency in Hz."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples))


def test_a_clip_is_the_callers_side_of_its_span(tmp_path: Path) -> None:
    caller = np.concatenate([silence(1_000), tone(440, 500), silence(500), tone(880, 500)])
    recording = ogg_of(tmp_path / "call.ogg", caller, tone(200, 2_500))
    first, second = tmp_path / "first.wav", tmp_path / "second.wav"
    cut_clips(recording, {first: Span(1_000, 1_500), second: Span(1_900, 2_500)})
    assert len(read_wav(first)) == 500 * BYTES_PER_MS
    assert pitch_of(read_wav(first)) == pytest.approx(440, abs=3)
    assert pitch_of(read_wav(second)) == pytest.approx(880, abs=3)
    assert onset_ms(second) == pytest.approx(100, abs=20)


def onset_ms(path: Path) -> float:
    level = np.abs(np.frombuffer(read_wav(path), "<i2").astype(int))
    return int(np.argmax(level > 2_000)) * 1000 / SAMPLE_RATE


def test_a_clip_has_little_silence_before_the_voice(tmp_path: Path) -> None:
    recording = ogg_of(tmp_path / "call.ogg", np.concatenate([silence(2_000), tone(440, 500)]), tone(200, 2_500))
    cut_clips(recording, {tmp_path / "a.wav": Span(500, 2_500)})
    assert onset_ms(tmp_path / "a.wav") == pytest.approx(300, abs=20)


def test_a_clip_of_silence_stays_as_it_is(tmp_path: Path) -> None:
    recording = ogg_of(tmp_path / "call.ogg", silence(2_000), tone(200, 2_000))
    cut_clips(recording, {tmp_path / "a.wav": Span(500, 1_500)})
    assert len(read_wav(tmp_path / "a.wav")) == 1_000 * BYTES_PER_MS


def test_a_recording_that_is_too_short_says_so(tmp_path: Path) -> None:
    recording = ogg_of(tmp_path / "call.ogg", tone(440, 500), tone(200, 500))
    with pytest.raises(RecordingError, match=r"has 0\.\d s, and the caller speaks at 9\.0 s"):
        cut_clips(recording, {tmp_path / "a.wav": Span(9_000, 9_500)})


def test_a_damaged_recording_says_so(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra `store` is not installed")
    (tmp_path / "call.ogg").write_bytes(b"OggS" + bytes(100))
    with pytest.raises(RecordingError, match="cannot be decoded"):
        cut_clips(tmp_path / "call.ogg", {tmp_path / "a.wav": Span(0, 500)})


# A spoken call ----------------------------------------------------------------------------------------------------
async def hold(call: VoiceCall) -> None:
    await call.say("my printer is broken")
    await call.say("I have a question about my invoice")
    await call.hang_up()


def spoken_call(folder: Path) -> tuple[list[Entry], Path]:
    """Hold a spoken call with the engine, and return its log and its recording."""
    environment = Environment(settings=Settings(_env_file=None, stt="whisper"))  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it

    async def converse() -> tuple[list[Entry], Path]:
        async with await environment.call_factory("spoken") as factory:
            call = await factory.call(desk_module.scenario, caller_voice="joe", stt="whisper")
            await hold(call)
            caller = np.frombuffer(bytes(call.playout.caller_audio), "<i2")
            return list(call.log), ogg_of(folder / "call.ogg", caller, agents_side(call))

    try:
        return asyncio.run(converse())
    finally:
        environment.close()


def agents_side(call: VoiceCall) -> NDArray[np.int16]:
    """Return the agents' audio as played."""
    segments: Iterable[tuple[int, bytes]] = [(int(one.start_ms), bytes(one.pcm)) for one in call.playout.segments]
    side = bytearray(int(call.playout.end_ms + 1_000) * BYTES_PER_MS)
    for start_ms, pcm in segments:
        side[start_ms * BYTES_PER_MS : start_ms * BYTES_PER_MS + len(pcm)] = pcm
    return np.frombuffer(bytes(side), "<i2")


@pytest.mark.speech
@pytest.mark.realtime
def test_a_spoken_call_becomes_a_test_that_plays_the_callers_voice(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_CHAT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    entries, recording = spoken_call(pytester.path)
    recorded = read_call(entries)
    assert recorded.path == ("desk", "billing")
    assert [tool.name for tool in recorded.tools] == ["open_ticket", "find_invoice"]

    test = generate_test(recorded, FromCallOptions(audio=True))
    assert len(test.clips) == 2
    cut_clips(recording, {pytester.path / name: span for name, span in test.clips.items()})
    (pytester.path / "desk.py").write_text(Path(desk_module.__file__).read_text("utf-8"), "utf-8")
    (pytester.path / f"{test.stem}.py").write_text(test.source, "utf-8")
    pytester.makeini("[pytest]\nvoice_scenarios = desk.py")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "spoken").assert_outcomes(passed=1)

    words = pytester.path / "test_words.py"
    words.write_text(generate_test(recorded).source, "utf-8")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", str(words)).assert_outcomes(passed=1)


@pytest.mark.speech
@pytest.mark.realtime
def test_a_spoken_call_is_replayed_with_the_callers_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_CHAT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    entries, recording = spoken_call(tmp_path)
    settings = Settings(_env_file=None)  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it
    options = ReplayOptions([desk_module.__file__], recording, folder=tmp_path)
    replayed: Replay = run_replay(read_call(entries), settings, options)
    assert not replayed.diverges, side_by_side(replayed, 120)

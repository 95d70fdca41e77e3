"""`trunkline call --voice`: audio between a device and a real call."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import types
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.synthetic_caller import said
from trunkline.calls import log_events
from trunkline.realtime.audio import BYTES_PER_MS, ms_to_bytes
from trunkline.settings import Settings
from trunkline.terminal import CallerWords, converse
from trunkline.terminal_audio import FRAME_MS, AudioDeviceError, SoundDevice, SpeakerPage


class WavDevice:
    """A microphone that plays a WAV file once the agent has spoken, and a speaker that plays in real time."""

    def __init__(self, file: Path) -> None:
        with wave.open(str(file)) as recording:
            self._recording = recording.readframes(recording.getnframes())
        self._queued = 0
        self._total = 0
        self._held = False
        self.played_bytes = 0
        self.closed = False
        self.spoke_at: int | None = None

    def start(self, on_captured: Callable[[bytes], None]) -> None:
        self._task = asyncio.create_task(self._run(on_captured))

    def play(self, pcm: bytes) -> None:
        self._queued += len(pcm)
        self._total += len(pcm)

    def clear(self) -> None:
        self._queued = 0

    def hold(self, held: bool) -> None:
        self._held = held

    def close(self) -> None:
        self.closed = True
        self._task.cancel()

    async def _run(self, on_captured: Callable[[bytes], None]) -> None:
        size = ms_to_bytes(FRAME_MS)
        due = asyncio.get_running_loop().time()
        quiet = at = 0
        while True:
            moved = 0 if self._held else min(self._queued, size)
            self._queued -= moved
            self.played_bytes += moved
            quiet = 0 if self._queued or not self._total else quiet + 1
            if quiet > 25 and at < len(self._recording):
                self.spoke_at = self.played_bytes if self.spoke_at is None else self.spoke_at
                frame = self._recording[at : at + size].ljust(size, b"\0")
                at += size
            else:
                frame = bytes(size)
            on_captured(frame)
            due += FRAME_MS / 1000
            await asyncio.sleep(due - asyncio.get_running_loop().time())


async def recorded(text: str, file: Path) -> None:
    pcm = await said(text)
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(24_000)
        recording.writeframes(pcm)


@pytest.mark.speech
@pytest.mark.realtime
async def test_a_caller_who_speaks_into_the_terminal_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    await recorded("yes please", tmp_path / "caller.wav")
    device = WavDevice(tmp_path / "caller.wav")
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        settings = Settings.model_validate({"provider": "local", "stt": "sphinx", "tts": "espeak"})
        calling = asyncio.create_task(converse(settings, "simpleHandoff", None, device))
        out = ""
        try:
            async with asyncio.timeout(60):
                while "What shall yours be about" not in out:
                    await asyncio.sleep(0.1)
                    out += capsys.readouterr().out
        finally:
            os.close(write)
            status = await calling
    assert "Would you like to hear a haiku" in out
    assert "you: yes please" in out
    assert "→ haikuWriter" in out
    assert (device.spoke_at or 0) > ms_to_bytes(1000), "the greeting was played"
    assert device.closed
    assert status == 0


class FakeDevice:
    def __init__(self) -> None:
        self.played_bytes = 0
        self.queued = bytearray()

    def start(self, on_captured: Callable[[bytes], None]) -> None:
        raise AudioDeviceError("The microphone or the speaker cannot be opened: no device. Connect both.")

    def play(self, pcm: bytes) -> None:
        self.queued += pcm

    def clear(self) -> None:
        self.queued.clear()

    def hold(self, held: bool) -> None:
        self.held = held

    def close(self) -> None:
        raise AssertionError("It was never opened.")


async def test_a_missing_microphone_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    settings = Settings.model_validate({"provider": "local"})
    assert await converse(settings, "simpleHandoff", None, FakeDevice()) == 1
    assert "Connect both." in capsys.readouterr().err


async def test_the_page_reports_each_message_as_far_as_it_was_played() -> None:
    device, reports = FakeDevice(), list[tuple[str, int]]()
    page = SpeakerPage(device, lambda item_id, ms: reports.append((item_id, ms)))
    page.push(bytes(100))  # audio before any message is dropped
    page.on_audio_started("one")
    page.push(bytes(ms_to_bytes(500)))
    page.on_audio_started("two")
    page.push(bytes(ms_to_bytes(500)))
    assert len(device.queued) == ms_to_bytes(1000)
    device.played_bytes = ms_to_bytes(250)
    page.report_progress()
    page.report_progress()
    device.played_bytes = ms_to_bytes(700)
    page.report_progress()
    assert reports == [("one", 250), ("one", 500), ("two", 200)]


async def test_cleared_audio_is_not_reported_as_played() -> None:
    device, reports = FakeDevice(), list[tuple[str, int]]()
    page = SpeakerPage(device, lambda item_id, ms: reports.append((item_id, ms)))
    page.on_audio_started("one")
    page.push(bytes(ms_to_bytes(500)))
    device.played_bytes = ms_to_bytes(120)
    page.drop_audio()
    assert not device.queued
    await asyncio.sleep(0)
    page.on_audio_started("two")
    page.push(bytes(ms_to_bytes(500)))
    device.played_bytes = ms_to_bytes(220)
    page.report_progress()
    assert reports == [("one", 120), ("two", 100)]


def test_the_callers_words_grow_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = CallerWords(interactive=True)
    words.on_event(log_events.MessageAdded(item_id="a", role="assistant"))
    words.on_event(log_events.MessageDelta(item_id="a", text="Hello."))
    words.on_event(log_events.MessageAdded(item_id="h", role="user", hidden=True))
    words.on_event(log_events.MessageDone(item_id="h", role="user", text="hi"))
    words.on_event(log_events.MessageDelta(item_id="u", text="could you"))
    words.on_event(log_events.MessageDelta(item_id="u", text=" write\x1b[2J"))
    words.on_event(log_events.MessageDone(item_id="u", role="user", text="could you write one"))
    out = capsys.readouterr().out
    assert "you: could you write\\x1b[2J …" in out
    assert out.endswith("you: could you write one\n")
    assert "Hello." not in out
    assert "you: hi" not in out


def test_other_output_replaces_the_line_of_incomplete_words(capsys: pytest.CaptureFixture[str]) -> None:
    words = CallerWords(interactive=True)
    words.on_event(log_events.MessageDelta(item_id="u", text="could you"))
    capsys.readouterr()
    words.clear_line()
    words.clear_line()
    assert capsys.readouterr().out == "\r"  # the escape is for terminals only
    words.on_event(log_events.MessageDelta(item_id="u", text=" write"))
    assert "you: could you write …" in capsys.readouterr().out


def test_only_complete_words_are_printed_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = CallerWords(interactive=False)
    words.on_event(log_events.MessageDelta(item_id="u", text="could you"))
    words.on_event(log_events.MessageDone(item_id="u", role="user", text="could you write one"))
    assert capsys.readouterr().out == "you: could you write one\n"


class PortAudio(types.ModuleType):
    """A stand-in for the package sounddevice."""

    class PortAudioError(Exception):
        """An error of the devices."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__("sounddevice")
        self.broken = broken
        self.stream: Any = None

    def RawStream(self, **options: Any) -> PortAudio:  # noqa: N802 - the package's name
        if self.broken:
            raise self.PortAudioError("no device")
        self.stream = options
        return self

    def start(self) -> None:
        self.stream["started"] = True

    def close(self) -> None:
        self.stream["closed"] = True


async def test_the_devices_exchange_audio_with_port_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    port_audio = PortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", port_audio)
    device, captured = SoundDevice(), list[bytes]()
    device.start(captured.append)
    assert (port_audio.stream["samplerate"], port_audio.stream["blocksize"]) == (24_000, 480)
    device.play(b"\1\2" * 600)
    speaker = bytearray(960)
    await asyncio.to_thread(port_audio.stream["callback"], b"\5" * 960, speaker, 480, None, None)
    await asyncio.sleep(0)
    assert (bytes(speaker), captured) == (b"\1\2" * 480, [b"\5" * 960])
    port_audio.stream["callback"](bytes(960), speaker, 480, None, None)
    assert bytes(speaker) == b"\1\2" * 120 + bytes(720)
    assert device.played_bytes == 1200 == 25 * BYTES_PER_MS
    device.play(b"\1\2" * 600)
    device.clear()
    port_audio.stream["callback"](bytes(960), speaker, 480, None, None)
    assert bytes(speaker) == bytes(960)
    device.close()
    device.close()
    assert port_audio.stream["closed"]


async def test_devices_that_do_not_open_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", PortAudio(broken=True))
    with pytest.raises(AudioDeviceError, match="cannot be opened: no device"):
        SoundDevice().start(lambda _pcm: None)


def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(AudioDeviceError, match=r"trunkline\[local\]"):
        SoundDevice()

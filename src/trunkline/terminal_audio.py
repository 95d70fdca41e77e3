"""Microphone and speaker of this machine, for `trunkline call --voice`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from trunkline.calls.pages import Page
from trunkline.extras import install_command
from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE

FRAME_MS = 20
REPORT_INTERVAL_S = 0.25


class AudioDeviceError(Exception):
    """The machine's audio cannot be used; the message says how to repair it."""


class AudioDevice(Protocol):
    """A microphone and a speaker. All audio is PCM16 mono at 24 kHz."""

    @property
    def played_bytes(self) -> int:
        """The bytes of queued audio that have been played."""

    def start(self, on_captured: Callable[[bytes], None]) -> None:
        """Open both; call `on_captured` on the event loop with each 20 ms of the microphone's audio.

        Raises:
            AudioDeviceError: a device is missing or in use.
        """

    def play(self, pcm: bytes) -> None:
        """Queue audio for the speaker."""

    def clear(self) -> None:
        """Drop the queued audio at once."""

    def hold(self, held: bool) -> None:
        """Keep the queued audio instead of playing it, while `held` is true."""

    def close(self) -> None:
        """Close both. A second call does nothing."""


class SoundDevice:
    """The default devices of this machine, by PortAudio.

    Raises:
        AudioDeviceError: the package or PortAudio is not installed.
    """

    def __init__(self) -> None:
        try:
            import sounddevice
        except ImportError as error:
            raise AudioDeviceError(f"sounddevice is not installed. Install it: {install_command('local')}") from error
        except OSError as error:
            raise AudioDeviceError("PortAudio is not installed. Install it: apt install libportaudio2") from error
        self._sounddevice = sounddevice
        self._stream: Any = None
        self._lock = threading.Lock()
        self._queued = bytearray()
        self._played = 0
        self._held = False

    @property
    def played_bytes(self) -> int:
        """See `AudioDevice.played_bytes`."""
        return self._played

    def start(self, on_captured: Callable[[bytes], None]) -> None:
        """See `AudioDevice.start`."""
        loop = asyncio.get_running_loop()

        def transfer(captured: Any, played: Any, _frames: int, _time: object, _status: object) -> None:
            """Fill the speaker's buffer and pass the microphone's on; called by a thread of PortAudio."""
            with self._lock:
                ready = b"" if self._held else bytes(self._queued[: len(played)])
                del self._queued[: len(ready)]
                self._played += len(ready)
            played[:] = ready.ljust(len(played), b"\0")
            if not loop.is_closed():
                loop.call_soon_threadsafe(on_captured, bytes(captured))

        try:
            self._stream = self._sounddevice.RawStream(
                samplerate=SAMPLE_RATE,
                blocksize=FRAME_MS * SAMPLE_RATE // 1000,
                channels=1,
                dtype="int16",
                callback=transfer,
            )
            self._stream.start()
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise AudioDeviceError(f"The microphone or the speaker cannot be opened: {error}. Connect both.") from error

    def play(self, pcm: bytes) -> None:
        """See `AudioDevice.play`."""
        with self._lock:
            self._queued += pcm

    def clear(self) -> None:
        """See `AudioDevice.clear`."""
        with self._lock:
            self._queued.clear()

    def hold(self, held: bool) -> None:
        """See `AudioDevice.hold`."""
        with self._lock:
            self._held = held

    def close(self) -> None:
        """See `AudioDevice.close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


@dataclass
class _Segment:
    """Audio of one message, as a range of all bytes that the device was given."""

    item_id: str
    start: int
    end: int


class SpeakerPage(Page):
    """The caller's page: plays the agent's audio and reports its progress. The terminal reads the log itself.

    Args:
        report: receives a message's `item_id` and its played duration in ms.
    """

    reads_log = False

    def __init__(self, device: AudioDevice, report: Callable[[str, int], None]) -> None:
        super().__init__()
        self._device = device
        self._report = report
        self._item_id: str | None = None
        self._message_id: str | None = None
        """The message before a filler."""
        self._segments: list[_Segment] = []
        self._given = 0
        self._reported: dict[str, int] = {}

    def push(self, frame: str | bytes) -> None:
        """Play audio; queue other frames."""
        if isinstance(frame, str):
            super().push(frame)
        elif self._item_id is not None:
            self._device.play(frame)
            if not self._segments or self._segments[-1].item_id != self._item_id:
                self._segments.append(_Segment(self._item_id, self._given, self._given))
            self._given += len(frame)
            self._segments[-1].end = self._given

    def drop_audio(self) -> None:
        """Stop playing, and report the point at which playout stopped."""
        self._device.clear()
        self._given = self._device.played_bytes
        self._segments = [segment for segment in self._segments if segment.start <= self._given]
        if self._segments:
            self._segments[-1].end = min(self._segments[-1].end, self._given)
        asyncio.get_running_loop().call_soon(self.report_progress)

    def on_audio_started(self, item_id: str) -> None:
        """Assign the audio that follows to this message."""
        self._item_id = item_id

    def on_audio_held(self, held: bool) -> None:
        """Hold the audio while the caller's speech over it is undecided."""
        self._device.hold(held)

    def on_filler_started(self, filler_id: str) -> None:
        """Assign the audio that follows to a filler of the call."""
        self._message_id, self._item_id = self._item_id, filler_id

    def on_filler_done(self) -> None:
        """Assign the audio that follows to the message before the filler."""
        self._item_id = self._message_id

    def report_progress(self) -> None:
        """Report the messages that were played further since the last report."""
        played = self._device.played_bytes
        for segment in self._segments:
            ms = (min(played, segment.end) - segment.start) // BYTES_PER_MS
            if ms >= 0 and self._reported.get(segment.item_id) != ms:
                self._reported[segment.item_id] = ms
                self._report(segment.item_id, ms)
        self._segments = [segment for segment in self._segments if segment.end > played] or self._segments[-1:]

    async def report_periodically(self) -> None:
        """Report the progress about four times a second, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            self.report_progress()

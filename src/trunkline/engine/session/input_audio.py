"""Input audio buffer: received audio before its commit, in the format of the wire.

Each appended byte is committed in a turn, is still in the buffer, or was discarded (by `clear`, or as silence before
speech). Times are milliseconds of audio since the start of the session.
"""

from __future__ import annotations

from trunkline.realtime.audio import FORMATS, AudioFormat

MAX_BYTES = 30 << 20
"""Capacity of the buffer: about ten minutes of PCM16 at 24 kHz."""


class InputAudio:
    """The buffer, and its position in all received audio."""

    def __init__(self, format_type: str = "audio/pcm") -> None:
        self.format: AudioFormat = FORMATS[format_type]
        self._buffer = bytearray()
        self._origin_ms = 0
        self._origin = 0
        self._start = 0

    @property
    def start_ms(self) -> int:
        """The position of the first audio in the buffer."""
        return self._ms(self._start)

    @property
    def end_ms(self) -> int:
        """The duration of all received audio."""
        return self._ms(self._start + len(self._buffer))

    @property
    def bytes_per_ms(self) -> int:
        """The size of 1 ms of audio: 48 bytes for PCM16, 8 for G.711."""
        return self.format.ms_to_bytes(1)

    @property
    def size(self) -> int:
        """The size of the buffer's content in bytes."""
        return len(self._buffer)

    @property
    def ms(self) -> float:
        """The duration of the buffer's content."""
        return len(self._buffer) / self.bytes_per_ms

    def append(self, audio: bytes) -> None:
        """Add audio at the end."""
        self._buffer += audio

    def between(self, from_ms: int, to_ms: int | None = None) -> bytes:
        """Return a copy of the audio between two positions."""
        end = len(self._buffer) if to_ms is None else self._index(to_ms)
        return bytes(self._buffer[self._index(from_ms) : end])

    def take(self, until_ms: int | None = None) -> bytes:
        """Remove and return the audio from the start to `until_ms`, or all of it."""
        end = len(self._buffer) if until_ms is None else self._index(until_ms)
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._start += end
        return taken

    def discard_before(self, ms: int) -> None:
        """Discard the audio before a position."""
        if ms > self.start_ms:
            self.take(ms)

    def clear(self) -> None:
        """Discard all audio."""
        self.take()

    def change_format(self, format_type: str) -> None:
        """Set the format of the next audio, and convert the audio in the buffer."""
        if format_type == self.format.type:
            return
        old, start_ms = self.format, self.start_ms
        decoder = old.decoder()
        native = decoder.feed(bytes(self._buffer)) + decoder.flush()
        self.format = FORMATS[format_type]
        encoder = self.format.encoder()
        self._buffer = bytearray(encoder.feed(native) + encoder.flush())
        self._origin_ms, self._origin = start_ms, self._start

    def _ms(self, position: int) -> int:
        return self._origin_ms + (position - self._origin) // self.bytes_per_ms

    def _index(self, ms: int) -> int:
        position = self._origin + (ms - self._origin_ms) * self.bytes_per_ms
        return min(max(position - self._start, 0), len(self._buffer))

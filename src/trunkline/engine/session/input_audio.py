"""The input audio buffer: sound received and not yet committed, in the wire's own format.

Every byte that was appended ends up in exactly one place: in a committed turn, in the buffer, or discarded (by
`clear`, or as silence before the caller speaks). Times are milliseconds of sound since the session began.
"""

from __future__ import annotations

from trunkline.realtime.audio import FORMATS, AudioFormat

MAX_BYTES = 30 << 20
"""As much sound as the buffer holds: about ten minutes of PCM16 at 24 kHz."""


class InputAudio:
    """The buffer and its place in all the sound received."""

    def __init__(self, format_type: str = "audio/pcm") -> None:
        self.format: AudioFormat = FORMATS[format_type]
        self._buffer = bytearray()
        self._origin_ms = 0
        self._origin = 0
        self._start = 0

    @property
    def start_ms(self) -> int:
        """When the first sound in the buffer was received."""
        return self._ms(self._start)

    @property
    def end_ms(self) -> int:
        """All the sound received so far."""
        return self._ms(self._start + len(self._buffer))

    @property
    def bytes_per_ms(self) -> int:
        """48 for PCM16, 8 for G.711."""
        return self.format.ms_to_bytes(1)

    @property
    def size(self) -> int:
        """Bytes in the buffer."""
        return len(self._buffer)

    @property
    def ms(self) -> float:
        """Sound in the buffer."""
        return len(self._buffer) / self.bytes_per_ms

    def append(self, sound: bytes) -> None:
        """More sound."""
        self._buffer += sound

    def between(self, from_ms: int, to_ms: int | None = None) -> bytes:
        """A copy of a stretch of the buffer."""
        end = len(self._buffer) if to_ms is None else self._index(to_ms)
        return bytes(self._buffer[self._index(from_ms) : end])

    def take(self, until_ms: int | None = None) -> bytes:
        """Takes the sound out of the buffer, from its start to `until_ms` or its end."""
        end = len(self._buffer) if until_ms is None else self._index(until_ms)
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._start += end
        return taken

    def discard_before(self, ms: int) -> None:
        """Forgets the sound before that time."""
        if ms > self.start_ms:
            self.take(ms)

    def clear(self) -> None:
        """Forgets all of it."""
        self.take()

    def change_format(self, format_type: str) -> None:
        """Sound comes in another format from now on; what is in the buffer is converted."""
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

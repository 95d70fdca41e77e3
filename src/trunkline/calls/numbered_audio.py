"""Numbered audio of a caller on the relay: after a lost socket, the page sends the audio again that is not understood.

A position is a number of samples at 24 kHz since the start of the leg. The page keeps its latest audio. When it
connects, the server says at which position it continues, and the page says at which it begins. Then nothing is missing
and nothing is heard twice. Audio that has waited in the page arrives faster than it was spoken.
"""

from __future__ import annotations

from trunkline.realtime.audio import BYTES_PER_MS

BYTES_PER_SAMPLE = 2


class NumberedAudio:
    """Positions of one leg's audio. It has no clock.

    Args:
        start: the position at which the audio continues, for a call of another server.
    """

    def __init__(self, start: int = 0) -> None:
        self._end_bytes = start * BYTES_PER_SAMPLE
        self._repeated_bytes = 0
        """The bytes that follow and that the leg has sent before."""
        self._late_bytes = 0
        """The bytes that follow and that have waited in the page."""
        self.is_used = False
        """True if the page on the present socket numbers its audio, so that it can send it again."""
        self._acknowledged = start

    @property
    def end(self) -> int:
        """The position after the latest audio."""
        return self._end_bytes // BYTES_PER_SAMPLE

    @property
    def is_resent(self) -> bool:
        """True while audio follows that is repeated or late: then it passes through `take`."""
        return self._repeated_bytes > 0 or self._late_bytes > 0

    def on_socket(self) -> None:
        """Begin with another socket; its page may not number the audio."""
        self.is_used = False
        self._repeated_bytes = self._late_bytes = 0

    def begin(self, position: int, late_ms: float) -> None:
        """Handle the page's word on the next audio.

        Args:
            position: that of the next sample. Audio before `end` is repeated; beyond it, the audio between is lost.
            late_ms: duration of the audio from there on that has waited in the page.
        """
        self.is_used = True
        start = position * BYTES_PER_SAMPLE
        self._repeated_bytes = max(0, self._end_bytes - start)
        self._late_bytes = max(0, round(late_ms) * BYTES_PER_MS - self._repeated_bytes)
        self._end_bytes = max(self._end_bytes, start)

    def add(self, size: int) -> None:
        """Count `size` bytes of new audio."""
        self._end_bytes += size

    def take(self, pcm: bytes) -> tuple[bytes, float | None]:
        """Count audio while `is_resent`.

        Returns:
            The part of it that is new, and the time in ms since it was spoken; None for audio that is not late.
        """
        dropped = min(len(pcm), self._repeated_bytes)
        self._repeated_bytes -= dropped
        new = pcm[dropped:]
        self._end_bytes += len(new)
        if not self._late_bytes:
            return new, None
        self._late_bytes = max(0, self._late_bytes - len(new))
        return new, self._late_bytes / BYTES_PER_MS

    def position_before(self, size: int) -> int:
        """Return the position `size` bytes before the end."""
        return max(0, self._end_bytes - size) // BYTES_PER_SAMPLE

    def take_acknowledgement(self, position: int) -> int | None:
        """Return a position that the page must know: it needs no audio before it. None if it knows that."""
        if not self.is_used or position <= self._acknowledged:
            return None
        self._acknowledged = position
        return position

"""Fillers in a recording: the page plays each when it arrives, and the log says when it stopped."""

from __future__ import annotations

from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.store.audio.placement import SAMPLES_PER_MS, Placed


class FillerVoice:
    """The call's fillers that the caller has heard, over any transport."""

    def __init__(self) -> None:
        self._pcm: bytearray | None = None
        self._began_ms = 0.0
        self._placed = 0

    @property
    def is_open(self) -> bool:
        """True from `filler.started` to `filler.done`: the frames to the page belong to the filler."""
        return self._pcm is not None

    def on_started(self, at_ms: float, output_ms: float) -> None:
        """Note `filler.started`; the page's audio needs `output_ms` to the loudspeaker."""
        self._pcm, self._began_ms, self._placed = bytearray(), at_ms + output_ms, 0

    def on_sent(self, pcm: bytes) -> None:
        """Note a frame of the filler that was sent to the page."""
        if self._pcm is not None:
            self._pcm += pcm

    def on_done(self, ms: int) -> list[Placed]:
        """Note `filler.done`: `ms` of the filler were heard."""
        placed = self._until(ms * BYTES_PER_MS)
        self._pcm = None
        return placed

    def settle(self, now_ms: float) -> list[Placed]:
        """Return the audio that was heard by now."""
        return self._until(int((now_ms - self._began_ms) * BYTES_PER_MS) & ~1)

    def _until(self, size: int) -> list[Placed]:
        if self._pcm is None or size <= self._placed:
            return []
        start = round(self._began_ms * SAMPLES_PER_MS) + self._placed // 2
        pcm = bytes(self._pcm[self._placed : size])
        self._placed += len(pcm)
        return [Placed(start, pcm)] if pcm else []

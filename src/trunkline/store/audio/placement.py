"""Placement of an audio stream on the call's timeline.

Audio arrives in chunks, each at a time of the call. A chunk ends when it arrives, at the earliest, but its arrival is
late by the jitter of the network. So a chunk follows the one before it without a gap, unless the stream stays late. A
stream that is late because the network stood still catches up within moments, and has no gap; one that had paused stays
late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trunkline.realtime.audio import SAMPLE_RATE

SAMPLES_PER_MS = SAMPLE_RATE // 1000
MAX_JITTER_MS = 60.0
"""Lateness by jitter, which leaves no gap."""
CATCH_UP_MS = 400.0
"""Time in which a late stream may catch up."""
DRIFT_WINDOW_MS = 2000.0
"""Time over which the lateness of a stream is measured: the two clocks differ a little."""
MAX_DRIFT_MS = 8.0
"""Lateness of a whole window that is corrected at the next quiet place."""
MAX_LOUD_DRIFT_MS = 16.0
"""Lateness of a whole window that is corrected at once."""
MAX_AHEAD_MS = 200.0
"""A stream that is further ahead of its arrival loses only silence: speech that a program sends at once stays whole."""
_QUIET = 400
"""Peak of PCM16 below which a correction cannot be heard."""


class Placed(NamedTuple):
    """Audio at its place: `start` counts samples at 24 kHz from the call's start.

    `item_id` is the message that the audio belongs to, if the stream has several.
    """

    start: int
    pcm: bytes
    item_id: str = ""


@dataclass
class _Chunk:
    pcm: bytes
    samples: int
    arrived: int
    """Sample of the timeline at which the chunk arrived."""
    item_id: str


class StreamPlacement:
    """Placement of one stream of PCM16 at 24 kHz. It has no clock.

    Args:
        channels: the interleaved channels of the stream.
    """

    def __init__(self, channels: int = 1) -> None:
        self._bytes_per_sample = 2 * channels
        self._waiting: deque[_Chunk] = deque()
        """Chunks of a late stream."""
        self._end: int | None = None
        self._window_began = 0
        self._least_late: int | None = None
        """Least lateness of the window, in samples."""
        self._correction = 0
        """Samples by which the stream is late, or ahead if negative."""

    def add(self, pcm: bytes, at_ms: float, item_id: str = "") -> list[Placed]:
        """Add a chunk that arrived, or was heard to its end, at `at_ms`. Return the audio that has its place now."""
        samples = len(pcm) // self._bytes_per_sample
        if samples == 0:
            return []
        chunk = _Chunk(pcm[: samples * self._bytes_per_sample], samples, round(at_ms * SAMPLES_PER_MS), item_id)
        self._waiting.append(chunk)
        return self._place(chunk.arrived)

    def settle(self, now_ms: float) -> list[Placed]:
        """Return the audio that has its place by now. Call this every half second."""
        return self._place(round(now_ms * SAMPLES_PER_MS))

    def finish(self) -> list[Placed]:
        """Return the rest of the audio."""
        return self._place(None)

    def _place(self, now: int | None) -> list[Placed]:
        placed: list[Placed] = []
        while self._waiting:
            chunk = self._waiting[0]
            end = self._end
            late = chunk.arrived - chunk.samples - (end or 0)
            if end is None or late > MAX_JITTER_MS * SAMPLES_PER_MS:
                if now is not None and now - chunk.arrived < CATCH_UP_MS * SAMPLES_PER_MS:
                    break
                gap = self._gap()
                self._end = max(0, (end or 0) + (gap if end is None or gap > MAX_JITTER_MS * SAMPLES_PER_MS else 0))
                self._forget_lateness(chunk.arrived)
            else:
                self._measure(late, chunk.arrived)
            placed.append(self._append(self._waiting.popleft()))
        return placed

    def _gap(self) -> int:
        """Return the gap before the first waiting chunk: the least lateness of the chunks that wait."""
        position = self._end or 0
        gap: int | None = None
        for chunk in self._waiting:
            late = chunk.arrived - chunk.samples - position
            gap = late if gap is None else min(gap, late)
            position += chunk.samples
        return max(0, gap or 0)

    def _append(self, chunk: _Chunk) -> Placed:
        pcm = chunk.pcm
        start = self._end or 0
        if self._correction:
            corrected = self._corrected(pcm, start)
            if corrected is not None:
                start, pcm = corrected
        self._end = start + len(pcm) // self._bytes_per_sample
        return Placed(start, pcm, chunk.item_id)

    # Drift of the two clocks ----------------------------------------------------------------------------------------
    def _measure(self, late: int, arrived: int) -> None:
        self._least_late = late if self._least_late is None else min(self._least_late, late)
        if arrived - self._window_began < DRIFT_WINDOW_MS * SAMPLES_PER_MS:
            return
        least = self._least_late
        if abs(least) > MAX_DRIFT_MS * SAMPLES_PER_MS:
            self._correction = least
        self._forget_lateness(arrived, keep_correction=True)

    def _forget_lateness(self, arrived: int, *, keep_correction: bool = False) -> None:
        self._window_began, self._least_late = arrived, None
        if not keep_correction:
            self._correction = 0

    def _corrected(self, pcm: bytes, start: int) -> tuple[int, bytes] | None:
        """Return the corrected place and audio of a chunk; None if a quieter place should come."""
        off = self._correction
        samples = np.frombuffer(pcm, "<i2")
        may_cut_speech = abs(off) >= MAX_LOUD_DRIFT_MS * SAMPLES_PER_MS and off > -MAX_AHEAD_MS * SAMPLES_PER_MS
        if not may_cut_speech and np.abs(samples.astype(np.int32)).max() > _QUIET:
            return None
        self._correction = 0
        if off > 0:
            return start + off, pcm
        cut = min(-off, len(pcm) // self._bytes_per_sample - 1)
        self._correction = off + cut
        return start, pcm[cut * self._bytes_per_sample :]

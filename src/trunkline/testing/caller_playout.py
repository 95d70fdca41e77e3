"""The caller's loudspeaker: it plays what the call sends, on the loop's clock, and reports it as a page does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trunkline.calls.pages import Page
from trunkline.realtime.audio import BYTES_PER_MS

REPORT_INTERVAL_MS = 250
"""A page reports about four times a second."""
_ROUNDING_MS = 0.5
"""Closer than this, two moments are the same: clocks are sums of fractions."""


@dataclass
class AudioSegment:
    """Sound of one message, played without a gap. Times are ms of the call's clock. `pcm` only if it is kept."""

    item_id: str
    start_ms: float
    end_ms: float
    pcm: bytearray = field(default_factory=bytearray)

    def played_ms(self, now_ms: float) -> float:
        """How much of it has been played."""
        return max(0.0, min(now_ms, self.end_ms) - self.start_ms)


class CallerPlayout(Page):
    """The caller's page. It reads no frames of the log, as whoever tests has the log itself.

    Args:
        now_ms: the call's clock.
        report: tells the call that so many ms of a message have been played.
        records_audio: whether the segments keep what was played, for a recording.
    """

    reads_log = False

    def __init__(
        self,
        now_ms: Callable[[], float],
        report: Callable[[str, int], None],
        *,
        report_interval_ms: int = REPORT_INTERVAL_MS,
        records_audio: bool = False,
    ) -> None:
        super().__init__()
        self.segments: list[AudioSegment] = []
        self._now_ms = now_ms
        self._report = report
        self._interval_s = report_interval_ms / 1000
        self._records_audio = records_audio
        self._item_id: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reported_ms: dict[str, int] = {}
        self.caller_audio = bytearray()
        """What the caller sent, from the beginning of the call on, where sound is kept."""
        self._finished = 0
        """How many segments have been reported to their end."""

    # The page's side ------------------------------------------------------------------------------------------------
    def push_history(self, frames: Sequence[str]) -> None:
        """What was there before is in the log."""

    def push(self, frame: str | bytes) -> None:
        """Plays sound behind what is playing."""
        if isinstance(frame, bytes) and self._item_id is not None:
            self._play(self._item_id, frame)

    def drop_audio(self) -> None:
        """Silence comes by `cleared`."""

    def record_caller(self, pcm: bytes) -> None:
        """The caller's own sound, for the recording."""
        if self._records_audio:
            self.caller_audio += pcm

    # What the log tells ---------------------------------------------------------------------------------------------
    def on_audio_started(self, item_id: str) -> None:
        """The sound that comes next belongs to this message."""
        self._item_id = item_id

    def on_audio_cleared(self) -> None:
        """Drops what is not played yet, and reports where the playing message was stopped."""
        now = self._now_ms()
        stopped = next((one for one in self.segments if one.end_ms > now + _ROUNDING_MS), None)
        if stopped is None:
            return
        asyncio.get_running_loop().call_soon(self._report_played, stopped.item_id, self.heard_ms(stopped.item_id))
        self.segments = [one for one in self.segments if one.start_ms < now]
        self._finished = len(self.segments)
        for segment in self.segments:
            if segment.end_ms > now:
                del segment.pcm[int(now - segment.start_ms) * BYTES_PER_MS :]
                segment.end_ms = now

    def stop(self) -> None:
        """The call is over: nothing more is reported."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What was heard -------------------------------------------------------------------------------------------------
    @property
    def end_ms(self) -> float:
        """When all that has come will have been played."""
        return self.segments[-1].end_ms if self.segments else 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is playing."""
        return self.end_ms <= self._now_ms() + _ROUNDING_MS

    def heard_ms(self, item_id: str) -> int:
        """How much of a message has been played."""
        now = self._now_ms()
        played = 0.0
        for segment in reversed(self.segments):  # what is asked for is among the latest
            if segment.item_id == item_id:
                played += segment.played_ms(now)
            elif played:
                break
        return round(played)

    def played_at_ms(self, ms: float, since_ms: float) -> float | None:
        """When `ms` of the sound that began at or after `since_ms` will have been played; None if there is less."""
        left = ms
        for segment in self.segments:
            if segment.start_ms < since_ms:
                continue
            length = segment.end_ms - segment.start_ms
            if left <= length:
                return segment.start_ms + left
            left -= length
        return None

    def duration_since(self, since_ms: float) -> float:
        """How much sound that began at or after `since_ms` has come, played or to be played."""
        return sum(one.end_ms - one.start_ms for one in self.segments if one.start_ms >= since_ms)

    def _play(self, item_id: str, pcm: bytes) -> None:
        now, ms = self._now_ms(), len(pcm) / BYTES_PER_MS
        last = self.segments[-1] if self.segments else None
        kept = pcm if self._records_audio else b""
        if last is not None and last.item_id == item_id and last.end_ms >= now:
            last.end_ms += ms
            last.pcm += kept
        else:
            starts = max(now, last.end_ms) if last else now
            self.segments.append(AudioSegment(item_id, starts, starts + ms, bytearray(kept)))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._report_progress)

    def _report_progress(self) -> None:
        now = self._now_ms() + _ROUNDING_MS
        self._timer = None
        for segment in self.segments[self._finished :]:
            if segment.start_ms < now:
                self._report_played(segment.item_id, self.heard_ms(segment.item_id))
            if segment.end_ms <= now:
                self._finished += 1
        left_s = (self.end_ms - self._now_ms()) / 1000
        if left_s * 1000 > _ROUNDING_MS:
            self._timer = asyncio.get_running_loop().call_later(min(left_s, self._interval_s), self._report_progress)

    def _report_played(self, item_id: str, ms: int) -> None:
        if self._reported_ms.get(item_id) != ms:
            self._reported_ms[item_id] = ms
            self._report(item_id, ms)

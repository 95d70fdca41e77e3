"""The caller's loudspeaker: it plays what the call sends, on the loop's clock, and reports it as a page does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trunkline.calls.pages import Page
from trunkline.realtime.audio import BYTES_PER_MS

REPORT_EVERY_MS = 250
"""A page reports about four times a second."""
_ROUNDING_MS = 0.5
"""Closer than this, two moments are the same: clocks are sums of fractions."""


@dataclass
class Stretch:
    """Sound of one message, played without a gap. Times are ms of the call's clock. `pcm` only if it is kept."""

    item_id: str
    starts_ms: float
    ends_ms: float
    pcm: bytearray = field(default_factory=bytearray)

    def played_ms(self, now_ms: float) -> float:
        """How much of it has been played."""
        return max(0.0, min(now_ms, self.ends_ms) - self.starts_ms)


class Ear(Page):
    """The caller's page. It reads no frames of the log, as whoever tests has the log itself.

    Args:
        now_ms: the call's clock.
        report: tells the call that so many ms of a message have been played.
        keeps_sound: whether the stretches keep what was played, for a recording.
    """

    reads_log = False

    def __init__(
        self,
        now_ms: Callable[[], float],
        report: Callable[[str, int], None],
        *,
        report_every_ms: int = REPORT_EVERY_MS,
        keeps_sound: bool = False,
    ) -> None:
        super().__init__()
        self.stretches: list[Stretch] = []
        self._now_ms = now_ms
        self._report = report
        self._every_s = report_every_ms / 1000
        self._keeps = keeps_sound
        self._item_id: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told: dict[str, int] = {}
        self.caller_sound = bytearray()
        """What the caller sent, from the beginning of the call on, where sound is kept."""
        self._reported = 0
        """How many stretches have been reported to their end."""

    # The page's side ------------------------------------------------------------------------------------------------
    def push_history(self, frames: Sequence[str]) -> None:
        """What was there before is in the log."""

    def push(self, frame: str | bytes) -> None:
        """Plays sound behind what is playing."""
        if isinstance(frame, bytes) and self._item_id is not None:
            self._play(self._item_id, frame)

    def drop_audio(self) -> None:
        """Silence comes by `cleared`."""

    def hear_caller(self, pcm: bytes) -> None:
        """The caller's own sound, for the recording."""
        if self._keeps:
            self.caller_sound += pcm

    # What the log tells ---------------------------------------------------------------------------------------------
    def started(self, item_id: str) -> None:
        """The sound that comes next belongs to this message."""
        self._item_id = item_id

    def cleared(self) -> None:
        """Drops what is not played yet, and reports where the playing message was stopped."""
        now = self._now_ms()
        stopped = next((one for one in self.stretches if one.ends_ms > now + _ROUNDING_MS), None)
        if stopped is None:
            return
        asyncio.get_running_loop().call_soon(self._tell, stopped.item_id, self.heard_ms(stopped.item_id))
        self.stretches = [one for one in self.stretches if one.starts_ms < now]
        self._reported = len(self.stretches)
        for stretch in self.stretches:
            if stretch.ends_ms > now:
                del stretch.pcm[int(now - stretch.starts_ms) * BYTES_PER_MS :]
                stretch.ends_ms = now

    def fall_silent(self) -> None:
        """The call is over: nothing more is reported."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What was heard -------------------------------------------------------------------------------------------------
    @property
    def ends_ms(self) -> float:
        """When all that has come will have been played."""
        return self.stretches[-1].ends_ms if self.stretches else 0.0

    @property
    def quiet(self) -> bool:
        """Whether nothing is playing."""
        return self.ends_ms <= self._now_ms() + _ROUNDING_MS

    def heard_ms(self, item_id: str) -> int:
        """How much of a message has been played."""
        now = self._now_ms()
        played = 0.0
        for stretch in reversed(self.stretches):  # what is asked for is among the latest
            if stretch.item_id == item_id:
                played += stretch.played_ms(now)
            elif played:
                break
        return round(played)

    def moment(self, ms: float, since_ms: float) -> float | None:
        """When `ms` of the sound that began at or after `since_ms` will have been played; None if there is less."""
        left = ms
        for stretch in self.stretches:
            if stretch.starts_ms < since_ms:
                continue
            length = stretch.ends_ms - stretch.starts_ms
            if left <= length:
                return stretch.starts_ms + left
            left -= length
        return None

    def heard_since(self, since_ms: float) -> float:
        """How much sound that began at or after `since_ms` has come, played or to be played."""
        return sum(one.ends_ms - one.starts_ms for one in self.stretches if one.starts_ms >= since_ms)

    def _play(self, item_id: str, pcm: bytes) -> None:
        now, ms = self._now_ms(), len(pcm) / BYTES_PER_MS
        last = self.stretches[-1] if self.stretches else None
        kept = pcm if self._keeps else b""
        if last is not None and last.item_id == item_id and last.ends_ms >= now:
            last.ends_ms += ms
            last.pcm += kept
        else:
            starts = max(now, last.ends_ms) if last else now
            self.stretches.append(Stretch(item_id, starts, starts + ms, bytearray(kept)))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._report_progress)

    def _report_progress(self) -> None:
        now = self._now_ms() + _ROUNDING_MS
        self._timer = None
        for stretch in self.stretches[self._reported :]:
            if stretch.starts_ms < now:
                self._tell(stretch.item_id, self.heard_ms(stretch.item_id))
            if stretch.ends_ms <= now:
                self._reported += 1
        left_s = (self.ends_ms - self._now_ms()) / 1000
        if left_s * 1000 > _ROUNDING_MS:
            self._timer = asyncio.get_running_loop().call_later(min(left_s, self._every_s), self._report_progress)

    def _tell(self, item_id: str, ms: int) -> None:
        if self._told.get(item_id) != ms:
            self._told[item_id] = ms
            self._report(item_id, ms)

"""Playout of the caller's audio on the loop's clock, with the reports of a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from trunkline.calls.pages import Page
from trunkline.realtime.audio import BYTES_PER_MS

REPORT_INTERVAL_MS = 250
"""A page reports about four times a second."""
_ROUNDING_MS = 0.5
"""Two times closer than this are equal: clocks are sums of fractions."""


@dataclass
class AudioSegment:
    """Audio of one message, played without a gap. Times are ms of the call's clock.

    `pcm` holds the audio, PCM16 at 24 kHz, only if the playout records it.
    """

    item_id: str
    start_ms: float
    end_ms: float
    pcm: bytearray = field(default_factory=bytearray)

    def played_ms(self, now_ms: float) -> float:
        """Return the played duration in ms at the time `now_ms`."""
        return max(0.0, min(now_ms, self.end_ms) - self.start_ms)


class CallerPlayout(Page):
    """Page of the caller. It does not read the log's frames, since the test reads the log itself.

    Args:
        now_ms: returns the call's clock.
        report: receives a message's `item_id` and its played duration in ms.
        report_interval_ms: the time between two reports.
        records_audio: keeps the played audio in the segments, for a recording.
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
        self.refusals: list[str] = []
        """Frames with the call's refusals of this page's commands."""
        self._now_ms = now_ms
        self._report = report
        self._interval_s = report_interval_ms / 1000
        self._records_audio = records_audio
        self._item_id: str | None = None
        self._filler_ids: set[str] = set()
        self._message_id: str | None = None
        """The message before a filler."""
        self._timer: asyncio.TimerHandle | None = None
        self._reported_ms: dict[str, int] = {}
        self.caller_audio = bytearray()
        """Audio that the caller sent since the call began, PCM16 at 24 kHz; empty unless audio is recorded."""
        self._finished = 0
        """The number of segments that have been reported to their end."""
        self._held_since_ms: float | None = None

    # Page -----------------------------------------------------------------------------------------------------------
    def push_history(self, frame: str, events: Sequence[str], shown: Callable[[str], str | None] | None = None) -> None:
        """Ignore the events so far: the test reads them in the log."""

    def push(self, frame: str | bytes) -> None:
        """Play audio after the audio that is playing. Text is an error about a command of this page."""
        if isinstance(frame, str):
            self.refusals.append(frame)
        elif self._item_id is not None:
            self._play(self._item_id, frame)

    def drop_audio(self) -> None:
        """Leave the audio to `on_audio_cleared`."""

    def record_caller(self, pcm: bytes) -> None:
        """Record audio that the caller sent."""
        if self._records_audio:
            self.caller_audio += pcm

    # Events of the log ----------------------------------------------------------------------------------------------
    def on_audio_started(self, item_id: str) -> None:
        """Assign the audio that follows to this message."""
        self._item_id = item_id

    def on_filler_started(self, filler_id: str) -> None:
        """Assign the audio that follows to a filler of the call."""
        self._filler_ids.add(filler_id)
        self._message_id, self._item_id = self._item_id, filler_id

    def on_filler_done(self, *, interrupted: bool) -> None:
        """Assign the audio that follows to the message before the filler, and stop an interrupted filler."""
        if interrupted:
            self.on_audio_cleared()
        self._item_id = self._message_id

    def on_audio_ducked(self) -> None:
        """Hold the audio."""
        if self._held_since_ms is None:
            self._held_since_ms = self._now_ms()

    def on_audio_released(self) -> None:
        """Play the held audio from where it was."""
        held_since, self._held_since_ms = self._held_since_ms, None
        if held_since is None:
            return
        late_ms = self._now_ms() - held_since
        shifted: list[AudioSegment] = []
        for segment in self.segments:
            if segment.end_ms <= held_since:
                shifted.append(segment)
                continue
            played_ms = max(held_since - segment.start_ms, 0.0)
            if played_ms:
                at = int(played_ms) * BYTES_PER_MS
                shifted.append(AudioSegment(segment.item_id, segment.start_ms, held_since, segment.pcm[:at]))
                del segment.pcm[:at]
            start_ms = max(segment.start_ms, held_since) + late_ms
            shifted.append(AudioSegment(segment.item_id, start_ms, segment.end_ms + late_ms, segment.pcm))
        self.segments = shifted
        self._finished = sum(segment.end_ms <= held_since for segment in shifted)
        if self._timer is None and not self.is_idle:
            self._report_progress()

    @property
    def _playing_ms(self) -> float:
        """The time up to which audio has played: while it is held, the start of the hold."""
        return self._now_ms() if self._held_since_ms is None else self._held_since_ms

    def on_audio_cleared(self) -> None:
        """Drop the audio that has not played yet, and report the position at which playout stopped."""
        now = self._playing_ms
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
        """Stop the reports, since the call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Progress -------------------------------------------------------------------------------------------------------
    @property
    def end_ms(self) -> float:
        """The time at which all received audio will have played."""
        return self.segments[-1].end_ms if self.segments else 0.0

    @property
    def agent_segments(self) -> list[AudioSegment]:
        """The segments of the agents' audio, without fillers."""
        return [segment for segment in self.segments if segment.item_id not in self._filler_ids]

    @property
    def agent_end_ms(self) -> float:
        """The time at which all received audio of the agents will have played."""
        segments = self.agent_segments
        return segments[-1].end_ms if segments else 0.0

    @property
    def is_idle(self) -> bool:
        """The absence of audio that is playing."""
        return self.end_ms <= self._playing_ms + _ROUNDING_MS

    def heard_ms(self, item_id: str) -> int:
        """Return the played duration of a message in ms."""
        now = self._playing_ms
        played = 0.0
        for segment in reversed(self.segments):  # the message is among the latest
            if segment.item_id == item_id:
                played += segment.played_ms(now)
            elif played and segment.item_id not in self._filler_ids:
                break
        return round(played)

    def played_at_ms(self, ms: float, since_ms: float) -> float | None:
        """Return the time at which `ms` of the agents' audio since `since_ms` will have played, None for less."""
        left = ms
        for segment in self.agent_segments:
            if segment.start_ms < since_ms:
                continue
            length = segment.end_ms - segment.start_ms
            if left <= length:
                return segment.start_ms + left
            left -= length
        return None

    def duration_since(self, since_ms: float) -> float:
        """Return the duration in ms of the agents' audio that began at or after `since_ms`, played or not."""
        return sum(one.end_ms - one.start_ms for one in self.agent_segments if one.start_ms >= since_ms)

    def _play(self, item_id: str, pcm: bytes) -> None:
        now, ms = self._playing_ms, len(pcm) / BYTES_PER_MS
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
        now = self._playing_ms + _ROUNDING_MS
        self._timer = None
        for segment in self.segments[self._finished :]:
            if segment.start_ms < now:
                self._report_played(segment.item_id, self.heard_ms(segment.item_id))
            if segment.end_ms <= now:
                self._finished += 1
        left_s = (self.end_ms - self._playing_ms) / 1000
        if self._held_since_ms is None and left_s * 1000 > _ROUNDING_MS:
            self._timer = asyncio.get_running_loop().call_later(min(left_s, self._interval_s), self._report_progress)

    def _report_played(self, item_id: str, ms: int) -> None:
        if self._reported_ms.get(item_id) != ms:
            self._reported_ms[item_id] = ms
            self._report(item_id, ms)


class _Refusal(msgspec.Struct):
    message: str
    hint: str | None = None


def refusal_text(frame: str) -> str:
    """Return the reason in the frame of a refusal."""
    refusal = msgspec.json.decode(frame, type=_Refusal)
    return " ".join(filter(None, (refusal.message, refusal.hint)))

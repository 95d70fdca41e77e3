"""The agent's voice on the relay, as the caller's page plays it.

The page gets an answer faster than it plays it, holds it while the caller speaks over the agent, and drops it at an
interruption. It reports the played duration four times a second, and at each hold, interruption and end. So the audio
between two reports was heard before the later one. Of a page that does not report, the playout is computed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.store.audio.placement import Placed, StreamPlacement

MAX_ITEMS = 8
"""Messages with audio that is kept: reports about an interrupted one come late."""
MAX_ITEM_BYTES = 300_000 * BYTES_PER_MS
"""Audio of one message that is kept: as much as a page queues."""
MAX_REPORT_DELAY_MS = 100.0
"""Time from the end of the audio to its report; a longer one means that the page reports at intervals."""
REPORT_WAIT_MS = 600.0
"""Time for the first report of a page. Without one, its playout is computed."""


@dataclass
class _Item:
    """Audio of one message that was sent to the page.

    Attributes:
        heard: bytes that were placed.
        heard_at_ms: time of the latest report; before one, the time at which the first audio was sent.
        sent_at_ms: time at which the latest audio was sent.
    """

    heard_at_ms: float
    pcm: bytearray = field(default_factory=bytearray)
    heard: int = 0
    sent_at_ms: float = 0.0
    complete: bool = False

    def ended_at_ms(self, until: int, reported_ms: float, output_ms: float) -> float:
        """Return the time at which the audio up to a position was heard, by a report of the page.

        A page that has played all that it has may have finished some time before its report.
        """
        if until < len(self.pcm):
            return reported_ms
        earliest_ms = max(self.heard_at_ms + (until - self.heard) / BYTES_PER_MS, self.sent_at_ms) + output_ms
        return reported_ms if reported_ms - earliest_ms <= MAX_REPORT_DELAY_MS else earliest_ms


class RelayVoice:
    """The agent's audio that the caller has heard over the relay."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._item_id: str | None = None
        self._cut: set[str] = set()
        """Interrupted messages: the page drops their further audio."""
        self._placement = StreamPlacement()
        self._reports = False
        self._output_ms = 0.0
        self._computed = _ComputedPlayout()

    # The page -------------------------------------------------------------------------------------------------------
    def on_joined(self) -> None:
        """Note that a page is the caller from now on; it has no audio yet."""
        self._reports = False
        self._items.clear()
        self._cut.clear()
        self._computed = _ComputedPlayout()

    def on_reporting(self, output_ms: float) -> None:
        """Note that the page reports its playout; its audio needs `output_ms` to the loudspeaker."""
        self._reports, self._output_ms = True, output_ms

    def on_started(self, item_id: str) -> None:
        """Note `audio.started`: the frames that follow belong to this message."""
        self._item_id = item_id
        while len(self._items) > MAX_ITEMS:
            oldest = next(iter(self._items))
            del self._items[oldest]
            self._cut.discard(oldest)

    def on_sent(self, pcm: bytes, at_ms: float) -> None:
        """Note a frame of the agent's audio that was sent to the page."""
        item_id = self._item_id
        if item_id is None or item_id in self._cut:
            return
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = _Item(at_ms)
        if len(item.pcm) + len(pcm) <= MAX_ITEM_BYTES:
            if item.heard == len(item.pcm):  # the page had no audio of it to play
                item.heard_at_ms = max(item.heard_at_ms, at_ms)
            item.pcm += pcm
            item.sent_at_ms = at_ms
            self._computed.add(item_id, len(pcm), at_ms)

    def on_done(self, item_id: str) -> None:
        """Note that all audio of a message was sent."""
        if (item := self._items.get(item_id)) is not None:
            item.complete = True
            self._drop_if_over(item_id)

    def on_cleared(self, item_id: str | None, at_ms: float) -> None:
        """Note an interruption: the page drops the audio that it has not played."""
        self._cut.update(one for one in (item_id, self._item_id) if one is not None)
        self._cut.update(self._items)
        self._computed.clear(at_ms)

    def on_held(self, at_ms: float) -> None:
        """Note that the page holds its audio."""
        self._computed.hold(at_ms)

    def on_released(self, at_ms: float) -> None:
        """Note that the page plays again."""
        self._computed.release(at_ms)

    def on_played(self, item_id: str, ms: int, at_ms: float) -> list[Placed]:
        """Place the audio up to the position that the page reports."""
        self._reports = True
        item, until = self._items.get(item_id), ms * BYTES_PER_MS
        if item is None or until <= item.heard:
            return []
        ended_at_ms = item.ended_at_ms(min(until, len(item.pcm)), at_ms, self._output_ms)
        item.heard_at_ms = max(ended_at_ms, item.heard_at_ms)
        return self._hear(item_id, until, ended_at_ms)

    # Audio ----------------------------------------------------------------------------------------------------------
    def settle(self, now_ms: float) -> list[Placed]:
        """Return the audio that has its place by now."""
        placed: list[Placed] = []
        if not self._reports:
            at_ms = now_ms - REPORT_WAIT_MS
            for item_id, until, heard_at_ms in self._computed.heard(at_ms):
                placed += self._hear(item_id, until, heard_at_ms)
        return placed + self._placement.settle(now_ms)

    def finish(self, at_ms: float) -> list[Placed]:
        """Return the rest of the audio that was heard by the end of the call."""
        placed: list[Placed] = []
        if not self._reports:
            for item_id, until, heard_at_ms in self._computed.heard(at_ms):
                placed += self._hear(item_id, until, heard_at_ms)
        return placed + self._placement.finish()

    def _hear(self, item_id: str, until: int, at_ms: float) -> list[Placed]:
        item = self._items.get(item_id)
        if item is None:
            return []
        until = min(until, len(item.pcm))
        if until <= item.heard:
            return []
        pcm, item.heard = bytes(item.pcm[item.heard : until]), until
        self._drop_if_over(item_id)
        return self._placement.add(pcm, at_ms, item_id)

    def _drop_if_over(self, item_id: str) -> None:
        item = self._items[item_id]
        if item.complete and item.heard >= len(item.pcm):
            del self._items[item_id]


class _ComputedPlayout:
    """Playout of a page that plays audio as it arrives, in order."""

    def __init__(self) -> None:
        self._queue: deque[tuple[str, int, float]] = deque()
        """Message, bytes and time of arrival of each frame that has not been played whole."""
        self._played_of_first = 0
        self._free_at_ms = 0.0
        """Time at which the audio before the queue's has been played."""
        self._held_since_ms: float | None = None
        self._heard: dict[str, int] = {}
        """Bytes of each message that were played."""
        self._reports: list[tuple[str, int, float]] = []

    def add(self, item_id: str, size: int, at_ms: float) -> None:
        """Queue a frame."""
        self._queue.append((item_id, size, at_ms))

    def hold(self, at_ms: float) -> None:
        """Stop the playout."""
        self._play(at_ms)
        if self._held_since_ms is None:
            self._held_since_ms = at_ms

    def release(self, at_ms: float) -> None:
        """Continue the playout at the same place."""
        if self._held_since_ms is not None:
            self._held_since_ms = None
            self._free_at_ms = max(self._free_at_ms, at_ms)

    def clear(self, at_ms: float) -> None:
        """Drop the queue."""
        self._play(at_ms)
        self._queue.clear()
        self._played_of_first = 0

    def heard(self, at_ms: float) -> list[tuple[str, int, float]]:
        """Return the reports that a page would have made by `at_ms`: message, played bytes and time of each."""
        self._play(at_ms)
        reports, self._reports = self._reports, []
        if len(self._heard) > MAX_ITEMS:
            del self._heard[next(iter(self._heard))]
        return reports

    def _play(self, at_ms: float) -> None:
        if self._held_since_ms is not None:
            return
        while self._queue:
            item_id, size, arrived_ms = self._queue[0]
            begin_ms = max(self._free_at_ms, arrived_ms)
            due = int((at_ms - begin_ms) * BYTES_PER_MS) & ~1
            if due <= 0:
                return
            played = min(due, size - self._played_of_first)
            self._heard[item_id] = self._heard.get(item_id, 0) + played
            self._free_at_ms = begin_ms + played / BYTES_PER_MS
            if self._reports and self._reports[-1][0] == item_id and self._reports[-1][2] == begin_ms:
                self._reports.pop()  # both parts were played without a gap
            self._reports.append((item_id, self._heard[item_id], self._free_at_ms))
            self._played_of_first += played
            if self._played_of_first < size:
                return
            self._queue.popleft()
            self._played_of_first = 0

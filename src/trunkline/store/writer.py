"""The writer: reads the logs of all calls of a process, and writes them in batches beside the calls.

A call only puts its events into a queue. The queue is bounded: if the database fails for long, events are dropped, raw
provider events and deltas first, and their number is stored with the call. Nothing that the database does delays or
ends a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from trunkline.calls import log_events
from trunkline.calls.log import Entry, Log, Reader
from trunkline.calls.log_events import LogEventUnion, UnknownEvent
from trunkline.store.batch import Batch, BatchSink, CallRow, UtteranceRow
from trunkline.store.event_blocks import EventBlock
from trunkline.store.mode import StoreMode, stored_part
from trunkline.store.summary import SummaryMeter
from trunkline.structured_log import log_event

logger = logging.getLogger(__name__)

BATCH_EVENTS = 500
"""The number of waiting events that are written at once, without waiting for more."""
MAX_BATCH_EVENTS = 2_000
MAX_BATCH_BYTES = 8 << 20
MAX_QUEUED_EVENTS = 100_000
"""The number of events that may wait for the database."""
MAX_QUEUED_BYTES = 64 << 20
"""The size of the events that may wait for the database, as JSON text."""
MAX_CALLS = 20_000
"""The number of calls that may wait for the database with their summaries."""
KEPT_MESSAGES = 8
"""The messages of a call that a truncation may still change."""
_LESS_IMPORTANT = frozenset(
    (log_events.WireSent, log_events.WireReceived, log_events.MessageDelta, log_events.AudioStats)
)
"""The events that are dropped first: the other events hold the same words and times."""
_BOUNDS = frozenset((log_events.CallStarted, log_events.CallEnded))
"""The events that always have room: `MAX_CALLS` limits them."""
_FOR_ROWS = frozenset((*_BOUNDS, log_events.MessageDone, log_events.MessageTruncated))
"""The events that the rows of calls and utterances need."""


class RedactedEntries(Protocol):
    """The result of a redactor."""

    @property
    def entries(self) -> Sequence[Entry]:
        """The entries to store. One with the number of an earlier entry replaces it."""


class EntryRedactor(Protocol):
    """The part that removes personal data from the entries of one call. It gets them in order, from the first."""

    def read(self, entry: Entry) -> RedactedEntries:
        """Return the entries to store in place of this one."""


RedactorFactory = Callable[[str], EntryRedactor]
"""Makes the redactor of one call of a scenario, by its name."""


class WriterTimes(NamedTuple):
    """Times of the writer, in seconds.

    Attributes:
        batch_s: the longest time that an event waits for its batch.
        summary_s: the time between two writes of a running call's summary.
        slow_s: the duration of a write after which the store is degraded.
        first_retry_s: the pause after the first failure; it doubles with each further one.
        last_retry_s: the longest pause.
        close_s: the time that a stopping server waits for the last batches.
    """

    batch_s: float = 0.25
    summary_s: float = 15.0
    slow_s: float = 5.0
    first_retry_s: float = 0.5
    last_retry_s: float = 15.0
    close_s: float = 5.0


class QueueLimits(NamedTuple):
    """Limits of the events that wait for the database, in number and in bytes."""

    events: int = MAX_QUEUED_EVENTS
    bytes: int = MAX_QUEUED_BYTES


DEFAULT_LIMITS = QueueLimits()
DEFAULT_TIMES = WriterTimes()


class _Call:
    """The state of one call in the writer."""

    def __init__(self, log: Log, mode: StoreMode, make_redactor: RedactorFactory | None) -> None:
        self.log = log
        self.mode = mode
        self.meter = SummaryMeter(mode)
        self.make_redactor = make_redactor
        self.redactor: EntryRedactor | None = None
        self.has_failed = False
        """True if the redactor has raised."""
        self.call_id = ""
        self.is_lost = False
        """True if another server runs the call, and writes its events."""
        self.restored_seq = log.last_seq
        """The number of the last event that the log had when the call was taken over."""
        self.last_seq = 0
        self.stored_bytes = 0
        self.lost_events = 0
        self.is_over = False
        self.knows_degraded = False
        """True if the call's log says that the store is degraded."""
        self.written_at: float | None = None
        """The time at which the last summary was written."""
        self.metadata: dict[str, str] = {}
        self.end_reason: str | None = None
        self.has_last = False
        """True if the rows have the event `call.ended`."""
        self.said: dict[str, UtteranceRow] = {}
        """The latest messages by their ids: a truncated one is stored as it was heard."""


class _Queued(msgspec.Struct, frozen=True, gc=False):
    call: _Call
    seq: int
    frame: str
    entry: Entry | None
    """None if the frame is all that is needed: objects that wait in great numbers cost full garbage collections."""

    @property
    def is_restored(self) -> bool:
        """True if the call was taken over with this event in its log."""
        return self.seq <= self.call.restored_seq


class StoreWriter:
    """Writer of one process. Run it with `async with writer.running()`; give `reader` to each call.

    Args:
        open_sink: opens the database; it is called again after it failed.
        mode: the part of each call that is stored.
        make_redactor: makes the redactor of one call, for the mode `redacted`.
        tell: appends an event to the log of a running call, by its id.
        limits: the bounds of the queue.
        times: pauses and limits of time.
        now_s: the time, in seconds, of a clock that never goes back.
    """

    def __init__(
        self,
        open_sink: Callable[[], Awaitable[BatchSink]],
        mode: StoreMode,
        *,
        make_redactor: RedactorFactory | None = None,
        tell: Callable[[str, log_events.StoreDegraded | log_events.StoreRestored], None] = lambda _call, _event: None,
        limits: QueueLimits = DEFAULT_LIMITS,
        times: WriterTimes = DEFAULT_TIMES,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        if mode == "redacted" and make_redactor is None:
            raise ValueError("The mode `redacted` needs a redactor.")
        self.mode = mode
        self._needs_all = mode != "full"
        """True if the stored part of an event is found out later, from the event itself."""
        self._open_sink = open_sink
        self._make_redactor = make_redactor
        self._tell = tell
        self._limits = limits
        self._half_events, self._half_bytes = limits.events // 2, limits.bytes // 2
        self._times = times
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._queue: deque[_Queued] = deque()
        self._calls: dict[str, _Call] = {}
        self._changed: dict[_Call, None] = {}
        """Running calls with events that their stored summaries do not have."""
        self._work = asyncio.Event()
        """Set while events wait, and when the server stops."""
        self._enough = asyncio.Event()
        """Set when a batch is full."""
        self._closing = asyncio.Event()
        self._sink: BatchSink | None = None
        self._pending: Batch | None = None
        self._degraded_at: float | None = None
        self._retry_s = times.first_retry_s
        self._queued_so_far = self._settled_so_far = self._in_batch = 0
        """Events that were put into the queue, those of them that are settled, and those taken for the next batch."""
        self._settled = asyncio.Condition()
        self.queued_bytes = 0
        """Size of the events that wait for the database, as JSON text."""
        self.written_events = 0
        self.lost_events = 0
        """Events that were dropped, or that the database refused."""

    # The calls' side ------------------------------------------------------------------------------------------------
    def reader(self, log: Log) -> Reader:
        """Return the reader of a call's log. It puts events into the queue, and neither raises nor blocks.

        The log of a call that another server ran has events already. They replace those that the other server stored:
        the log has no other events with their numbers or later ones.
        """
        call = _Call(log, self.mode, self._make_redactor if self.mode == "redacted" else None)
        for entry in log.since(0):
            self._read(call, entry)
        return partial(self._read, call)

    def _read(self, call: _Call, entry: Entry) -> None:
        kind = type(entry.event)
        call.meter.read(entry)
        if call.is_lost:
            return
        if kind in _BOUNDS:
            self._read_bound(call, entry.event)
        queued = len(self._queue)
        is_full = self.queued_bytes >= self._half_bytes or queued >= self._half_events
        if not call.call_id or (is_full and not self._has_room(kind)):
            call.lost_events += 1
            self.lost_events += 1
            return
        frame = call.log.frame(entry)
        self._queue.append(_Queued(call, entry.seq, frame, entry if kind in _FOR_ROWS or self._needs_all else None))
        self._queued_so_far += 1
        self.queued_bytes += len(frame)
        if not queued:
            self._work.set()
        elif queued >= BATCH_EVENTS - 1:
            self._enough.set()

    def _read_bound(self, call: _Call, event: LogEventUnion | UnknownEvent) -> None:
        if isinstance(event, log_events.CallEnded):
            call.is_over = True
        elif isinstance(event, log_events.CallStarted) and len(self._calls) < MAX_CALLS:
            call.call_id = event.call_id
            self._calls[event.call_id] = call

    def _has_room(self, kind: type[LogEventUnion | UnknownEvent]) -> bool:
        """Return whether an event has room in a queue that is half full."""
        if kind in _BOUNDS:
            return True
        limits = self._limits
        return kind not in _LESS_IMPORTANT and len(self._queue) < limits.events and self.queued_bytes < limits.bytes

    def forget(self, call_id: str) -> None:
        """Write nothing more of a call: another server runs it, and writes all of its events."""
        if (call := self._calls.pop(call_id, None)) is not None:
            call.is_lost = True

    async def flush(self) -> None:
        """Wait until all events so far are written, for a limited time."""
        so_far = self._queued_so_far
        self._enough.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.close_s), self._settled:
                await self._settled.wait_for(lambda: self._settled_so_far >= so_far)

    # State, for the metrics -----------------------------------------------------------------------------------------
    @property
    def queued_events(self) -> int:
        """The number of events that wait for the database."""
        return len(self._queue) + self._in_batch

    @property
    def is_degraded(self) -> bool:
        """True while the database cannot be written."""
        return self._degraded_at is not None

    # The database's side --------------------------------------------------------------------------------------------
    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write inside the `with` block. At its end, wait a short time for the last events."""
        task = asyncio.create_task(self._run(), name="store writer")
        try:
            yield
        finally:
            self._closing.set()
            self._work.set()
            self._enough.set()
            await asyncio.wait({task}, timeout=self._times.close_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self.queued_events:
                log_event(logger, logging.ERROR, "store.incomplete", lost_events=self.queued_events)
            await self._close_sink()

    async def _run(self) -> None:
        while True:
            is_last_try = self._closing.is_set()
            try:
                await (self._open() if self._sink is None else self._write_next(self._sink))
            except Exception as error:  # noqa: BLE001 - whatever the database raises, the calls continue
                self._degrade(str(error) or type(error).__name__)
                await self._close_sink()
                if is_last_try:
                    return
                await self._wait(self._closing, self._retry_s)
                self._retry_s = min(2 * self._retry_s, self._times.last_retry_s)
                continue
            if not self.queued_events:
                self._work.clear()
                if is_last_try:
                    return

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    async def _open(self) -> None:
        with self._watching():
            self._sink = await self._open_sink()
        for call in self._calls.values():
            call.written_at = None  # the database may be another one, without the calls of the former
        if self._pending is not None:
            self._pending = self._with_calls(self._pending)
        self._restore_if_caught_up()

    async def _write_next(self, sink: BatchSink) -> None:
        """Wait for events, and write a batch of them, or the one that failed."""
        if self._pending is None:
            if not self._closing.is_set():
                await self._next_events()
            self._pending = await self._next_batch()
        if self._pending.blocks or self._pending.calls:
            with self._watching():
                refused = await sink.write(self._pending)
            self._on_written(self._pending, refused)
        self._pending = None
        self._settled_so_far += self._in_batch
        self._in_batch = 0
        async with self._settled:
            self._settled.notify_all()
        self._restore_if_caught_up()

    async def _next_events(self) -> None:
        """Wait until events wait, and then until they have waited for a batch's time or are many.

        Return earlier if the summary of a call is due.
        """
        if not self._changed:
            await self._work.wait()
        elif not self._work.is_set():
            due_s = min(call.written_at or 0.0 for call in self._changed) + self._times.summary_s
            await self._wait(self._work, max(0.0, due_s - self._now_s()))
            if not self._work.is_set():
                return
        await self._wait(self._enough, self._times.batch_s)
        self._enough.clear()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Degrade the store while the database takes long."""
        loop, slow_s = asyncio.get_running_loop(), self._times.slow_s
        timer: asyncio.TimerHandle

        def wait() -> None:
            nonlocal timer
            timer = loop.call_later(slow_s, on_slow)

        def on_slow() -> None:
            wait()  # calls that begin meanwhile have to know it, too
            self._degrade(f"the database has not answered for {slow_s:g} s")

        wait()
        try:
            yield
        finally:
            timer.cancel()

    async def _next_batch(self) -> Batch:
        taken: list[_Queued] = []
        size = 0
        while self._queue and (
            self._queue[0].is_restored or (len(taken) < MAX_BATCH_EVENTS and size < MAX_BATCH_BYTES)
        ):
            taken.append(self._queue.popleft())
            size += len(taken[-1].frame)
        self.queued_bytes -= size
        self._in_batch = len(taken)
        taken = [one for one in taken if not one.call.is_lost]
        # Redaction takes too long for the event loop.
        batch = await asyncio.to_thread(_rows, taken)
        now = self._now_s()
        for call in {**self._changed, **dict.fromkeys(one.call for one in taken)}:
            is_due = call.written_at is None or now - call.written_at >= self._times.summary_s
            if call.is_lost:
                self._changed.pop(call, None)
            elif is_due or (call.is_over and call.has_last):
                self._changed.pop(call, None)
                call.written_at = now
                batch.calls.append(_call_row(call))
            else:
                self._changed[call] = None
            if call.log.epoch:
                batch.epochs[call.call_id] = call.log.epoch
        return batch

    def _with_calls(self, batch: Batch) -> Batch:
        """Return a batch with the summaries of all its calls."""
        has = {row.summary.call_id for row in batch.calls}
        missing = {block.call_id for block in batch.blocks} - has
        calls = [_call_row(self._calls[call_id]) for call_id in sorted(missing) if call_id in self._calls]
        return msgspec.structs.replace(batch, calls=[*batch.calls, *calls])

    def _on_written(self, batch: Batch, refused: Sequence[EventBlock]) -> None:
        self._retry_s = self._times.first_retry_s
        lost = 0
        for block in refused:
            lost += len(block.frames)
            if (call := self._calls.get(block.call_id)) is not None:
                call.lost_events += len(block.frames)
        self.written_events += batch.event_count - lost
        self.lost_events += lost
        for written in batch.calls:
            if written.summary.status != "running":
                self._calls.pop(written.summary.call_id, None)

    async def _close_sink(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            with suppress(Exception):  # it has failed already
                await sink.close()

    # Health ---------------------------------------------------------------------------------------------------------
    def _degrade(self, reason: str) -> None:
        if self._degraded_at is None:
            self._degraded_at = self._now_s()
            log_event(logger, logging.ERROR, "store.degraded", reason=reason)
        for call in list(self._calls.values()):
            if not call.is_over and not call.knows_degraded:
                call.knows_degraded = True
                self._tell(call.call_id, log_events.StoreDegraded(reason=reason, lost_events=call.lost_events))

    def _restore_if_caught_up(self) -> None:
        if self._degraded_at is None or self._pending is not None or len(self._queue) >= BATCH_EVENTS:
            return
        degraded_ms = round(1000 * (self._now_s() - self._degraded_at))
        self._degraded_at = None
        log_event(logger, logging.WARNING, "store.restored", degraded_ms=degraded_ms, lost_events=self.lost_events)
        for call in list(self._calls.values()):
            if not call.is_over and call.knows_degraded:
                call.knows_degraded = False
                restored = log_events.StoreRestored(degraded_ms=degraded_ms, lost_events=call.lost_events)
                self._tell(call.call_id, restored)


def _rows(taken: list[_Queued]) -> Batch:
    """Return the rows of these events, in the form in which they are stored."""
    frames: dict[_Call, dict[int, str]] = {}
    utterances: dict[tuple[str, int], UtteranceRow] = {}
    replaced: dict[str, int] = {}
    for one in taken:
        call = one.call
        call.last_seq = one.seq
        if one.is_restored:
            replaced.setdefault(call.call_id, one.seq)
        of_call = frames.get(call)
        if of_call is None:
            of_call = frames[call] = {}
        if one.entry is None:
            call.stored_bytes += len(one.frame)
            of_call[one.seq] = one.frame
            continue
        for kept in _kept(call, one.entry):
            stored = one.frame if kept is one.entry else kept.frame()
            call.stored_bytes += len(stored)
            of_call[kept.seq] = stored
            if type(kept.event) in _FOR_ROWS and (utterance := _utterance(call, kept)) is not None:
                utterances[utterance.call_id, utterance.seq] = utterance
    blocks = [
        EventBlock(call.call_id, call.last_seq, min(of_call), list(of_call.values()))
        for call, of_call in frames.items()
        if of_call
    ]
    return Batch([], blocks, list(utterances.values()), replaced)


def _kept(call: _Call, entry: Entry) -> Sequence[Entry]:
    """Return the entries that are stored for this one. If the redactor fails, that is none."""
    if call.make_redactor is None:
        event = stored_part(entry.event, call.mode)
        if event is entry.event:
            return (entry,)
        return () if event is None else (Entry(entry.seq, entry.at_ms, event),)
    try:
        if isinstance(entry.event, log_events.CallStarted):
            call.redactor = call.make_redactor(entry.event.scenario)
        return () if call.redactor is None else call.redactor.read(entry).entries
    except Exception:
        if not call.has_failed:
            logger.exception("The redactor of the call %s failed; its events are not stored.", call.call_id)
        call.has_failed = True
        call.lost_events += 1
        return ()


def _utterance(call: _Call, entry: Entry) -> UtteranceRow | None:
    """Return the row of the words that an entry holds, and note the parts of the summary that may hold words."""
    match entry.event:
        case log_events.CallStarted(metadata=metadata):
            call.metadata = metadata
        case log_events.CallEnded(reason=reason):
            call.end_reason, call.has_last = reason, True
        case log_events.MessageDone(item_id=item_id, role="user" | "assistant" as role, text=text) if text:
            if call.meter.is_hidden(item_id):
                return None
            row = UtteranceRow(call.call_id, entry.seq, entry.at_ms, role, text)
            call.said[item_id] = row
            if len(call.said) > KEPT_MESSAGES:
                del call.said[next(iter(call.said))]
            return row
        case log_events.MessageTruncated(item_id=item_id, text=str(heard)) if item_id in call.said:
            return call.said[item_id]._replace(text=heard)
    return None


def _call_row(call: _Call) -> CallRow:
    summary = call.meter.summary()
    assert summary is not None  # noqa: S101 - a call is known by its first event
    if not call.has_last:
        summary = msgspec.structs.replace(summary, status="running", ended_at=None)
    return CallRow(
        msgspec.structs.replace(
            summary,
            metadata=call.metadata,
            end_reason=call.end_reason,
            bytes=call.stored_bytes,
            lost_events=call.lost_events,
        ),
        call.last_seq,
    )

"""The writer: batches beside the calls, a bounded queue, and a database that fails."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.store.samples import conversation, said, started
from tests.store.stored import feed, until
from trunkline.calls import log_events
from trunkline.calls.log import Entry, Log, kind_of, parse_frame, seq_of
from trunkline.calls.log_events import LogEventUnion
from trunkline.store import writer as writer_module
from trunkline.store.batch import Batch, BatchSink
from trunkline.store.database import StoreError
from trunkline.store.event_blocks import EventBlock
from trunkline.store.summary import CallSummary
from trunkline.store.writer import QueueLimits, StoreWriter, WriterTimes

Told = list[tuple[str, LogEventUnion]]
HUNG_UP = log_events.CallEnded(reason="caller hung up")


class MemorySink:
    """A database in memory, which fails, refuses or waits when told."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.problem: Exception | None = None
        self.opened = 0
        self.closed = 0
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.refuses: set[int] = set()
        self.was_asked = asyncio.Event()

    async def open(self) -> BatchSink:
        self.opened += 1
        return self

    async def write(self, batch: Batch) -> Sequence[EventBlock]:
        self.was_asked.set()
        await self.may_write.wait()
        if self.problem is not None:
            raise self.problem
        self.batches.append(batch)
        return [block for block in batch.blocks if block.last_seq in self.refuses]

    async def close(self) -> None:
        self.closed += 1

    @property
    def frames(self) -> list[str]:
        return [frame for batch in self.batches for block in batch.blocks for frame in block.frames]

    @property
    def kinds(self) -> list[str]:
        return [kind_of(parse_frame(frame).event) for frame in self.frames]

    @property
    def summaries(self) -> list[CallSummary]:
        return [row.summary for batch in self.batches for row in batch.calls]

    async def has(self, events: int) -> None:
        """Wait until this many events are written."""
        await until(lambda: len(self.frames) >= events)


QUICK = WriterTimes(batch_s=0.01, first_retry_s=0.01, last_retry_s=0.02)
"""Shorter pauses, so that the tests do not wait for them."""


@asynccontextmanager
async def writing(sink: MemorySink, **options: object) -> AsyncIterator[StoreWriter]:
    writer = StoreWriter(sink.open, **{"mode": "full", "times": QUICK, **options})  # type: ignore[arg-type]  # any option
    async with writer.running():
        yield writer


async def test_all_events_of_a_call_are_written_in_order_at_the_latest_when_the_server_stops() -> None:
    sink = MemorySink()
    async with writing(sink) as writer:
        log = feed(writer, conversation())
    assert sink.frames == [entry.frame() for entry in log.since(0)]
    assert sink.kinds[::8] == ["call.started", "turn.latency"]
    assert sink.closed == 1
    assert (writer.written_events, writer.lost_events, writer.queued_events) == (log.last_seq, 0, 0)


async def test_waiting_events_of_all_calls_share_a_batch() -> None:
    sink = MemorySink()
    async with writing(sink) as writer:
        for number in range(3):
            feed(writer, conversation(f"call_{number}"))
    assert len(sink.batches) == 1
    assert {row.summary.call_id for row in sink.batches[0].calls} == {"call_0", "call_1", "call_2"}


async def test_a_large_batch_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_BATCH_EVENTS", 4)
    sink = MemorySink()
    async with writing(sink) as writer:
        log = feed(writer, conversation())
    assert [batch.event_count for batch in sink.batches] == [4, 4, 3]
    assert len(sink.frames) == log.last_seq


async def test_a_full_batch_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BATCH_EVENTS", 5)
    sink = MemorySink()
    async with writing(sink, times=WriterTimes(batch_s=60.0)) as writer:
        feed(writer, conversation())
        await sink.has(5)


async def test_a_flush_writes_all_events_so_far_at_once() -> None:
    sink = MemorySink()
    async with writing(sink, times=WriterTimes(batch_s=60.0)) as writer:
        log = feed(writer, conversation())
        await writer.flush()
        assert len(sink.frames) == log.last_seq


async def test_a_flush_of_a_database_that_fails_ends_after_a_limited_time() -> None:
    async def unreachable() -> BatchSink:
        raise OSError("no database")

    writer = StoreWriter(unreachable, "full", times=QUICK._replace(close_s=0.01))
    async with writer.running():
        feed(writer, conversation())
        await writer.flush()
        assert writer.queued_events


async def test_the_summary_of_a_running_call_is_written_at_its_start_and_end_and_now_and_then() -> None:
    sink, now_s = MemorySink(), 0.0
    async with writing(sink, now_s=lambda: now_s) as writer:
        log = feed(writer, [started()])
        await sink.has(1)
        for text in ("one", "two"):
            for event in said(text, "user", text):
                log.append(event)
            await sink.has(log.last_seq)
            now_s += 9.0
        log.append(log_events.CallError(message="no"))
        await sink.has(log.last_seq)
        log.append(HUNG_UP)
    assert [(one.status, one.turns, one.errors) for one in sink.summaries] == [
        ("running", 0, 0),
        ("running", 2, 1),
        ("ended", 2, 1),
    ]


async def test_the_summary_of_a_call_that_waits_is_written_too() -> None:
    sink = MemorySink()
    async with writing(sink, times=WriterTimes(batch_s=0.0, summary_s=0.1)) as writer:
        log = feed(writer, [started()])
        await sink.has(1)
        for event in said("one", "user", "hello"):
            log.append(event)
        await until(lambda: [one.turns for one in sink.summaries] == [0, 1])


async def test_calls_are_not_delayed_by_a_database_that_does_not_answer() -> None:
    sink = MemorySink()
    sink.may_write.clear()
    async with writing(sink) as writer:
        feed(writer, [started()])
        await sink.was_asked.wait()
        feed(writer, conversation("call_2"))  # neither waits nor raises
        assert writer.queued_events == len(conversation()) + 1
        sink.may_write.set()
    assert len(sink.frames) == len(conversation()) + 1


async def test_a_failed_batch_is_written_again_on_a_new_connection() -> None:
    sink = MemorySink()
    sink.problem = StoreError("database is locked")
    async with writing(sink) as writer:
        log = feed(writer, conversation())
        await until(lambda: sink.opened >= 3)
        assert writer.is_degraded
        assert sink.closed >= 2
        sink.problem = None
    assert [seq_of(frame) for frame in sink.frames] == list(range(1, log.last_seq + 1))
    assert not writer.is_degraded


async def test_the_log_of_a_running_call_says_that_the_store_is_degraded_and_restored() -> None:
    sink, told = MemorySink(), Told()
    now_s = 0.0
    sink.problem = StoreError("database is locked")
    async with writing(sink, now_s=lambda: now_s, tell=lambda *event: told.append(event)) as writer:
        feed(writer, [started("running")])
        feed(writer, conversation("over"))
        await until(lambda: bool(told))
        feed(writer, [started("later")])
        await until(lambda: len(told) >= 2)
        now_s = 12.5
        sink.problem = None
        await until(lambda: not writer.is_degraded)
    degraded = log_events.StoreDegraded(reason="database is locked")
    restored = log_events.StoreRestored(degraded_ms=12_500)
    assert told == [("running", degraded), ("later", degraded), ("running", restored), ("later", restored)]


async def test_a_slow_database_is_degraded_until_it_has_answered() -> None:
    sink, told = MemorySink(), Told()
    sink.may_write.clear()
    times = QUICK._replace(slow_s=0.02)
    async with writing(sink, times=times, tell=lambda *event: told.append(event)) as writer:
        feed(writer, [started()])
        await until(lambda: writer.is_degraded)
        sink.may_write.set()
        await until(lambda: not writer.is_degraded)
    assert "has not answered" in str(told[0])
    assert sink.opened == 1
    assert writer.lost_events == 0


async def test_a_full_queue_drops_raw_events_first_and_counts_them() -> None:
    sink, told = MemorySink(), Told()
    sink.may_write.clear()
    wire = log_events.WireReceived(event={"type": "session.updated"})
    notice = log_events.Notice(message="n", code="c")
    async with writing(sink, limits=QueueLimits(events=10), tell=lambda *event: told.append(event)) as writer:
        log = feed(writer, [started()])
        await sink.was_asked.wait()
        for event in [wire] * 7 + [notice] * 7 + [HUNG_UP]:
            log.append(event)
        assert writer.queued_events == 1 + 5 + 5 + 1
        assert writer.lost_events == 4
        sink.may_write.set()
    kinds = sink.kinds
    assert [kinds.count(kind) for kind in ("wire.received", "notice", "call.ended")] == [5, 5, 1]
    assert sink.summaries[-1].lost_events == 4


async def test_the_queue_is_bounded_in_bytes() -> None:
    sink = MemorySink()
    sink.may_write.clear()
    large = log_events.Notice(message="x" * 1000, code="c")
    async with writing(sink, limits=QueueLimits(bytes=5_000)) as writer:
        log = feed(writer, [started()])
        await sink.was_asked.wait()
        for _ in range(20):
            log.append(large)
        assert writer.queued_bytes < 6_100
        assert writer.lost_events == 15
        sink.may_write.set()


async def test_refused_events_are_counted() -> None:
    sink = MemorySink()
    async with writing(sink) as writer:
        log = feed(writer, [started()])
        await sink.has(1)
        sink.refuses = {3}
        for one in (HUNG_UP, HUNG_UP):
            log.append(one)
    assert (writer.lost_events, writer.written_events) == (2, 1)


async def test_a_server_stops_in_time_without_its_database(caplog: pytest.LogCaptureFixture) -> None:
    sink = MemorySink()
    sink.may_write.clear()
    with caplog.at_level(logging.ERROR):
        async with writing(sink, times=QUICK._replace(close_s=0.05)) as writer:
            feed(writer, conversation())
    assert f"store.incomplete lost_events={len(conversation())}" in caplog.text


async def test_a_database_that_cannot_be_opened_is_tried_again() -> None:
    sink = MemorySink()
    tries = 0

    async def open_later() -> BatchSink:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreError("connection refused")
        return sink

    writer = StoreWriter(open_later, "full", times=QUICK)
    async with writer.running():
        log = feed(writer, conversation())
        await sink.has(log.last_seq)
    assert tries == 3


class Shouting:
    """A redactor that changes each message twice: at first it withholds it, then it corrects the row."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.entries: list[Entry] = []

    def read(self, entry: Entry) -> Shouting:
        if isinstance(entry.event, log_events.MessageDelta):
            self.entries = []
        elif isinstance(entry.event, log_events.MessageDone):
            withheld, shown = (
                Entry(
                    entry.seq, entry.at_ms, log_events.MessageDone(item_id=entry.event.item_id, role="user", text=one)
                )
                for one in ("[withheld]", entry.event.text.upper())
            )
            self.entries = [withheld, shown]
        else:
            self.entries = [entry]
        return self


async def test_a_redactor_decides_what_is_written() -> None:
    sink = MemorySink()
    async with writing(sink, mode="redacted", make_redactor=Shouting) as writer:
        feed(writer, [started(), *said("i", "user", "my number")])
    assert sink.kinds == ["call.started", "message.added", "message.done"]
    assert "MY NUMBER" in sink.frames[-1]
    assert [row.text for batch in sink.batches for row in batch.utterances] == ["MY NUMBER"]


class Broken(Shouting):
    """A redactor with a fault."""

    def read(self, entry: Entry) -> Shouting:
        if isinstance(entry.event, log_events.MessageDone):
            raise ZeroDivisionError
        return super().read(entry)


async def test_events_of_a_broken_redactor_are_lost_and_not_stored_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = MemorySink()
    async with writing(sink, mode="redacted", make_redactor=Broken) as writer:
        feed(writer, [started(), *said("i", "user", "my number"), HUNG_UP])
    assert "my number" not in str(sink.batches)
    assert sink.summaries[-1].lost_events == 1
    assert "redactor" in caplog.text


async def test_events_wait_for_the_database_while_they_are_redacted() -> None:
    sink = MemorySink()
    loop, has_begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    class Slow(Shouting):
        """A redactor that waits."""

        def read(self, entry: Entry) -> Shouting:
            loop.call_soon_threadsafe(has_begun.set)
            may_end.wait(30)
            return super().read(entry)

    async with writing(sink, mode="redacted", make_redactor=Slow) as writer:
        feed(writer, [started()])
        await has_begun.wait()
        assert writer.queued_events == 1
        may_end.set()
        await sink.has(1)


async def test_redaction_needs_a_redactor() -> None:
    with pytest.raises(ValueError, match="redactor"):
        StoreWriter(MemorySink().open, "redacted")


async def test_a_reader_costs_a_call_nothing_but_a_place_in_the_queue() -> None:
    """A call appends inside the event loop: the reader must not encode the event again."""
    writer = StoreWriter(MemorySink().open, "full")
    log = Log(lambda: 0.0)
    log.subscribe(writer.reader(log))
    entry = log.append(started())
    assert writer._queue[0].frame is log.frame(entry)

"""Blocks of events: they are read as one log, a later one replaces events, and a take-over replaces blocks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.store.samples import conversation, started
from tests.store.stored import SERVER_ID, store, stored_in
from trunkline.calls import log_events
from trunkline.calls.log import Entry, Log, frame_of, seq_of
from trunkline.store.batch import Batch, BatchSink
from trunkline.store.database import Database
from trunkline.store.database_sink import DatabaseSink
from trunkline.store.event_blocks import EventBlock
from trunkline.store.writer import StoreWriter


def frame(seq: int, text: str = "n") -> str:
    return frame_of(log_events.Notice(message=text, code="c"), seq, 10 * seq)


def block(last_seq: int, *frames: str) -> EventBlock:
    return EventBlock("call_1", last_seq, min(map(seq_of, frames)), frames)


async def write(url: str, *blocks: EventBlock) -> None:
    """Add blocks to the call `call_1`, which is made first."""
    await store(url, [started("call_1")])
    database = Database(url)
    sink = DatabaseSink(database, SERVER_ID)
    assert await sink.write(Batch([], list(blocks), [])) == []
    await sink.close()


def numbers(frames: Iterable[str]) -> list[int]:
    return [seq_of(frame) for frame in frames]


async def test_a_page_ends_within_a_block(url: str) -> None:
    await write(url, block(4, frame(2), frame(3), frame(4)), block(6, frame(5), frame(6)))
    async with stored_in(url) as (_database, calls):
        assert numbers(await calls.frames("call_1", after=2, limit=3)) == [3, 4, 5]
        assert numbers(await calls.frames("call_1", after=2)) == [3, 4, 5, 6]
        assert numbers(await calls.frames("call_1", after=6, limit=3)) == []


async def test_a_page_has_events_of_many_blocks(url: str) -> None:
    await write(url, *(block(seq, frame(seq)) for seq in range(2, 100)))
    async with stored_in(url) as (_database, calls):
        assert numbers(await calls.frames("call_1", limit=1000)) == list(range(1, 100))
        assert numbers(await calls.frames("call_1", after=10, limit=50)) == list(range(11, 61))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
async def test_a_page_is_full_although_numbers_are_missing(url: str, limit: int) -> None:
    stored_numbers = [1, 2, 9, 1000, 1001]
    await write(url, block(2, frame(2)), block(9, frame(9)), block(1001, frame(1000), frame(1001)))
    async with stored_in(url) as (_database, calls):
        pages, after = [], 0
        while page := numbers(await calls.frames("call_1", after, limit)):
            pages += page
            after = page[-1]
            assert len(page) == limit or page[-1] == stored_numbers[-1]
        assert pages == stored_numbers


@pytest.mark.parametrize("limit", [None, 2])
async def test_an_event_of_a_later_block_replaces_one_of_an_earlier_block(url: str, limit: int | None) -> None:
    later = (block(seq, frame(seq)) for seq in range(4, 60))
    last = 60
    await write(url, block(3, frame(2, "secret"), frame(3)), *later, block(last, frame(2, "[card]"), frame(last)))
    async with stored_in(url) as (_database, calls):
        assert (await calls.frames("call_1", after=1, limit=limit))[:2] == [frame(2, "[card]"), frame(3)]


async def test_a_block_that_is_written_twice_is_there_once(url: str) -> None:
    await write(url, block(3, frame(2), frame(3)))
    await write(url, block(3, frame(2), frame(3)))
    async with stored_in(url) as (_database, calls):
        assert numbers(await calls.frames("call_1")) == [1, 2, 3]


async def test_a_call_that_was_taken_over_replaces_what_the_former_server_stored_later(url: str) -> None:
    events = conversation("call_1")
    await store(url, events)
    log = Log(lambda: 0.0)
    log.restore([entry for entry in _entries(events) if entry.seq <= 3], 3)

    async def open_sink() -> BatchSink:
        return DatabaseSink(Database(url), "another")

    writer = StoreWriter(open_sink, "full")
    async with writer.running():
        log.subscribe(writer.reader(log))
        log.append(log_events.CallTakenOver(call_id="call_1", agent="host", reason="gone"))
    async with stored_in(url) as (_database, calls):
        assert await calls.log("call_1") == log.since(0)


def _entries(events: Iterable[log_events.LogEventUnion]) -> list[Entry]:
    log = Log(lambda: 0.0)
    return [log.append(event) for event in events]

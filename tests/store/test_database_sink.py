"""The writer's side of the database: many rows of one batch, and its cost for the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text, update

from tests.store.samples import started
from tests.store.stored import SERVER_ID, store, stored_in
from trunkline.store.batch import Batch, UtteranceRow
from trunkline.store.call_filters import CallFilters
from trunkline.store.database import Database
from trunkline.store.database_sink import UTTERANCES_AT_ONCE, DatabaseSink
from trunkline.store.event_blocks import EventBlock
from trunkline.store.schema import calls


def utterance(seq: int, words: str = "Where is my order") -> UtteranceRow:
    return UtteranceRow("call_1", seq, 10 * seq, "user", words)


async def write(url: str, *batches: Batch) -> None:
    """Write batches of the call `call_1`, which is made first."""
    await store(url, [started("call_1")])
    sink = DatabaseSink(Database(url), SERVER_ID)
    for batch in batches:
        assert await sink.write(batch) == []
    await sink.close()


@pytest.mark.parametrize("count", [1, UTTERANCES_AT_ONCE, 2 * UTTERANCES_AT_ONCE + 1])
async def test_all_utterances_of_a_batch_are_found(url: str, count: int) -> None:
    await write(url, Batch([], [], [utterance(seq, f"number{seq}") for seq in range(2, count + 2)]))
    async with stored_in(url) as (_database, stored):
        for seq in {2, count // 2 + 2, count + 1}:
            (found,) = (await stored.list(CallFilters(q=f"number{seq}"))).calls
            assert found.match is not None
            assert (found.match.seq, found.match.text) == (seq, f"number{seq}")


async def test_an_utterance_that_is_written_again_replaces_the_former_one(url: str) -> None:
    former = [utterance(seq, f"former{seq}") for seq in (2, 3)]
    await write(url, Batch([], [], former), Batch([], [], [utterance(3, "later3"), utterance(4, "later4")]))
    async with stored_in(url) as (database, stored):
        async with database.engine.connect() as connection:
            rows = await connection.execute(text("SELECT seq, text FROM utterances ORDER BY seq"))
            assert [tuple(row) for row in rows] == [(2, "former2"), (3, "later3"), (4, "later4")]
        assert not (await stored.list(CallFilters(q="former3"))).calls
        assert len((await stored.list(CallFilters(q="later3"))).calls) == 1


async def test_a_batch_costs_the_event_loop_one_hop_to_the_thread_of_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite3'}"
    await store(url, [started("call_1")])
    sink = DatabaseSink(Database(url), SERVER_ID)
    await sink.write(Batch([], [], [utterance(2)]))
    loop = asyncio.get_running_loop()
    hops = 0
    wake = loop.call_soon_threadsafe

    def count(call: Callable[..., object], *args: object) -> asyncio.Handle:
        nonlocal hops
        hops += 1
        return wake(call, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    frames = ['{"seq":3,"at_ms":30,"kind":"notice","message":"m","code":"c"}']
    await sink.write(Batch([], [EventBlock("call_1", 3, 3, frames)], [utterance(3)]))
    assert hops == 1
    await sink.close()


async def test_a_database_that_closes_waits_for_the_transaction_that_has_begun(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite3'}"
    await store(url, [started("call_1")])
    database = Database(url)
    loop, has_begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def rename(connection: Connection) -> None:
        connection.execute(update(calls).values(scenario="renamed"))
        loop.call_soon_threadsafe(has_begun.set)
        may_end.wait(30)

    writing = asyncio.create_task(database.write(rename))
    await has_begun.wait()
    writing.cancel()
    closing = asyncio.create_task(database.close())
    await asyncio.gather(writing, return_exceptions=True)
    may_end.set()
    await closing
    async with stored_in(url) as (_database, stored):
        summary = await stored.get("call_1")
    assert summary is not None
    assert summary.scenario == "renamed"

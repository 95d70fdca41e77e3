"""Calls in a database, put there by the writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from trunkline.calls.log import Log
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.batch import BatchSink
from trunkline.store.database import Database
from trunkline.store.database_sink import DatabaseSink
from trunkline.store.mode import StoreMode
from trunkline.store.stored_calls import StoredCalls
from trunkline.store.writer import RedactorFactory, StoreWriter

SERVER_ID = "server_test"


@asynccontextmanager
async def stored_in(url: str) -> AsyncIterator[tuple[Database, StoredCalls]]:
    """Make the tables of a database, and close its connections at the end."""
    database = Database(url)
    await database.migrate()
    try:
        yield database, StoredCalls(database)
    finally:
        await database.close()


async def store(
    url: str,
    *calls: Iterable[LogEventUnion | tuple[int, LogEventUnion]],
    mode: StoreMode = "full",
    make_redactor: RedactorFactory | None = None,
) -> None:
    """Store calls with the writer, each from its events; an event may have a time."""

    async def open_sink() -> BatchSink:
        database = Database(url)
        await database.migrate()
        return DatabaseSink(database, SERVER_ID)

    writer = StoreWriter(open_sink, mode, make_redactor=make_redactor)
    async with writer.running():
        for events in calls:
            feed(writer, events)
    assert (writer.queued_events, writer.lost_events) == (0, 0)


def feed(writer: StoreWriter, events: Iterable[LogEventUnion | tuple[int, LogEventUnion]], epoch: int = 0) -> Log:
    """Append events to a new log that the writer reads. Return the log."""
    now_ms = 0

    def now() -> float:
        return now_ms

    log = Log(now)
    log.epoch = epoch
    log.subscribe(writer.reader(log))
    for event in events:
        if isinstance(event, tuple):
            now_ms, event = event
        log.append(event)
    return log


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a state that no event reports."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)

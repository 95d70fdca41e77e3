"""Real databases that are locked, full, slow or absent: calls are not touched, and their events are written later."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.store.postgres_server import PostgresServer
from tests.store.samples import conversation, said, started
from tests.store.stored import SERVER_ID, feed, stored_in, until
from trunkline.calls import log_events
from trunkline.calls.log import Log
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.batch import BatchSink
from trunkline.store.database import Database
from trunkline.store.database_sink import DatabaseSink
from trunkline.store.writer import StoreWriter, WriterTimes

QUICK = WriterTimes(batch_s=0.01, slow_s=30.0, first_retry_s=0.01, last_retry_s=0.02, close_s=30.0)
Told = list[tuple[str, LogEventUnion]]


@asynccontextmanager
async def writing(
    url: str,
    told: Told | None = None,
    prepare: Callable[[Database], None] = lambda _database: None,
    times: WriterTimes = QUICK,
) -> AsyncIterator[StoreWriter]:
    """Run a writer on a database; `prepare` gets each connection pool before its first use."""

    async def open_sink() -> BatchSink:
        database = Database(url, lock_wait_s=0.05)
        prepare(database)
        await database.migrate()
        return DatabaseSink(database, SERVER_ID)

    heard: Told = [] if told is None else told
    writer = StoreWriter(open_sink, "full", times=times, tell=lambda *event: heard.append(event))
    async with writer.running():
        yield writer


async def assert_complete(url: str, log: Log) -> None:
    """Check that all events of a call are stored, once and in order."""
    async with stored_in(url) as (_database, calls):
        assert await calls.frames("call_1") == [entry.frame() for entry in log.since(0)]


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "calls.sqlite3"


@pytest.fixture
def sqlite_url(sqlite_path: Path) -> str:
    return f"sqlite:///{sqlite_path}"


def kinds(told: Told) -> list[str]:
    return [str(event.__struct_config__.tag) for _call, event in told]


async def test_a_locked_database_is_written_when_it_is_free(sqlite_path: Path, sqlite_url: str) -> None:
    told = Told()
    async with writing(sqlite_url, told) as writer:
        log = feed(writer, [started()])
        await until(lambda: writer.written_events == 1)
        other = sqlite3.connect(sqlite_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for one in said("a", "user", "Where is my order"):
            log.append(one)
        await until(lambda: writer.is_degraded)
        assert told[0][1] == log_events.StoreDegraded(reason="database is locked")
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: not writer.is_degraded)
    assert kinds(told) == ["store.degraded", "store.restored"]
    await assert_complete(sqlite_url, log)


async def test_a_full_database_is_written_when_it_has_room_again(sqlite_url: str) -> None:
    pages = 60

    def limit(database: Database) -> None:
        event.listen(database.write_engine, "connect", lambda connection, _record: set_limit(connection))

    def set_limit(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    told = Told()
    async with writing(sqlite_url, told, limit) as writer:
        log = feed(writer, [started()])
        for index in range(200):
            log.append(log_events.Notice(message="x" * 1000, code=f"c{index}"))
        await until(lambda: writer.is_degraded)
        assert told[0][1] == log_events.StoreDegraded(reason="database or disk is full")
        pages = 10_000
        await until(lambda: not writer.is_degraded)
    assert writer.lost_events == 0
    await assert_complete(sqlite_url, log)


async def test_a_deleted_database_is_made_again(sqlite_path: Path, sqlite_url: str) -> None:
    told = Told()
    async with writing(sqlite_url, told) as writer:
        log = feed(writer, [started()])
        await until(lambda: writer.written_events == 1)
        remove(sqlite_path)
        later = said("a", "user", "Where is my order")
        for one in later:
            log.append(one)
        await until(lambda: writer.written_events == log.last_seq)
    assert "deleted or replaced" in str(told[0][1])
    async with stored_in(sqlite_url) as (_database, calls):
        assert [entry.event for entry in await calls.log("call_1")] == later
        summary = await calls.get("call_1")
    assert summary is not None
    assert summary.turns == 1


def remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


async def test_a_folder_that_cannot_be_used_at_the_start_is_used_later(tmp_path: Path) -> None:
    blocker = block(tmp_path / "data")
    url = f"sqlite:///{tmp_path / 'data' / 'calls.sqlite3'}"
    async with writing(url) as writer:
        log = feed(writer, conversation())
        await until(lambda: writer.is_degraded)
        unblock(blocker)
        await until(lambda: writer.written_events == log.last_seq)
    await assert_complete(url, log)


def block(path: Path) -> Path:
    path.write_text("a file in the place of the folder")
    return path


def unblock(path: Path) -> None:
    path.unlink()


async def test_a_database_server_that_stops_is_used_when_it_is_back(
    postgres: PostgresServer, postgres_url: str
) -> None:
    told = Told()
    async with writing(postgres_url, told) as writer:
        log = feed(writer, [started()])
        await until(lambda: writer.written_events == 1)
        postgres.stop()
        for one in said("a", "user", "Where is my order"):
            log.append(one)
        await until(lambda: writer.is_degraded)
        postgres.start()
        await until(lambda: not writer.is_degraded)
    assert kinds(told)[0] == "store.degraded"
    assert kinds(told)[-1] == "store.restored"
    await assert_complete(postgres_url, log)


async def test_a_connection_that_the_database_ends_is_made_again(postgres_url: str) -> None:
    async with stored_in(postgres_url) as (other, _calls), writing(postgres_url) as writer:
        log = feed(writer, [started()])
        await until(lambda: writer.written_events == 1)
        async with other.engine.begin() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
        for one in said("a", "user", "Where is my order"):
            log.append(one)
        await until(lambda: writer.written_events == log.last_seq)
    await assert_complete(postgres_url, log)


async def test_a_database_that_does_not_answer_is_waited_for(postgres: PostgresServer, postgres_url: str) -> None:
    told = Told()
    async with writing(postgres_url, told, times=QUICK._replace(slow_s=0.1)) as writer:
        log = feed(writer, [started()])
        await until(lambda: writer.written_events == 1)
        postgres.freeze()
        try:
            for one in said("a", "user", "Where is my order"):
                log.append(one)
            await until(lambda: writer.is_degraded)
        finally:
            postgres.thaw()
        await until(lambda: not writer.is_degraded)
    assert told[0][1] == log_events.StoreDegraded(reason="the database has not answered for 0.1 s")
    assert writer.lost_events == 0
    await assert_complete(postgres_url, log)


async def test_a_value_that_the_database_refuses_does_not_stop_the_others(url: str) -> None:
    async with writing(url) as writer:
        log = feed(writer, [started()])
        await until(lambda: writer.written_events == 1)
        log.append(log_events.Notice(message="n", code="c"))
        unknown = Log(lambda: 0.0)  # a call without a row, since another server has deleted it
        unknown.subscribe(writer.reader(unknown))
        unknown.append(started("call_2"))
        await until(lambda: writer.written_events == 3)
        async with stored_in(url) as (_database, calls):
            await calls.delete_many(["call_2"])
        unknown.append(log_events.Notice(message="n", code="c"))
        log.append(log_events.CallEnded(reason="over"))
        await until(lambda: writer.written_events == 4)
    assert writer.lost_events == 1
    await assert_complete(url, log)

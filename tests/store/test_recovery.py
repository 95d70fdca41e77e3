"""Calls of dead servers: a lock tells them from those of living ones, and their summaries are made complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import update

from tests.store.samples import conversation, said, started
from tests.store.stored import SERVER_ID, store, stored_in
from trunkline.calls import log_events
from trunkline.calls.log_events import LogEventUnion
from trunkline.store import schema
from trunkline.store.database import Database
from trunkline.store.recovery import mark_interrupted
from trunkline.store.server_lock import server_lock


class Locks:
    """The view of another server: these servers live."""

    def __init__(self, *alive: str) -> None:
        self._alive = alive
        self.on_lost: Callable[[], object] = lambda: None

    async def hold(self) -> bool:
        return True

    async def is_alive(self, server_id: str) -> bool:
        return server_id in self._alive

    async def release(self) -> None: ...


@pytest.mark.parametrize("server_id", ["server_a", "../odd", "x" * 100])
async def test_a_server_lives_as_long_as_it_holds_its_lock(url: str, server_id: str) -> None:
    async with stored_in(url) as (database, _calls), stored_in(url) as (other, _):
        lock, view = server_lock(database, server_id), server_lock(other, "server_b")
        assert not await view.is_alive(server_id)
        await lock.hold()
        assert await view.is_alive(server_id)
        assert await view.is_alive(server_id)  # a look does not take the lock
        await lock.release()
        assert not await view.is_alive(server_id)


async def test_a_server_takes_its_lock_again_after_it_was_lost(postgres_url: str) -> None:
    async with stored_in(postgres_url) as (database, _calls), stored_in(postgres_url) as (other, _):
        lock, view = server_lock(database, "server_a"), server_lock(other, "server_b")
        assert not await lock.hold()
        assert await lock.hold()
        lost = asyncio.Event()
        lock.on_lost = lost.set
        async with other.engine.begin() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid != pg_backend_pid()"
            )
        assert not await view.is_alive("server_a")
        async with asyncio.timeout(10):
            await lost.wait()
        assert not await lock.hold()  # others may have used the moment
        assert await view.is_alive("server_a")
        await lock.release()


async def running_with(database: Database, url: str, *texts: str) -> None:
    """Store a call that runs, of which the summary is older than the events."""
    events: list[LogEventUnion] = [started(), log_events.AgentChanged(agent="host")]
    for index, text in enumerate(texts):
        events += said(f"i{index}", "user", text)
    await store(url, events)
    async with database.writing() as connection:
        await connection.execute(update(schema.calls).values(turns=0, agents="[]", duration_ms=0, bytes=0))


async def test_the_calls_of_a_dead_server_are_interrupted_with_their_latest_summary(url: str) -> None:
    async with stored_in(url) as (database, calls):
        await running_with(database, url, "one", "two")
        assert await mark_interrupted(database, Locks()) == ["call_1"]
        summary = await calls.get("call_1")
    assert summary is not None
    assert (summary.status, summary.turns, summary.agents) == ("interrupted", 2, ("host",))
    assert summary.ended_at == summary.started_at  # its last event was at 0 ms
    assert summary.end_reason is None
    assert summary.bytes > 0


async def test_the_calls_of_a_living_server_are_left_alone(url: str) -> None:
    async with stored_in(url) as (database, calls):
        await running_with(database, url, "one")
        assert await mark_interrupted(database, Locks(SERVER_ID)) == []
        summary = await calls.get("call_1")
    assert summary is not None
    assert (summary.status, summary.turns) == ("running", 0)


async def test_a_call_that_had_ended_keeps_its_end(url: str) -> None:
    async with stored_in(url) as (database, calls):
        await store(url, conversation())
        async with database.writing() as connection:
            await connection.execute(update(schema.calls).values(status="running", end_reason=None, ended_ms=None))
        assert await mark_interrupted(database, Locks()) == ["call_1"]
        summary = await calls.get("call_1")
    assert summary is not None
    assert (summary.status, summary.end_reason) == ("ended", "caller hung up")


async def test_calls_that_are_over_are_not_touched(url: str) -> None:
    async with stored_in(url) as (database, _calls):
        await store(url, conversation())
        assert await mark_interrupted(database, Locks()) == []

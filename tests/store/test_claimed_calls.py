"""Stored calls that another server has claimed: only that one writes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.store.samples import conversation, started
from tests.store.stored import SERVER_ID, feed, stored_in, until
from trunkline.calls import log_events
from trunkline.calls.log_events import LogEventUnion
from trunkline.cluster.live_calls import LiveCalls
from trunkline.store.batch import BatchSink
from trunkline.store.database import Database
from trunkline.store.database_sink import DatabaseSink
from trunkline.store.writer import StoreWriter

OTHER = "server_other"
FIRST: list[LogEventUnion] = [started(), log_events.AgentChanged(agent="host")]


@asynccontextmanager
async def writing(url: str, server_id: str = SERVER_ID) -> AsyncIterator[StoreWriter]:
    """Write to a database as a server."""

    async def open_sink() -> BatchSink:
        return DatabaseSink(Database(url), server_id)

    writer = StoreWriter(open_sink, "full")
    async with writer.running():
        yield writer


async def test_a_server_writes_nothing_of_a_call_that_another_one_has_claimed(url: str) -> None:
    async with stored_in(url) as (database, stored), writing(url) as writer:
        log = feed(writer, FIRST, epoch=1)
        other_log = feed(writer, conversation("call_2"))
        live = LiveCalls(database)
        await live.begin("call_1", SERVER_ID, "{}")
        await until(lambda: writer.written_events == log.last_seq + other_log.last_seq)
        await live.claim("call_1", 1, OTHER)
        log.append(log_events.MessageDone(item_id="item_1", role="user", text="too late"))
        log.append(log_events.CallEnded(reason="too late"))
        feed(writer, conversation("call_3"))
        await until(lambda: not writer.queued_events)
        assert [entry.event for entry in await stored.log("call_1")] == FIRST
        assert len(await stored.log("call_3")) == len(conversation())
        assert writer.lost_events == 0
        assert not writer.is_degraded


async def test_the_server_that_has_claimed_a_call_writes_it(url: str) -> None:
    async with stored_in(url) as (database, stored):
        async with writing(url) as writer:
            feed(writer, FIRST, epoch=1)
        live = LiveCalls(database)
        await live.begin("call_1", SERVER_ID, "{}")
        await live.claim("call_1", 1, OTHER)
        async with writing(url, OTHER) as writer:
            feed(writer, conversation(), epoch=2)
        assert [entry.event for entry in await stored.log("call_1")] == conversation()


async def test_a_call_that_was_claimed_before_its_first_write_is_written_by_its_owner_alone(url: str) -> None:
    async with stored_in(url) as (database, stored):
        live = LiveCalls(database)
        await live.begin("call_1", SERVER_ID, "{}")
        await live.claim("call_1", 1, OTHER)
        async with writing(url) as writer:
            feed(writer, FIRST, epoch=1)
        async with writing(url, OTHER) as writer:
            feed(writer, conversation(), epoch=2)
        await live.end("call_1", 2)
        async with writing(url) as writer:
            feed(writer, FIRST, epoch=1)
        assert [entry.event for entry in await stored.log("call_1")] == conversation()


async def test_a_call_that_was_given_up_is_not_written_any_more(url: str) -> None:
    async with stored_in(url) as (_database, stored), writing(url) as writer:
        log = feed(writer, FIRST, epoch=1)
        await until(lambda: writer.written_events == log.last_seq)
        log.append(log_events.MessageDone(item_id="item_1", role="user", text="in the queue"))
        writer.forget("call_1")
        log.append(log_events.CallEnded(reason="too late"))
        feed(writer, conversation("call_2"))
        await until(lambda: not writer.queued_events)
        assert [entry.event for entry in await stored.log("call_1")] == FIRST
        assert len(await stored.log("call_2")) == len(conversation())

"""Live records in a real database: owners, epochs, heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from trunkline.calls.log import Entry
from trunkline.calls.log_events import MessageDelta
from trunkline.cluster.claim_rules import STALE_HEARTBEAT_MS
from trunkline.cluster.live_calls import LiveCall, LiveCalls, LiveWrite
from trunkline.store.database import Database
from trunkline.store.schema import live_calls as live_calls_table
from trunkline.store.schema import servers

FIRST, SECOND = "server_1", "server_2"
EVENT = Entry(1, 20, MessageDelta(item_id="item_1", text="hello"))


@asynccontextmanager
async def live_calls(url: str) -> AsyncIterator[LiveCalls]:
    """Open a new database."""
    database = Database(url)
    await database.migrate()
    try:
        yield LiveCalls(database)
    finally:
        await database.close()


async def test_a_call_is_loaded_as_it_was_written(url: str) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, "{}")
        assert await live.write([LiveWrite("call_1", epoch, [(1, EVENT.frame())], '{"a": 1}')]) == []
        assert await live.load("call_1") == LiveCall('{"a": 1}', (EVENT,))


async def test_a_write_without_a_record_keeps_the_former_one(url: str) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, '{"a": 1}')
        await live.write([LiveWrite("call_1", epoch, [(1, EVENT.frame())])])
        assert await live.load("call_1") == LiveCall('{"a": 1}', (EVENT,))


async def test_events_that_are_written_twice_are_there_once(url: str) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, "{}")
        for _ in range(2):
            await live.write([LiveWrite("call_1", epoch, [(1, EVENT.frame())])])
        loaded = await live.load("call_1")
        assert loaded is not None
        assert loaded.entries == (EVENT,)


async def test_a_stale_owner_writes_nothing_and_hears_of_it(url: str) -> None:
    async with live_calls(url) as live:
        former = await live.begin("call_1", FIRST, "{}")
        assert await live.claim("call_1", former, SECOND) == former + 1
        stale = LiveWrite("call_1", former, [(1, EVENT.frame())], '{"stale": true}')
        assert await live.write([stale]) == ["call_1"]
        assert await live.load("call_1") == LiveCall("{}", ())


async def test_a_stale_owner_does_not_end_the_call(url: str) -> None:
    async with live_calls(url) as live:
        former = await live.begin("call_1", FIRST, "{}")
        await live.claim("call_1", former, SECOND)
        await live.end("call_1", former)
        assert await live.load("call_1") is not None


async def test_of_two_servers_that_claim_at_once_one_wins(url: str) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, "{}")
        claims = await asyncio.gather(*(live.claim("call_1", epoch, f"server_{number}") for number in range(2, 6)))
        assert sorted(claims, key=str) == [epoch + 1, None, None, None]


async def test_a_server_takes_the_calls_again_that_no_other_has_claimed(url: str) -> None:
    async with live_calls(url) as live:
        await live.begin("call_1", FIRST, "{}")
        await live.begin("call_2", FIRST, "{}")
        await live.claim("call_2", 1, SECOND)
        assert await live.retake(["call_1", "call_2", "call_3"], FIRST) == {"call_1": 2}
        assert await live.claim("call_1", 1, SECOND) is None  # which was decided before
        assert await live.write([LiveWrite("call_2", 2, [(1, EVENT.frame())])]) == []


async def test_an_owner_that_stands_still_in_a_write_does_not_keep_its_calls(postgres_url: str) -> None:
    async with live_calls(postgres_url) as live, live_calls(postgres_url) as other:
        await live.begin("call_1", FIRST, "{}")

        async def write() -> None:
            async with live._database.writing() as connection:
                await connection.execute(update(live_calls_table).values(record="unfinished"))
                assert await other.claim("call_1", 1, SECOND) == 2  # when the database has ended the write

        with pytest.raises(DBAPIError):
            await write()
        assert await other.load("call_1") == LiveCall("{}", ())


async def test_a_call_that_is_begun_twice_has_one_record(url: str) -> None:
    async with live_calls(url) as live:
        assert await live.begin("call_1", FIRST, "{}") == 1
        assert await live.begin("call_1", FIRST, '{"later": 1}') == 1
        assert await live.load("call_1") == LiveCall("{}", ())


async def test_the_calls_of_other_servers_are_written_beside_a_lost_one(url: str) -> None:
    async with live_calls(url) as live:
        lost, kept = await live.begin("call_1", FIRST, "{}"), await live.begin("call_2", FIRST, "{}")
        await live.claim("call_1", lost, SECOND)
        writes = [LiveWrite(call_id, 1, [(1, EVENT.frame())]) for call_id in ("call_1", "call_2")]
        assert await live.write(writes) == ["call_1"]
        loaded = await live.load("call_2")
        assert kept == 1
        assert loaded is not None
        assert loaded.entries == (EVENT,)


async def test_an_owner_shows_its_address_and_the_age_of_its_heartbeat(url: str) -> None:
    async with live_calls(url) as live:
        await live.begin("call_1", FIRST, "{}")
        await live.beat(FIRST, "http://127.0.0.1:1")
        await live.beat(FIRST, "http://127.0.0.1:2")
        owner = await live.owner_of("call_1")
        assert owner is not None
        assert (owner.server_id, owner.epoch, owner.address) == (FIRST, 1, "http://127.0.0.1:2")
        assert owner.heartbeat_age_ms is not None
        assert 0 <= owner.heartbeat_age_ms < 60_000


async def test_a_server_finds_the_addresses_of_the_others_that_live(url: str) -> None:
    async with live_calls(url) as live:
        for number in (1, 2, 3):
            await live.beat(f"server_{number}", f"http://127.0.0.1:{number}")
        async with live._database.writing() as connection:
            long_ago = servers.c.heartbeat_ms - STALE_HEARTBEAT_MS
            await connection.execute(
                update(servers).where(servers.c.server_id == "server_3").values(heartbeat_ms=long_ago)
            )
        assert await live.peers("server_1") == ["http://127.0.0.1:2"]


async def test_a_server_that_has_left_has_no_address(url: str) -> None:
    async with live_calls(url) as live:
        await live.begin("call_1", FIRST, "{}")
        await live.beat(FIRST, "http://127.0.0.1:1")
        await live.leave(FIRST)
        owner = await live.owner_of("call_1")
    assert owner is not None
    assert (owner.address, owner.heartbeat_age_ms) == (None, None)


@pytest.mark.parametrize("ended", [True, False])
async def test_a_call_that_has_ended_leaves_nothing(url: str, ended: bool) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, "{}")
        await live.write([LiveWrite("call_1", epoch, [(1, EVENT.frame())])])
        if ended:
            await live.end("call_1", epoch)
        assert (await live.load("call_1") is None) is ended
        assert (await live.owner_of("call_1") is None) is ended


async def test_the_calls_of_a_server_that_never_came_back_are_forgotten(url: str) -> None:
    async with live_calls(url) as live:
        await live.beat(FIRST, "")
        await live.begin("call_1", FIRST, "{}")
        await live.begin("call_2", SECOND, "{}")
        await live.forget(60_000.0)
        assert await live.load("call_1") is not None
        assert await live.load("call_2") is None
        await live.forget(-1.0)
        assert await live.load("call_1") is None


async def test_a_call_that_was_handed_over_may_be_claimed_and_is_then_owned(url: str) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, "{}")
        assert await live.write([LiveWrite("call_1", epoch, [(1, EVENT.frame())], '{"a": 1}', releases=True)]) == []
        released = await live.owner_of("call_1")
        claimed = await live.claim("call_1", epoch, SECOND)
        owner = await live.owner_of("call_1")
        assert await live.load("call_1") == LiveCall('{"a": 1}', (EVENT,))
    assert released is not None
    assert (released.server_id, released.has_released) == (FIRST, True)
    assert owner is not None
    assert (owner.server_id, owner.epoch, owner.has_released) == (SECOND, claimed, False)


async def test_a_call_that_was_handed_over_waits_for_its_next_server(url: str) -> None:
    async with live_calls(url) as live:
        epoch = await live.begin("call_1", FIRST, "{}")
        await live.write([LiveWrite("call_1", epoch, [], releases=True)])
        await live.forget(60_000.0)  # its owner has left
        assert await live.load("call_1") is not None
        await live.forget(-1.0)
        assert await live.load("call_1") is None


async def test_the_others_are_the_living_servers_that_do_not_stop(url: str) -> None:
    async with live_calls(url) as live:
        await live.beat(FIRST, "")
        await live.beat(SECOND, "")
        await live.beat("server_3", "", is_draining=True)
        assert await live.others(FIRST, 60_000.0) == [SECOND]
        assert await live.others(SECOND, 60_000.0) == [FIRST]
        assert await live.others(FIRST, -60_000.0) == []
        await live.beat(SECOND, "", is_draining=True)
        assert await live.others(FIRST, 60_000.0) == []

"""The heartbeat of a server: its lease, the calls that it takes again, and the other servers that it asks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from trunkline.cluster.claim_rules import STALE_HEARTBEAT_MS
from trunkline.cluster.heartbeat import Heartbeat
from trunkline.cluster.lease import LEASE_MS, PATIENCE_MS
from trunkline.cluster.node import Standing

AWAY = Standing(reaches_database=False, runs=[])
REACHES = Standing(reaches_database=True, runs=[])


class World:
    """A database, a lock, other servers and calls of one server, in memory."""

    on_lost: Callable[[], object]

    def __init__(self, *others: Standing) -> None:
        self.now_ms = 1_000.0
        self.database_works = True
        self.keeps_lock = True
        self.address = "http://127.0.0.1:1"
        self.others = list(others)
        self.done: list[str] = []
        self.calls = ["call_1", "call_2"]
        self.heartbeat = Heartbeat(self, self, "server", self, self, 60_000.0, lambda: self.now_ms)  # type: ignore[arg-type]  # this class plays all parts

    # The database and the lock
    async def hold(self) -> bool:
        return self.keeps_lock

    async def beat(self, *_server: Any, **_state: Any) -> None:
        if not self.database_works:
            raise OSError("it is away")
        self.done.append("beat")

    async def peers(self, _server_id: str) -> list[str]:
        return []

    async def forget(self, _after_ms: float) -> None: ...

    # The other servers
    def meet(self, _addresses: list[str]) -> None: ...

    async def standings(self, _call_ids: list[str]) -> list[Standing]:
        return self.others

    # The calls
    def owned(self) -> list[str]:
        return list(self.calls)

    async def retake(self) -> None:
        self.done.append("retake")

    def lose(self, call_ids: Collection[str]) -> None:
        self.calls = [call_id for call_id in self.calls if call_id not in call_ids]

    def reopen(self) -> None:
        self.done.append("reopen")

    def on_database_failed(self, error: BaseException) -> None:
        self.done.append("failed")

    def on_database_answered(self) -> None: ...


async def world_with_a_lease(*others: Standing) -> World:
    world = World(*others)
    assert await world.heartbeat.step()
    world.done.clear()
    return world


async def test_a_heartbeat_in_time_renews_the_lease() -> None:
    world = await world_with_a_lease()
    world.now_ms += LEASE_MS - 1
    assert await world.heartbeat.step()
    assert world.done == ["beat"]
    world.now_ms += LEASE_MS - 1
    assert world.heartbeat.is_owner()


async def test_a_server_that_stood_still_takes_its_calls_again_before_they_continue() -> None:
    world = await world_with_a_lease()
    world.now_ms += STALE_HEARTBEAT_MS
    assert not world.heartbeat.is_owner()
    assert await world.heartbeat.step()
    assert world.done == ["beat", "retake", "reopen"]
    assert world.heartbeat.is_owner()


async def test_a_server_that_has_lost_its_lock_takes_its_calls_again() -> None:
    world = await world_with_a_lease()
    world.keeps_lock = False
    assert await world.heartbeat.step()
    assert world.done == ["beat", "retake"]


async def test_a_server_that_loses_its_lock_stops_until_it_has_taken_its_calls_again() -> None:
    world = await world_with_a_lease()
    world.on_lost()
    assert not world.heartbeat.is_owner()
    assert await world.heartbeat.step()
    assert world.done == ["beat", "retake", "reopen"]


@pytest.mark.parametrize("others", [(), (AWAY,), (AWAY, AWAY)])
async def test_calls_continue_while_no_server_reaches_the_database(others: tuple[Standing, ...]) -> None:
    world = await world_with_a_lease(*others)
    world.database_works = False
    for _second in range(20):
        world.now_ms += 1_000
        assert not await world.heartbeat.step()
        assert world.heartbeat.is_owner()
    assert world.calls == ["call_1", "call_2"]


async def test_a_server_that_stood_still_without_a_database_continues_after_it_has_asked() -> None:
    world = await world_with_a_lease(AWAY)
    world.database_works = False
    world.now_ms += 60_000
    assert not await world.heartbeat.step()
    assert world.done == ["reopen", "failed"]
    assert world.heartbeat.is_owner()


async def test_calls_that_another_server_runs_are_given_up() -> None:
    world = await world_with_a_lease(Standing(reaches_database=False, runs=["call_2", "call_3"]))
    world.database_works = False
    await world.heartbeat.step()
    assert world.calls == ["call_1"]


async def test_a_server_that_is_cut_off_stops_at_once_and_gives_its_calls_up_soon() -> None:
    world = await world_with_a_lease(AWAY, REACHES)
    world.database_works = False
    world.now_ms += LEASE_MS
    await world.heartbeat.step()
    assert not world.heartbeat.is_owner()
    assert world.calls == ["call_1", "call_2"]
    world.now_ms += PATIENCE_MS
    await world.heartbeat.step()
    assert world.calls == []


async def test_a_server_that_is_asked_tries_the_database() -> None:
    world = await world_with_a_lease()
    assert await world.heartbeat.reaches_database()
    world.database_works = False
    assert not await world.heartbeat.reaches_database()
    assert world.done == ["beat", "failed"]  # so it claims nothing for some time

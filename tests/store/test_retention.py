"""Retention: the calls that are too old, and the oldest ones beyond the size limit, are deleted."""

from __future__ import annotations

from tests.store.samples import conversation, started
from tests.store.stored import store, stored_in
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.call_rows import ms_of
from trunkline.store.retention import DAY_MS, EVENT_OVERHEAD_BYTES, RetentionLimits, delete_old_calls
from trunkline.store.stored_calls import StoredCalls

START = "2026-11-{day:02}T12:00:00.000+00:00"
NOW_MS = ms_of(START.format(day=30))
UNLIMITED = RetentionLimits(max_bytes=1e12, days=0)


def on(day: int, call_id: str) -> list[LogEventUnion]:
    return conversation(call_id, started_at=START.format(day=day))


async def left(calls: StoredCalls) -> list[str]:
    return [found.summary.call_id for found in (await calls.list()).calls]


async def test_calls_are_kept_for_their_days(url: str) -> None:
    await store(url, on(1, "old"), on(23, "just in time"), on(30, "new"))
    async with stored_in(url) as (database, calls):
        assert await delete_old_calls(database, calls, UNLIMITED._replace(days=7), NOW_MS) == 1
        assert await left(calls) == ["new", "just in time"]
        assert await delete_old_calls(database, calls, UNLIMITED._replace(days=7), NOW_MS + DAY_MS) == 1
        assert await left(calls) == ["new"]


async def test_nothing_is_deleted_within_the_limits(url: str) -> None:
    await store(url, on(1, "old"), on(30, "new"))
    async with stored_in(url) as (database, calls):
        assert await delete_old_calls(database, calls, UNLIMITED, NOW_MS) == 0
        assert await left(calls) == ["new", "old"]


async def test_the_oldest_calls_make_room(url: str) -> None:
    await store(url, *(on(day, f"call_{day}") for day in range(1, 11)))
    async with stored_in(url) as (database, calls):
        summary = await calls.get("call_1")
        assert summary is not None
        of_each = summary.bytes + EVENT_OVERHEAD_BYTES * len(await calls.frames("call_1"))
        assert await delete_old_calls(database, calls, UNLIMITED._replace(max_bytes=3.5 * of_each), NOW_MS) == 7
        assert await left(calls) == ["call_10", "call_9", "call_8"]


async def test_a_running_call_stays(url: str) -> None:
    await store(url, [started("running", started_at=START.format(day=1))], on(2, "over"))
    async with stored_in(url) as (database, calls):
        assert await delete_old_calls(database, calls, RetentionLimits(max_bytes=1, days=1), NOW_MS) == 1
        assert await left(calls) == ["running"]

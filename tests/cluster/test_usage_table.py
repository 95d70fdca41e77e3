"""Reports of usage in a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

from trunkline.calls.metrics.cost_limits import DayUsage
from trunkline.cluster.shared_usage import ServerUsage
from trunkline.cluster.usage_table import UsageTable
from trunkline.store.database import Database

DAY, NEXT = date(2026, 11, 30), date(2026, 12, 1)
USAGE = ServerUsage(calls={"192.0.2.1": 2}, tries={"start": {"192.0.2.1": 3}})


@asynccontextmanager
async def two_servers(url: str, **times: float) -> AsyncIterator[tuple[UsageTable, UsageTable]]:
    """Open a new database; yield the tables of two servers."""
    database = Database(url)
    await database.migrate()
    try:
        yield UsageTable(database, "server_1", **times), UsageTable(database, "server_2", **times)
    finally:
        await database.close()


async def test_a_server_reads_the_latest_report_of_the_others(url: str) -> None:
    async with two_servers(url) as (first, second):
        await first.report(ServerUsage())
        await first.report(USAGE)
        assert await second.others() == {"server_1": USAGE}
        assert await first.others() == {}


async def test_a_server_that_has_left_has_no_report(url: str) -> None:
    async with two_servers(url) as (first, second):
        await first.report(USAGE)
        await first.leave()
        assert await second.others() == {}


async def test_an_old_report_does_not_count(url: str) -> None:
    async with two_servers(url, stale_ms=-1.0) as (first, second):
        await first.report(USAGE)
        assert await second.others() == {}


async def test_the_report_of_a_dead_server_is_removed(url: str) -> None:
    async with two_servers(url) as (first, second), two_servers(url, forget_after_ms=-1.0) as (sweeping, _):
        await first.report(USAGE)
        assert "server_1" in await second.others()
        await sweeping.report(USAGE)
        assert await second.others() == {}


async def test_the_usage_of_a_day_stays_when_its_server_has_left(url: str) -> None:
    async with two_servers(url) as (first, second):
        for usd in (1.0, 2.5):
            await first.spend(DayUsage(DAY, usd, 100))
        await first.leave()
        assert await second.spent_by_others(DAY) == DayUsage(DAY, 2.5, 100)
        assert await first.spent_by_others(DAY) == DayUsage(DAY)


async def test_another_day_begins_without_usage(url: str) -> None:
    async with two_servers(url) as (first, second):
        await first.spend(DayUsage(DAY, 1.0, 100))
        await first.spend(DayUsage(NEXT, 0.5, 50))
        assert await second.spent_by_others(DAY) == DayUsage(DAY)
        assert await second.spent_by_others(NEXT) == DayUsage(NEXT, 0.5, 50)

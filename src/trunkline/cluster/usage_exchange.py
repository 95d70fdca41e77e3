"""Exchange of usage between the servers of a deployment, once a second and off every request's path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from trunkline.calls.metrics.cost_limits import DayUsage
from trunkline.cluster.background import keep_running
from trunkline.cluster.shared_usage import ServerUsage
from trunkline.cluster.usage_table import STALE_MS, UsageTable
from trunkline.store.database import StoreError

EXCHANGE_S = 1.0
LEAVE_TIMEOUT_S = 1.0
_FAILURES = (SQLAlchemyError, StoreError, OSError, TimeoutError)
logger = logging.getLogger(__name__)


class SharedLimits(Protocol):
    """The limits of one server that also count the usage of the others."""

    def usage(self) -> ServerUsage:
        """Return the usage of this server."""

    def on_reports(self, reports: Mapping[str, ServerUsage]) -> None:
        """Count the usage of the other servers, by the server's id."""

    def day_usage(self) -> DayUsage | None:
        """Return the usage of this server today; None if no limit of the day is set."""

    def on_day_usage(self, usage: DayUsage) -> None:
        """Count the usage of the other servers on a day."""


class UsageExchange:
    """Reports the usage of one server to the others, and theirs to it. Use `running` around the requests.

    Args:
        table: the shared table.
        limits: the limits of this server.
        is_open: returns whether the database has the tables.
    """

    def __init__(self, table: UsageTable, limits: SharedLimits, is_open: Callable[[], bool]) -> None:
        self._table = table
        self._limits = limits
        self._is_open = is_open
        self._reported: DayUsage | None = None
        self._failed_since_s: float | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Exchange usage inside the `with` block."""
        exchanging = asyncio.create_task(keep_running(self._exchange_periodically, "shared usage"), name="shared usage")
        try:
            yield
        finally:
            exchanging.cancel()
            await asyncio.gather(exchanging, return_exceptions=True)
            with suppress(*_FAILURES):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    if self._is_open():
                        await self._table.leave()

    async def _exchange_periodically(self) -> None:
        while True:
            if self._is_open():
                try:
                    await self.exchange()
                    self._failed_since_s = None
                except _FAILURES as error:
                    self._on_failed(error)
            await asyncio.sleep(EXCHANGE_S)

    async def exchange(self) -> None:
        """Report once, and read the reports of the others.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        await self._table.report(self._limits.usage())
        self._limits.on_reports(await self._table.others())
        if (day := self._limits.day_usage()) is not None:
            if day != self._reported:
                await self._table.spend(day)
                self._reported = day
            self._limits.on_day_usage(await self._table.spent_by_others(day.day))

    def _on_failed(self, error: BaseException) -> None:
        """Forget the calls of the others if their reports are too old: each server then counts alone."""
        now_s = asyncio.get_running_loop().time()
        if self._failed_since_s is None:
            self._failed_since_s = now_s
            logger.debug("the usage of the other servers is not known: %s", error)
        elif now_s - self._failed_since_s > STALE_MS / 1000:
            self._limits.on_reports({})

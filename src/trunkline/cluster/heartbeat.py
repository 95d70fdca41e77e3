"""Heartbeat of a server: it shows the others that this one lives, and keeps the lease of its calls."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from trunkline.cluster.bounded_work import BoundedWork
from trunkline.cluster.lease import Lease
from trunkline.cluster.live_calls import LiveCalls
from trunkline.cluster.node import ClusterNode
from trunkline.store.database import StoreError
from trunkline.store.server_lock import ServerLock

HEARTBEAT_S = 1.0
RETRY_S = 0.25
SLOW_S = 0.6
"""The time in s after which the other servers are asked if they reach the database."""
FAILED_S = 5.0
"""The time in s after which a heartbeat has failed, so that another connection is tried."""
PROBE_S = 0.75
"""The time in s in which a server that is asked has to reach the database."""
FAILURES = (SQLAlchemyError, StoreError, OSError, TimeoutError)
"""The errors of a database that does not answer."""
if sys.platform == "linux":

    def now_ms() -> float:
        """Return the time in ms, of a clock that also counts while the machine sleeps."""
        return 1000 * time.clock_gettime(time.CLOCK_BOOTTIME)
else:

    def now_ms() -> float:
        """Return the time in ms, of a clock that never goes back."""
        return 1000 * time.monotonic()


class OwnedCalls(Protocol):
    """The calls with a live record that a server owns, as far as it knows."""

    def owned(self) -> list[str]:
        """Return their ids."""

    async def retake(self) -> None:
        """Raise their epochs, and give those up that another server owns."""

    def lose(self, call_ids: Collection[str]) -> None:
        """Give up calls that another server may run."""

    def reopen(self) -> None:
        """Continue all calls, since the lease holds again."""

    def on_database_failed(self, error: BaseException) -> None:
        """Note that the database does not answer."""

    def on_database_answered(self) -> None:
        """Note that the database answers."""


class Heartbeat:
    """The heartbeat of one server. Use `run` once the database has its tables.

    Args:
        live: the table of servers.
        lock: the lock of this server.
        server_id: its id.
        cluster: this server among the others; None if it runs alone.
        calls: its calls.
        forget_after_ms: the time without a sign of a server after which its calls are forgotten.
    """

    def __init__(
        self,
        live: LiveCalls,
        lock: ServerLock,
        server_id: str,
        cluster: ClusterNode | None,
        calls: OwnedCalls,
        forget_after_ms: float,
        clock_ms: Callable[[], float] = now_ms,
    ) -> None:
        self._live = live
        self._lock = lock
        self._server_id = server_id
        self._cluster = cluster
        self._calls = calls
        self._forget_after_ms = forget_after_ms
        self._now_ms = clock_ms
        self._work = BoundedWork()
        self._attempt: asyncio.Task[None] | None = None
        self._begun_ms = 0.0
        """The time at which the attempt began."""
        self.lease = Lease()
        self._lock_lost = asyncio.Event()
        lock.on_lost = self._on_lock_lost
        self.is_draining = False
        """True for a server that stops: the others hand no calls over to it."""

    def is_owner(self) -> bool:
        """Return whether no other server can have claimed a call of this one."""
        return self._now_ms() < self.lease.until_ms  # each frame asks

    async def run(self) -> None:
        """Write heartbeats until cancelled."""
        try:
            while True:
                pause_s = HEARTBEAT_S if await self.step() else RETRY_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._lock_lost.wait()
                self._lock_lost.clear()
        finally:
            await self._work.aclose()

    def _on_lock_lost(self) -> None:
        self.lease.on_lock_lost()
        self._lock_lost.set()

    async def step(self) -> bool:
        """Write a heartbeat, or wait for it. Ask the other servers while the database does not answer.

        Returns:
            True if the heartbeat is written.
        """
        if self._attempt is None:
            self._begun_ms = self._now_ms()
            self._attempt = self._work.start(self._beat(self._begun_ms))
        attempt = self._attempt
        await asyncio.wait({attempt}, timeout=SLOW_S)
        if attempt.done() and attempt.exception() is None:
            self._attempt = None
            self._calls.on_database_answered()
            return True
        await self._consult()
        self._end_failed(attempt)
        if self.lease.is_cut_off(self._now_ms()):
            self._calls.lose(self._calls.owned())
        return False

    def _end_failed(self, attempt: asyncio.Task[None]) -> None:
        """Make room for another attempt if this one has failed, or takes too long."""
        if not attempt.done() and self._now_ms() - self._begun_ms < 1000 * FAILED_S:
            return
        self._attempt = None
        error = attempt.exception() if attempt.done() else TimeoutError(f"no answer within {FAILED_S:g} s")
        attempt.cancel()
        if isinstance(error, FAILURES):
            self._calls.on_database_failed(error)
        elif error is not None:
            raise error

    async def _beat(self, begun_ms: float) -> None:
        kept_lock = await self._lock.hold()
        await self.write()
        held = self.is_owner()
        if not (held and kept_lock):
            await self._calls.retake()
        self.lease.on_heartbeat(begun_ms)
        if not held:
            self._calls.reopen()
        if self._cluster is not None:
            self._cluster.meet(await self._live.peers(self._server_id))
        await self._live.forget(self._forget_after_ms)

    async def write(self) -> None:
        """Write that this server lives."""
        address = "" if self._cluster is None else self._cluster.address
        await self._live.beat(self._server_id, address, is_draining=self.is_draining)

    async def _consult(self) -> None:
        """Ask the other servers if they reach the database, and if they run calls of this one."""
        asked_ms = self._now_ms()
        calls = self._calls.owned()
        standings = [] if self._cluster is None else await self._cluster.standings(calls)
        self._calls.lose({call_id for standing in standings for call_id in standing.runs} & set(calls))
        held = self.is_owner()
        self.lease.on_peers(asked_ms, one_reaches_database=any(one.reaches_database for one in standings))
        if not held and self.is_owner():
            self._calls.reopen()

    async def reaches_database(self) -> bool:
        """Return whether this server can write to the database now. If it cannot, it claims no calls for a while."""
        try:
            await self._work.run(self.write(), PROBE_S)
        except FAILURES as error:
            self._calls.on_database_failed(error)
            return False
        return True

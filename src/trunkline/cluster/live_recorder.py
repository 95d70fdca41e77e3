"""Recorder of a server's running calls, and the claim of calls of servers that have gone.

The recorder follows each call's log and writes it in batches. A tool waits for the commit of its `tool.started`, for a
limited time: so a server that takes the call over knows that it may have run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from trunkline.calls import log_events
from trunkline.calls.live_record import LiveRecord, TakenOverCall
from trunkline.calls.log import Entry, Log
from trunkline.cluster.claim_rules import STALE_HEARTBEAT_MS, Claim, ClaimRules, OwnerSight
from trunkline.cluster.live_calls import LiveCalls, LiveWrite, Ownership
from trunkline.cluster.node import OwnerUnknownError
from trunkline.store.database import Database, StoreError
from trunkline.store.server_lock import ServerLock, server_lock
from trunkline.structured_log import log_event

BATCH_S = 0.25
HEARTBEAT_S = 1.0
COMMIT_TIMEOUT_S = 1.0
"""The longest time in s that a tool waits for the commit of its start."""
RELEASE_TIMEOUT_S = 3.0
"""The longest time in s for the last write of a call that is handed over."""
MAX_WAITING_EVENTS = 20_000
"""The events of a call that may wait for the database; beyond it the call cannot be taken over."""
FORGET_AFTER_MS = 60_000.0
"""The time without a sign of a server, in addition to the time that calls wait for their callers, after which the
records of its calls are deleted."""
_COMMITTED_AT_ONCE = (
    log_events.MessageAdded,
    log_events.MessageDone,
    log_events.AudioStarted,
    log_events.ToolStarted,
    log_events.ToolDone,
    log_events.ApprovalNeeded,
    log_events.ApprovalResolved,
    log_events.AgentChanged,
    log_events.CallEnded,
)
_FAILURES = (SQLAlchemyError, StoreError, OSError, TimeoutError)

logger = logging.getLogger(__name__)


class RecordedCall(Protocol):
    """The part of a call that the recorder needs."""

    call_id: str
    log: Log
    commit: Callable[[], Awaitable[bool]] | None
    """Waits until all events so far are committed; the call awaits it before each tool."""

    def live_record(self) -> LiveRecord:
        """Return the facts that its log does not have."""

    def abandon(self) -> None:
        """Stop without an end: another server runs the call."""


class _Followed:
    """A call and its events that are not committed yet."""

    def __init__(self, call: RecordedCall, epoch: int | None, kick: asyncio.Event) -> None:
        self.call = call
        self.epoch = epoch
        self.waiting: list[tuple[int, str]] = []
        self.record = ""
        self.is_over = False
        self.committed = asyncio.Event()
        self._kick = kick

    def read(self, entry: Entry) -> None:
        """Keep an event for the next batch."""
        self.waiting.append((entry.seq, entry.frame()))
        self.committed.clear()
        if isinstance(entry.event, log_events.CallEnded):
            self.is_over = True
        if isinstance(entry.event, _COMMITTED_AT_ONCE):
            self._kick.set()

    async def commit(self) -> bool:
        """Wait until the events so far are committed, for a limited time. Return whether they are."""
        self._kick.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self.committed.wait()
        return self.committed.is_set()


class LiveRecorder:
    """The live records of one server's calls. Use `running` around the calls.

    Args:
        database: the database that all servers share.
        server_id: the id of this process.
        address: its address for the other servers.
        caller_wait_s: the time that calls wait for their callers, in s.
    """

    def __init__(self, database: Database, server_id: str, address: str, caller_wait_s: float) -> None:
        self.server_id = server_id
        self._address = address
        self._forget_after_ms = FORGET_AFTER_MS + 1000 * caller_wait_s
        self._database = database
        self._lock: ServerLock = server_lock(database, server_id)
        self._live = LiveCalls(database)
        self._rules = ClaimRules()
        self._followed: dict[str, _Followed] = {}
        self._kick = asyncio.Event()
        self._writing = asyncio.Lock()
        self.is_open = False
        """True once the database has been reached."""
        self._is_draining = False
        self._has_failed = False
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Record calls inside the `with` block. The database may come later."""
        self._tasks = [
            asyncio.create_task(self._beat_periodically(), name="heartbeat"),
            asyncio.create_task(self._write_periodically(), name="live records"),
        ]
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with suppress(*_FAILURES):
                async with asyncio.timeout(COMMIT_TIMEOUT_S):
                    await self._write()
                    await self._live.leave(self.server_id)
                    await self._lock.release()
            await self._database.close()

    def follow(self, call: RecordedCall, *, epoch: int | None = None, committed: int = 0) -> None:
        """Record a call from now on.

        Args:
            epoch: the epoch of the claim; None for a new call.
            committed: the number of the last event that is in the record already.
        """
        followed = _Followed(call, epoch, self._kick)
        self._followed[call.call_id] = followed
        for entry in call.log.since(committed):
            followed.read(entry)
        call.log.subscribe(followed.read)
        call.commit = followed.commit
        self._kick.set()

    @property
    def database(self) -> Database:
        """The database that all servers share."""
        return self._database

    # Hand-over ------------------------------------------------------------------------------------------------------
    async def begin_to_drain(self) -> None:
        """Announce to the other servers that this one stops: it claims no call that another one can take."""
        self._is_draining = True
        with suppress(*_FAILURES):  # the next heartbeat says it, too
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._live.beat(self.server_id, self._address, is_draining=True)

    async def has_successor(self) -> bool:
        """Return whether another server lives that does not stop, so that it can take calls over."""
        if not self.is_open:
            return False
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                others = await self._live.others(self.server_id, STALE_HEARTBEAT_MS)
                for other in others:
                    if await self._lock.is_alive(other):
                        return True
        except _FAILURES as error:
            self._on_failed(error)
        return False

    def records(self, call_id: str) -> bool:
        """Return whether a call has a live record, so that another server can continue it."""
        followed = self._followed.get(call_id)
        return followed is not None and not followed.is_over

    async def release(self, call_id: str) -> bool:
        """Commit the rest of a call that has stopped here, and let any other server claim it at once.

        Returns:
            False if the database did not answer in time. Another server can claim the call after this one has ended.
        """
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S), self._writing:
                if (followed := self._followed.get(call_id)) is None:
                    return False
                record = _encoded(followed.call)
                if followed.epoch is None:
                    followed.epoch = await self._live.begin(call_id, self.server_id, record)
                last = LiveWrite(call_id, followed.epoch, list(followed.waiting), record, releases=True)
                is_lost = bool(await self._live.write([last]))
        except _FAILURES as error:
            self._on_failed(error)
            return False
        followed.waiting.clear()
        followed.committed.set()
        self._followed.pop(call_id, None)
        return not is_lost

    # Claims ---------------------------------------------------------------------------------------------------------
    async def owner_of(self, call_id: str) -> Ownership | None:
        """Return the owner of a call; None if no record names one.

        Raises:
            OwnerUnknownError: the database does not answer.
        """
        async with self._asking():
            return await self._live.owner_of(call_id)

    async def decide(self, owner: Ownership) -> Claim:
        """Return the action for a call of another server.

        Raises:
            OwnerUnknownError: the database does not answer.
        """
        async with self._asking():
            lives = owner.has_released or await self._lock.is_alive(owner.server_id)
        sight = OwnerSight(lives, owner.heartbeat_age_ms, has_released=owner.has_released)
        claim = self._rules.decide(sight, _now_ms())
        if claim is Claim.TAKE_OVER and self._is_draining and await self.has_successor():
            return Claim.LEAVE
        return claim

    async def claim(self, call_id: str, owner: Ownership, seen: int) -> tuple[TakenOverCall, int] | None:
        """Claim a call of a server that has gone.

        Args:
            seen: the number of the last event that the caller's page has seen.

        Returns:
            The call and its new epoch; None if another server was faster, or the record does not fit this version.

        Raises:
            OwnerUnknownError: the database does not answer.
        """
        async with self._asking():
            epoch = await self._live.claim(call_id, owner.epoch, self.server_id)
            loaded = None if epoch is None else await self._live.load(call_id)
        if epoch is None or loaded is None:
            return None
        try:
            record = msgspec.json.decode(loaded.record, type=LiveRecord)
        except msgspec.MsgspecError as error:
            logger.error("the record of the call %s does not fit this version: %s", call_id, error)
            return None
        return TakenOverCall(record, loaded.entries, seen, self.server_id, owner.has_released), epoch

    async def give_up(self, call_id: str, epoch: int) -> None:
        """Delete the record of a claimed call that cannot continue here."""
        await self._live.end(call_id, epoch)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Turn a failure of the database into an error for the page, which tries again."""
        if not self.is_open:
            raise OwnerUnknownError("the database of the live records is not open yet")
        try:
            yield
        except _FAILURES as error:
            self._on_failed(error)
            raise OwnerUnknownError("the database of the live records does not answer") from error
        self._on_answered()

    # Writing --------------------------------------------------------------------------------------------------------
    async def _write_periodically(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BATCH_S):
                    await self._kick.wait()
            self._kick.clear()
            if not self.is_open:
                continue
            try:
                await self._write()
            except _FAILURES as error:
                self._on_failed(error)
                await asyncio.sleep(BATCH_S)

    async def _write(self) -> None:
        """Write all that waits, and delete the records of calls that have ended."""
        async with self._writing:
            for followed in [one for one in self._followed.values() if one.epoch is None]:
                record = _encoded(followed.call)
                followed.epoch = await self._live.begin(followed.call.call_id, self.server_id, record)
                followed.record = record
            batch = []
            for followed in self._followed.values():
                record = _encoded(followed.call)
                if followed.epoch is not None and (followed.waiting or record != followed.record):
                    batch.append((followed, record, len(followed.waiting)))
            if batch:
                await self._write_batch(batch)
            for followed in [one for one in self._followed.values() if one.is_over and not one.waiting]:
                assert followed.epoch is not None  # noqa: S101 - it was written above
                await self._live.end(followed.call.call_id, followed.epoch)
                self._followed.pop(followed.call.call_id, None)
            self._on_answered()

    async def _write_batch(self, batch: list[tuple[_Followed, str, int]]) -> None:
        writes = [
            LiveWrite(
                followed.call.call_id,
                followed.epoch or 0,
                followed.waiting[:count],
                record if record != followed.record else None,
            )
            for followed, record, count in batch
        ]
        lost = await self._live.write(writes)
        for followed, record, count in batch:
            del followed.waiting[:count]
            followed.record = record
            if not followed.waiting:
                followed.committed.set()
        for call_id in lost:
            log_event(logger, logging.WARNING, "call.lost_ownership", call=call_id)
            followed = self._followed.pop(call_id)
            followed.call.abandon()

    # The database ---------------------------------------------------------------------------------------------------
    async def _beat_periodically(self) -> None:
        while True:
            try:
                if not self.is_open:
                    await self._database.migrate()
                await self._lock.hold()
                await self._live.beat(self.server_id, self._address, is_draining=self._is_draining)
                await self._live.forget(self._forget_after_ms)
                self.is_open = True
                self._on_answered()
            except _FAILURES as error:
                self._on_failed(error)
            self._drop_unrecordable()
            await asyncio.sleep(HEARTBEAT_S)

    def _drop_unrecordable(self) -> None:
        for followed in list(self._followed.values()):
            if len(followed.waiting) > MAX_WAITING_EVENTS:
                log_event(logger, logging.ERROR, "call.not_recorded", call=followed.call.call_id)
                followed.call.commit = None
                del self._followed[followed.call.call_id]

    def _on_failed(self, error: BaseException) -> None:
        self._rules.on_database_failed()
        if not self._has_failed:
            reason = str(error) or type(error).__name__
            log_event(logger, logging.ERROR, "live_records.failed", reason=reason)
        self._has_failed = True

    def _on_answered(self) -> None:
        self._rules.on_database_answered(_now_ms())
        if self._has_failed:
            log_event(logger, logging.INFO, "live_records.restored")
        self._has_failed = False


def _encoded(call: RecordedCall) -> str:
    return msgspec.json.encode(call.live_record()).decode()


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000

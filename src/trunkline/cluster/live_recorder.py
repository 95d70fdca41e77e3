"""Recorder of a server's running calls, and the claim of calls of servers that have gone.

The recorder follows each call's log and writes it in batches. A tool waits for the commit of its `tool.started`, for a
limited time: so a server that takes the call over knows that it may have run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Protocol

import msgspec

from trunkline.calls import log_events
from trunkline.calls.live_record import LiveRecord, TakenOverCall
from trunkline.calls.log import Entry, Log
from trunkline.calls.send_gate import SendGate
from trunkline.cluster.background import keep_running
from trunkline.cluster.bounded_work import BoundedWork
from trunkline.cluster.claim_rules import STALE_HEARTBEAT_MS, Claim, ClaimRules, OwnerSight
from trunkline.cluster.heartbeat import FAILURES, HEARTBEAT_S, Heartbeat
from trunkline.cluster.live_calls import LiveCalls, LiveWrite, Ownership
from trunkline.cluster.node import ClusterNode, OwnerUnknownError
from trunkline.store.database import Database
from trunkline.store.server_lock import ServerLock, server_lock
from trunkline.structured_log import log_event

BATCH_S = 0.25
COMMIT_TIMEOUT_S = 1.0
"""The time in s that a tool waits for the commit of its start if no server reaches the database."""
MAX_COMMIT_TIMEOUT_S = 5.0
"""The longest time in s that a tool waits for it. A server that is cut off has lost its calls before that."""
ASK_TIMEOUT_S = 2.0
WRITE_TIMEOUT_S = 5.0
"""The longest time in s of a request to the database, and of a write."""
RELEASE_TIMEOUT_S = 3.0
"""The longest time in s for the last write of a call that is handed over."""
MAX_WAITING_EVENTS = 20_000
"""The events of a call that may wait for the database; beyond it the call cannot be taken over."""
FORGET_AFTER_MS = 60_000.0
"""The time without a sign of a server, in addition to the time that calls wait for their callers, after which the
records of its calls are deleted."""
LATE_HEARTBEAT_MS = 15_000.0
"""The age of a heartbeat up to which a server that still holds its lock may only be busy."""
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

logger = logging.getLogger(__name__)


class Successor(Enum):
    """The other servers, in the view of one that stops."""

    READY = "ready"
    """One lives, and can take calls over."""
    LATE = "late"
    """One may: it is late with its heartbeat, or the database does not answer."""
    NONE = "none"


_SUCCESSORS = (STALE_HEARTBEAT_MS, Successor.READY), (LATE_HEARTBEAT_MS, Successor.LATE)


class RecordedCall(Protocol):
    """The part of a call that the recorder needs."""

    call_id: str
    log: Log
    gate: SendGate
    """Holds the call back while this server may not own it."""
    commit: Callable[[], Awaitable[bool]] | None
    """Waits until all events so far are committed; the call awaits it before each tool."""

    def live_record(self) -> LiveRecord:
        """Return the facts that its log does not have."""

    def abandon(self) -> None:
        """Stop without an end: another server runs the call."""

    def reopen(self) -> None:
        """Continue after the gate was closed."""


class _Followed:
    """A call and its events that are not committed yet."""

    def __init__(self, call: RecordedCall, kick: asyncio.Event, database_is_away: Callable[[], bool]) -> None:
        self.call = call
        self.epoch: int | None = None
        """The number of this server's ownership; None before the call has a record."""
        self._database_is_away = database_is_away
        self.waiting: list[tuple[int, str]] = []
        self.record = ""
        self.is_over = False
        self.committed = asyncio.Event()
        self._kick = kick

    def read(self, entry: Entry) -> None:
        """Keep an event for the next batch."""
        self.waiting.append((entry.seq, self.call.log.frame(entry)))
        self.committed.clear()
        if isinstance(entry.event, log_events.CallEnded):
            self.is_over = True
        if isinstance(entry.event, _COMMITTED_AT_ONCE):
            self._kick.set()

    async def commit(self) -> bool:
        """Wait until the events so far are committed, for a limited time. Return whether they are."""
        self._kick.set()
        waited_s = 0.0
        while not self.committed.is_set() and not self.call.gate.is_shut and waited_s < MAX_COMMIT_TIMEOUT_S:
            with suppress(TimeoutError):
                async with asyncio.timeout(BATCH_S):
                    await self.committed.wait()
            waited_s += BATCH_S
            if waited_s >= COMMIT_TIMEOUT_S and (self.epoch is None or self._database_is_away()):
                break
        return self.committed.is_set()


class LiveRecorder:
    """The live records of one server's calls. Use `running` around the calls.

    Args:
        database: the database that all servers share.
        server_id: the id of this process.
        cluster: this process among the other servers; None if it runs alone.
        caller_wait_s: the time that calls wait for their callers, in s.
        on_lost: called with the id of a call that another server may run.
    """

    def __init__(
        self,
        database: Database,
        server_id: str,
        cluster: ClusterNode | None,
        caller_wait_s: float,
        on_lost: Callable[[str], None] = lambda _call_id: None,
    ) -> None:
        self._on_lost = on_lost
        self.server_id = server_id
        self._cluster = cluster
        self._database = database
        self._lock: ServerLock = server_lock(database, server_id)
        self._live = LiveCalls(database)
        forget_after_ms = FORGET_AFTER_MS + 1000 * caller_wait_s
        self._heartbeat = Heartbeat(self._live, self._lock, server_id, cluster, self, forget_after_ms)
        self._work = BoundedWork()
        self._rules = ClaimRules()
        self._followed: dict[str, _Followed] = {}
        self._kick = asyncio.Event()
        self._writing = asyncio.Lock()
        self._retaking = 0
        self.is_open = False
        """True once the database has been reached."""
        self._has_failed = False
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Record calls inside the `with` block. The database may come later."""
        self._tasks = [
            asyncio.create_task(keep_running(work, name), name=name)
            for name, work in {
                "heartbeat": self._open_and_beat,
                "limit of live records": self._drop_unrecordable_periodically,
                "live records": self._write_periodically,
            }.items()
        ]
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with suppress(*FAILURES):
                await self._work.run(self._leave(), COMMIT_TIMEOUT_S)
            await self._work.aclose()
            await self._database.close()

    async def _leave(self) -> None:
        await self._write()
        await self._live.leave(self.server_id)
        await self._lock.release()

    def follow(self, call: RecordedCall, *, epoch: int | None = None, committed: int = 0) -> None:
        """Record a call from now on.

        Args:
            epoch: the epoch of the claim; None for a new call.
            committed: the number of the last event that is in the record already.
        """
        followed = _Followed(call, self._kick, lambda: self._heartbeat.lease.is_by_peers)
        if epoch is not None:
            self._set_epoch(followed, epoch)
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

    def _set_epoch(self, followed: _Followed, epoch: int) -> None:
        followed.epoch = followed.call.log.epoch = epoch
        followed.call.gate.guard(self._heartbeat.is_owner)

    # Owned calls, for the heartbeat ---------------------------------------------------------------------------------
    def owned(self) -> list[str]:
        """Return the calls with a record that this server owns, as far as it knows."""
        return [one.call.call_id for one in self._followed.values() if one.epoch is not None and not one.is_over]

    async def retake(self) -> None:
        """Raise the epochs of these calls, and give those up that another server owns.

        A write with the former epoch, which is under way, is repeated: see `_write_batch`.
        """
        await self._retake(self.owned())

    async def _retake(self, call_ids: Sequence[str]) -> None:
        self._retaking += 1
        try:
            epochs = await self._live.retake(call_ids, self.server_id) if call_ids else {}
        finally:
            self._retaking -= 1
        for call_id, epoch in epochs.items():
            if (followed := self._followed.get(call_id)) is not None:
                self._set_epoch(followed, epoch)
        self.lose([call_id for call_id in call_ids if call_id not in epochs])

    def lose(self, call_ids: Collection[str]) -> None:
        """Give up calls that another server may run."""
        for call_id in call_ids:
            if (followed := self._followed.pop(call_id, None)) is not None:
                log_event(logger, logging.WARNING, "call.lost_ownership", call=call_id)
                followed.call.abandon()
                self._on_lost(call_id)

    def reopen(self) -> None:
        """Continue all calls, since no other server can own them."""
        for followed in list(self._followed.values()):
            followed.call.reopen()

    async def reaches_database(self) -> bool:
        """Return whether this server can write live records now."""
        return self.is_open and await self._heartbeat.reaches_database()

    # Hand-over ------------------------------------------------------------------------------------------------------
    async def begin_to_drain(self) -> None:
        """Announce to the other servers that this one stops: it claims no call that another one can take."""
        self._heartbeat.is_draining = True
        with suppress(*FAILURES):  # the next heartbeat says it, too
            await self._work.run(self._heartbeat.write(), COMMIT_TIMEOUT_S)

    async def find_successor(self) -> Successor:
        """Look for another server that lives and does not stop, so that it can take calls over."""
        if not self.is_open:
            return Successor.NONE
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                for heard_within_ms, found in _SUCCESSORS:
                    for other in await self._live.others(self.server_id, heard_within_ms):
                        if await self._lock.is_alive(other):
                            return found
        except FAILURES as error:
            self.on_database_failed(error)
            return Successor.LATE
        return Successor.NONE

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
                    self._set_epoch(followed, await self._live.begin(call_id, self.server_id, record))
                is_lost, epoch = True, 0
                while is_lost and followed.epoch != epoch:  # again if the call was retaken meanwhile
                    epoch = followed.epoch or 0
                    last = LiveWrite(call_id, epoch, list(followed.waiting), record, releases=True)
                    is_lost = bool(await self._live.write([last]))
                    if is_lost and followed.epoch == epoch:
                        await self._retake([call_id])
        except FAILURES as error:
            self.on_database_failed(error)
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
            return await self._work.run(self._live.owner_of(call_id), ASK_TIMEOUT_S)

    async def decide(self, owner: Ownership) -> Claim:
        """Return the action for a call of another server.

        Raises:
            OwnerUnknownError: the database does not answer.
        """
        if owner.server_id == self.server_id:
            # This server gave the call up, and nobody else has claimed it.
            return await self._unless_draining(Claim.TAKE_OVER)
        async with self._asking():
            lives = owner.has_released or await self._work.run(self._lock.is_alive(owner.server_id), ASK_TIMEOUT_S)
        sight = OwnerSight(lives, owner.heartbeat_age_ms, has_released=owner.has_released)
        return await self._unless_draining(self._rules.decide(sight, _now_ms()))

    async def _unless_draining(self, claim: Claim) -> Claim:
        """Leave a call to another server if this one stops."""
        if claim is Claim.TAKE_OVER and self._heartbeat.is_draining and await self.find_successor() is Successor.READY:
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
            claiming = self._live.claim(call_id, owner.epoch, self.server_id)
            epoch = await self._work.run(claiming, WRITE_TIMEOUT_S)
            loaded = None if epoch is None else await self._work.run(self._live.load(call_id), WRITE_TIMEOUT_S)
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
        except FAILURES as error:
            self.on_database_failed(error)
            raise OwnerUnknownError("the database of the live records does not answer") from error
        self.on_database_answered()

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
            except FAILURES as error:
                self.on_database_failed(error)
                await asyncio.sleep(BATCH_S)

    async def _write(self) -> None:
        """Write all that waits, and delete the records of calls that have ended."""
        async with self._writing:
            asked = False
            for followed in [one for one in self._followed.values() if one.epoch is None]:
                asked = True
                record = _encoded(followed.call)
                followed.call.gate.guard(self._heartbeat.is_owner)
                beginning = self._live.begin(followed.call.call_id, self.server_id, record)
                self._set_epoch(followed, await self._work.run(beginning, WRITE_TIMEOUT_S))
                followed.record = record
            batch = []
            for followed in self._followed.values():
                record = _encoded(followed.call)
                if followed.epoch is not None and (followed.waiting or record != followed.record):
                    batch.append((followed, record, len(followed.waiting)))
            if batch:
                asked = True
                await self._write_batch(batch)
            for followed in [one for one in self._followed.values() if one.is_over and not one.waiting]:
                asked = True
                assert followed.epoch is not None  # noqa: S101 - it was written above
                ending = self._live.end(followed.call.call_id, followed.epoch)
                await self._work.run(ending, WRITE_TIMEOUT_S)
                self._followed.pop(followed.call.call_id, None)
            if asked:  # a server without calls has learned nothing about the database
                self.on_database_answered()

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
        refused = set(await self._work.run(self._live.write(writes), WRITE_TIMEOUT_S))
        doubtful = []
        for (followed, record, count), written in zip(batch, writes, strict=True):
            if written.call_id not in refused:
                del followed.waiting[:count]
                followed.record = record
                if not followed.waiting:
                    followed.committed.set()
            elif followed.epoch == written.epoch and not self._retaking:
                doubtful.append(written.call_id)
        if doubtful:
            # Another server owns them, or the connection broke before the answer to `retake`.
            await self._work.run(self._retake(doubtful), WRITE_TIMEOUT_S)

    # The database ---------------------------------------------------------------------------------------------------
    async def _open_and_beat(self) -> None:
        while not self.is_open:
            try:
                await self._database.migrate()
                self.is_open = await self._heartbeat.step()
            except FAILURES as error:
                self.on_database_failed(error)
            if not self.is_open:
                await asyncio.sleep(HEARTBEAT_S)
        await self._heartbeat.run()

    async def _drop_unrecordable_periodically(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for followed in list(self._followed.values()):
                if len(followed.waiting) > MAX_WAITING_EVENTS:
                    log_event(logger, logging.ERROR, "call.not_recorded", call=followed.call.call_id)
                    followed.call.commit = None
                    del self._followed[followed.call.call_id]

    def on_database_failed(self, error: BaseException) -> None:
        """Note that the database does not answer."""
        self._rules.on_database_failed()
        if not self._has_failed:
            reason = str(error) or type(error).__name__
            log_event(logger, logging.ERROR, "live_records.failed", reason=reason)
        self._has_failed = True

    def on_database_answered(self) -> None:
        """Note that the database answers."""
        self._rules.on_database_answered(_now_ms())
        if self._has_failed:
            log_event(logger, logging.INFO, "live_records.restored")
        self._has_failed = False


def _encoded(call: RecordedCall) -> str:
    return msgspec.json.encode(call.live_record()).decode()


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000

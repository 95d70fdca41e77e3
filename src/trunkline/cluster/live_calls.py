"""The live records of running calls in the database, and who owns them.

Each write carries the epoch of its owner. A server that another one has replaced touches no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.calls.log import Entry, parse_frame
from trunkline.cluster.claim_rules import STALE_HEARTBEAT_MS
from trunkline.store.database import Database
from trunkline.store.schema import calls, live_calls, live_events, servers


@dataclass(frozen=True)
class Ownership:
    """The owner of a call.

    Attributes:
        server_id: the owner's id.
        epoch: the number of its ownership: each claim raises it.
        address: the owner's address for other servers; None if it has left the cluster.
        heartbeat_age_ms: the age of its last heartbeat; None without one.
        has_released: True if it has handed the call over, so that any other server may claim it.
    """

    server_id: str
    epoch: int
    address: str | None
    heartbeat_age_ms: float | None
    has_released: bool = False


@dataclass(frozen=True)
class LiveCall:
    """All that another server needs to continue a call: the record, as JSON text, and the committed log."""

    record: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class LiveWrite:
    """A change of one call.

    Attributes:
        events: new events, as pairs of number and frame.
        record: the record if it has changed.
        releases: True hands the call over: another server may claim it from now on.
    """

    call_id: str
    epoch: int
    events: Sequence[tuple[int, str]]
    record: str | None = None
    releases: bool = False


class LiveCalls:
    """Live records and owners in a database.

    Args:
        database: it has the tables of this version.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert_server = (sqlite if database.is_sqlite else postgresql).insert(servers)
        self._insert_calls = (sqlite if database.is_sqlite else postgresql).insert(live_calls)
        self._insert_events = (sqlite if database.is_sqlite else postgresql).insert(live_events)

    # Servers --------------------------------------------------------------------------------------------------------
    async def beat(self, server_id: str, address: str, *, is_draining: bool = False) -> None:
        """Write a server's heartbeat.

        Args:
            is_draining: True for a server that stops: nobody hands calls over to it.
        """
        row = {"address": address, "heartbeat_ms": self._database.now_ms, "is_draining": is_draining}
        upsert = self._insert_server.values(server_id=server_id, **row).on_conflict_do_update(
            index_elements=["server_id"], set_=row
        )
        async with self._database.writing() as connection:
            await connection.execute(upsert)

    async def others(self, server_id: str, heard_within_ms: float) -> list[str]:
        """Return the ids of the other servers with a heartbeat within `heard_within_ms` that do not stop."""
        heard = servers.c.heartbeat_ms > self._database.now_ms - heard_within_ms
        query = select(servers.c.server_id).where(servers.c.server_id != server_id, ~servers.c.is_draining, heard)
        async with self._database.engine.connect() as connection:
            return [row.server_id for row in await connection.execute(query)]

    async def peers(self, server_id: str) -> list[str]:
        """Return the addresses of the other servers that live."""
        others = servers.c.server_id != server_id, servers.c.heartbeat_ms > self._database.now_ms - STALE_HEARTBEAT_MS
        async with self._database.engine.connect() as connection:
            return [*(await connection.execute(select(servers.c.address).where(*others))).scalars()]

    async def leave(self, server_id: str) -> None:
        """Remove a server that stops in an orderly way."""
        async with self._database.writing() as connection:
            await connection.execute(delete(servers).where(servers.c.server_id == server_id))

    async def forget(self, after_ms: float) -> None:
        """Delete the servers without a heartbeat for `after_ms`, and the records of their calls.

        A call that was handed over stays for the same time.
        """
        living = select(servers.c.server_id).where(servers.c.heartbeat_ms > self._database.now_ms - after_ms)
        is_waiting = func.coalesce(live_calls.c.released_ms, 0) > self._database.now_ms - after_ms
        async with self._database.writing() as connection:
            await connection.execute(delete(live_calls).where(live_calls.c.owner.not_in(living), ~is_waiting))
            await connection.execute(delete(servers).where(servers.c.heartbeat_ms <= self._database.now_ms - after_ms))

    # Owners ---------------------------------------------------------------------------------------------------------
    async def owner_of(self, call_id: str) -> Ownership | None:
        """Return the owner of a running call; None if no server has it in its live record."""
        age = self._database.now_ms - servers.c.heartbeat_ms
        query = (
            select(
                live_calls.c.owner, live_calls.c.epoch, live_calls.c.released_ms, servers.c.address, age.label("age")
            )
            .select_from(live_calls.outerjoin(servers, servers.c.server_id == live_calls.c.owner))
            .where(live_calls.c.call_id == call_id)
        )
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        age_ms = None if row.age is None else float(row.age)
        return Ownership(row.owner, row.epoch, row.address, age_ms, has_released=row.released_ms is not None)

    async def begin(self, call_id: str, server_id: str, record: str) -> int:
        """Record a new call of a server; return its first epoch."""
        row = {"call_id": call_id, "owner": server_id, "epoch": 1, "record": record}
        insertion = self._insert_calls.values(row).on_conflict_do_nothing()  # a former try may have succeeded unseen
        async with self._database.writing() as connection:
            await connection.execute(insertion)
        return 1

    async def claim(self, call_id: str, epoch: int, server_id: str) -> int | None:
        """Make a server the owner of a call that had this epoch; return the new epoch, None if another was faster.

        From now on, only this server writes the stored call.
        """
        claiming = (
            update(live_calls)
            .where(live_calls.c.call_id == call_id, live_calls.c.epoch == epoch)
            .values(owner=server_id, epoch=epoch + 1, released_ms=None)
        )
        async with self._database.writing() as connection:
            done = await connection.execute(claiming)
            if done.rowcount:
                stored = update(calls).where(calls.c.call_id == call_id)
                await connection.execute(stored.values(epoch=epoch + 1))
        return epoch + 1 if done.rowcount else None

    async def retake(self, call_ids: Sequence[str], server_id: str) -> dict[str, int]:
        """Raise the epochs of calls that a server still owns, so that no claim decided before succeeds.

        Returns:
            The new epochs. Calls that another server owns, or whose records are deleted, are not among them.
        """
        own = live_calls.c.call_id.in_(call_ids), live_calls.c.owner == server_id
        async with self._database.writing() as connection:
            await connection.execute(update(live_calls).where(*own).values(epoch=live_calls.c.epoch + 1))
            rows = await connection.execute(select(live_calls.c.call_id, live_calls.c.epoch).where(*own))
        return {row.call_id: row.epoch for row in rows}

    # Records --------------------------------------------------------------------------------------------------------
    async def write(self, writes: Sequence[LiveWrite]) -> list[str]:
        """Write changes in one transaction. Return the calls of which another server is the owner by now."""
        lost = []
        async with self._database.writing() as connection:
            for one in writes:
                changed: dict[str, object] = {"epoch": one.epoch} if one.record is None else {"record": one.record}
                if one.releases:
                    changed["released_ms"] = self._database.now_ms
                owned = live_calls.c.call_id == one.call_id, live_calls.c.epoch == one.epoch
                done = await connection.execute(update(live_calls).where(*owned).values(changed))
                if not done.rowcount:
                    lost.append(one.call_id)
                elif one.events:
                    rows = [{"call_id": one.call_id, "seq": seq, "frame": frame} for seq, frame in one.events]
                    await connection.execute(self._insert_events.on_conflict_do_nothing(), rows)
        return lost

    async def load(self, call_id: str) -> LiveCall | None:
        """Return the live record of a call, and its committed log."""
        async with self._database.engine.connect() as connection:
            of_call = select(live_calls.c.record).where(live_calls.c.call_id == call_id)
            record: str | None = (await connection.execute(of_call)).scalar_one_or_none()
            if record is None:
                return None
            frames = select(live_events.c.frame).where(live_events.c.call_id == call_id).order_by(live_events.c.seq)
            entries = tuple(parse_frame(row.frame) for row in await connection.execute(frames))
        return LiveCall(record, entries)

    async def end(self, call_id: str, epoch: int) -> None:
        """Delete the record of a call that has ended, unless another server is its owner."""
        ended = live_calls.c.call_id == call_id, live_calls.c.epoch == epoch
        async with self._database.writing() as connection:
            await connection.execute(delete(live_calls).where(*ended))

"""Reports of usage in the database that the servers share, and the cost of the day."""

from __future__ import annotations

from datetime import date

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.calls.metrics.cost_limits import DayUsage
from trunkline.cluster.shared_usage import ServerUsage
from trunkline.store.database import Database
from trunkline.store.schema import day_usage, server_usage

STALE_MS = 5_000.0
FORGET_AFTER_MS = 60_000.0
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ServerUsage).decode


class UsageTable:
    """The reports of all servers.

    Args:
        database: it has the tables of this version.
        server_id: the id of this process.
        stale_ms: the age of a report beyond which its server counts as gone.
        forget_after_ms: the age beyond which it is removed.
    """

    def __init__(
        self,
        database: Database,
        server_id: str,
        *,
        stale_ms: float = STALE_MS,
        forget_after_ms: float = FORGET_AFTER_MS,
    ) -> None:
        self._database = database
        self._server_id = server_id
        self._stale_ms, self._forget_after_ms = stale_ms, forget_after_ms
        self._insert = (sqlite if database.is_sqlite else postgresql).insert

    async def report(self, usage: ServerUsage) -> None:
        """Write the usage of this server, and remove the reports of servers that died."""
        row = {"written_ms": self._database.now_ms, "usage": _encode(usage).decode()}
        upsert = self._insert(server_usage).values(server_id=self._server_id, **row)
        async with self._database.writing() as connection:
            await connection.execute(upsert.on_conflict_do_update(index_elements=["server_id"], set_=row))
            dead = server_usage.c.written_ms < self._database.now_ms - self._forget_after_ms
            await connection.execute(delete(server_usage).where(dead))

    async def others(self) -> dict[str, ServerUsage]:
        """Return the reports of the other servers that live."""
        fresh = (
            server_usage.c.server_id != self._server_id,
            server_usage.c.written_ms > self._database.now_ms - self._stale_ms,
        )
        query = select(server_usage.c.server_id, server_usage.c.usage).where(*fresh)
        async with self._database.engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        reports = {}
        for row in rows:
            try:
                reports[row.server_id] = _decode(row.usage)
            except msgspec.MsgspecError:  # of another version, during an upgrade
                continue
        return reports

    async def leave(self) -> None:
        """Remove the report of this server."""
        async with self._database.writing() as connection:
            await connection.execute(delete(server_usage).where(server_usage.c.server_id == self._server_id))

    async def spend(self, usage: DayUsage) -> None:
        """Write the usage of a day of this server. It stays for the day, also if the server stops."""
        row = {"usd": usage.usd, "tokens": usage.tokens}
        day = usage.day.isoformat()
        upsert = self._insert(day_usage).values(day=day, server_id=self._server_id, **row)
        async with self._database.writing() as connection:
            await connection.execute(upsert.on_conflict_do_update(index_elements=["day", "server_id"], set_=row))
            await connection.execute(delete(day_usage).where(day_usage.c.day < day))

    async def spent_by_others(self, day: date) -> DayUsage:
        """Return the usage of a day of all servers but this one."""
        of_others = day_usage.c.day == day.isoformat(), day_usage.c.server_id != self._server_id
        sums = select(func.coalesce(func.sum(day_usage.c.usd), 0.0), func.coalesce(func.sum(day_usage.c.tokens), 0))
        async with self._database.engine.connect() as connection:
            usd, tokens = (await connection.execute(sums.where(*of_others))).one()
        return DayUsage(day, float(usd), int(tokens))

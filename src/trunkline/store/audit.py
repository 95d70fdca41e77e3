"""The audit trail: each read, export, import and deletion of stored calls, with its time and its actor."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import msgspec
from sqlalchemy import delete, insert, select

from trunkline.store.call_rows import iso_of, storable
from trunkline.store.database import Database
from trunkline.store.schema import audit

AuditAction = Literal["list", "read", "audio", "export", "import", "test", "note", "delete", "delete_all"]
AUDIT_DAYS = 365
"""The days for which entries are kept."""
_DAY_MS = 86_400_000
_READS: tuple[AuditAction, ...] = ("list", "read", "audio", "test")
_SAME_MS = 60_000
_REMEMBERED = 1000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the trail.

    Attributes:
        entry_id: ascending, in the order of the entries.
        at: ISO 8601 in UTC.
        actor: the operator: `this machine`, `operator 10.0.0.5`, `caller ID`, or `command line USER`.
        call_id: the call; None for an action on several.
        detail: filters of a search, or the number of deleted calls.
    """

    entry_id: int
    at: str
    action: AuditAction
    actor: str
    call_id: str | None = None
    detail: str | None = None


class AuditTrail:
    """The audit trail in a database.

    Args:
        now_ms: returns the ms since 1970.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._database = database
        self._now_ms = now_ms
        self._recent: OrderedDict[tuple[str | None, ...], int] = OrderedDict()

    async def add(self, action: AuditAction, actor: str, call_id: str | None = None, detail: str | None = None) -> None:
        """Add an entry, and remove entries that are older than a year.

        The same read of the same actor within a minute is a part of the former one, such as the parts of a recording.
        """
        now = self._now_ms()
        what = (action, actor, call_id, detail)
        if action in _READS and now - self._recent.get(what, now - _SAME_MS) < _SAME_MS:
            return
        row = {
            "at_ms": now,
            "action": action,
            "actor": storable(actor),
            "call_id": call_id,
            "detail": None if detail is None else storable(detail),
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(audit), row)
            await connection.execute(delete(audit).where(audit.c.at_ms < now - AUDIT_DAYS * _DAY_MS))
        self._recent[what] = now
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    async def latest(self, limit: int, before: int | None = None, call_id: str | None = None) -> tuple[AuditEntry, ...]:
        """Return entries, the newest first.

        Args:
            before: only entries before this `entry_id`.
            call_id: only entries of this call.
        """
        statement = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(audit.c.id < before)
        if call_id is not None:
            statement = statement.where(audit.c.call_id == call_id)
        async with self._database.engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(
            AuditEntry(
                entry_id=row.id,
                at=iso_of(row.at_ms),
                action=row.action,
                actor=row.actor,
                call_id=row.call_id,
                detail=row.detail,
            )
            for row in rows
        )

"""Retention of stored calls: calls that are too old are deleted, and the oldest ones beyond the size limit."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from trunkline.store.database import Database
from trunkline.store.schema import calls
from trunkline.store.stored_calls import StoredCalls

DAY_MS = 24 * 3600 * 1000
EVENT_OVERHEAD_BYTES = 60
"""Bytes that the database needs for an event beside its JSON text, measured on SQLite."""
_SIZE = calls.c.bytes + calls.c.audio_bytes + EVENT_OVERHEAD_BYTES * calls.c.last_seq


class RetentionLimits(NamedTuple):
    """Limits of the stored calls: `max_bytes` in all, and `days` since their start; 0 days are unlimited."""

    max_bytes: float
    days: float


async def delete_old_calls(database: Database, stored: StoredCalls, limits: RetentionLimits, now_ms: int) -> int:
    """Delete the calls that exceed the limits, the oldest first; running calls stay. Return their number."""
    too_old = await _too_old(database, limits, now_ms)
    await stored.delete_many(too_old)
    too_much = await _beyond_size(database, limits)
    await stored.delete_many(too_much)
    return len(too_old) + len(too_much)


async def _too_old(database: Database, limits: RetentionLimits, now_ms: int) -> list[str]:
    if limits.days == 0:
        return []
    old = select(calls.c.call_id).where(calls.c.started_ms < now_ms - limits.days * DAY_MS, calls.c.status != "running")
    async with database.engine.connect() as connection:
        return [*(await connection.execute(old.order_by(calls.c.started_ms))).scalars()]


async def _beyond_size(database: Database, limits: RetentionLimits) -> list[str]:
    """Return the oldest calls, as many as have to be deleted."""
    async with database.engine.connect() as connection:
        total = (await connection.execute(select(func.sum(_SIZE)))).scalar() or 0
        excess = float(total) - limits.max_bytes
        if excess <= 0:
            return []
        over = select(calls.c.call_id, _SIZE.label("size")).where(calls.c.status != "running")
        too_much = []
        for row in await connection.execute(over.order_by(calls.c.started_ms)):
            too_much.append(row.call_id)
            excess -= row.size
            if excess <= 0:
                break
        return too_much

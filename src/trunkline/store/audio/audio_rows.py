"""Bytes of recorded audio in the rows of calls."""

from __future__ import annotations

from sqlalchemy import update

from trunkline.store.database import Database
from trunkline.store.schema import calls


async def add_audio_bytes(database: Database, call_id: str, size: int) -> bool:
    """Add bytes of audio to a call. Return False for an unknown call."""
    counted = {"has_audio": True, "audio_bytes": calls.c.audio_bytes + size}
    async with database.writing() as connection:
        done = await connection.execute(update(calls).where(calls.c.call_id == call_id).values(counted))
    return bool(done.rowcount)

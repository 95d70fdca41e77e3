"""Recovery of the calls of dead servers: they are marked as interrupted, with the summary of their stored events."""

from __future__ import annotations

import msgspec
from sqlalchemy import select, update

from trunkline.calls.log import parse_frame, seq_of
from trunkline.store.call_rows import columns_of, iso_of, ms_of, summary_of
from trunkline.store.database import Database
from trunkline.store.event_blocks import read_frames
from trunkline.store.schema import calls
from trunkline.store.server_lock import ServerLock
from trunkline.store.summary import CallSummary, SummaryMeter

_CHUNK = 1_000
"""The events that are read at once."""


async def mark_interrupted(database: Database, lock: ServerLock) -> list[str]:
    """Mark the running calls of dead servers as interrupted. Return their ids.

    A call that had ended, but for its last summary, gets its end instead.
    """
    running = select(calls).where(calls.c.status == "running")
    async with database.engine.connect() as connection:
        rows = (await connection.execute(running)).all()
    dead = {server_id: not await lock.is_alive(server_id) for server_id in {row.server_id for row in rows}}
    recovered = []
    for row in rows:
        if not dead[row.server_id]:
            continue
        summary, last_seq = await _stored_summary(database, summary_of(row))
        changes = columns_of(summary) | {"last_seq": last_seq}
        async with database.writing() as connection:
            # The server may have been taken for dead for a moment only: its own writes win.
            done = await connection.execute(
                update(calls).where(calls.c.call_id == row.call_id, calls.c.last_seq == row.last_seq).values(changes)
            )
        if done.rowcount:
            recovered.append(row.call_id)
    return recovered


async def _stored_summary(database: Database, known: CallSummary) -> tuple[CallSummary, int]:
    """Return the summary of a call's stored events, and the number of the last one."""
    meter = SummaryMeter(known.mode)
    size, last_seq = 0, 0
    async with database.engine.connect() as connection:
        while frames := await read_frames(connection, known.call_id, last_seq, _CHUNK):
            for frame in frames:
                meter.read(parse_frame(frame))
                size += len(frame)
            last_seq = seq_of(frames[-1])
    summary = meter.summary() or known
    if summary.status == "running":
        ended_at = iso_of(ms_of(summary.started_at) + summary.duration_ms)
        summary = msgspec.structs.replace(summary, status="interrupted", ended_at=ended_at)
    kept = {name: getattr(known, name) for name in ("has_audio", "audio_bytes", "lost_events")}
    return msgspec.structs.replace(summary, bytes=size, **kept), last_seq

"""Notes of operators on moments of stored calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from trunkline.realtime.ids import new_id
from trunkline.store.call_rows import iso_of, ms_of, storable
from trunkline.store.database import Database
from trunkline.store.schema import notes

MAX_NOTE_CHARS = 4000


class CallNote(msgspec.Struct, frozen=True, kw_only=True):
    """A note on a moment of a call.

    Attributes:
        at_ms: the moment, in ms since the start of the call.
        seq: the event that the note is about, if it is about one.
        created_at: ISO 8601 in UTC.
    """

    note_id: str
    at_ms: int
    seq: int | None = None
    text: str
    created_at: str


class CallNotes:
    """The notes in a database.

    Args:
        now_ms: returns the ms since 1970.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._database = database
        self._now_ms = now_ms

    async def of(self, call_id: str) -> tuple[CallNote, ...]:
        """Return the notes on a call, by their moments."""
        statement = select(notes).where(notes.c.call_id == call_id).order_by(notes.c.at_ms, notes.c.created_ms)
        async with self._database.engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(
            CallNote(
                note_id=row.note_id, at_ms=row.at_ms, seq=row.seq, text=row.text, created_at=iso_of(row.created_ms)
            )
            for row in rows
        )

    async def add(self, call_id: str, at_ms: int, text: str, seq: int | None = None) -> CallNote:
        """Add a note to a stored call, and return it.

        Raises:
            LookupError: the call is not stored.
        """
        note = CallNote(
            note_id=new_id("note"), at_ms=at_ms, seq=seq, text=storable(text), created_at=iso_of(self._now_ms())
        )
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(notes), self.rows(call_id, [note]))
        except IntegrityError:
            raise LookupError(call_id) from None
        return note

    @staticmethod
    def rows(call_id: str, given: Sequence[CallNote]) -> list[dict[str, object]]:
        """Return the rows of notes on a call."""
        return [
            {
                "call_id": call_id,
                "note_id": note.note_id,
                "at_ms": note.at_ms,
                "seq": note.seq,
                "text": note.text,
                "created_ms": ms_of(note.created_at),
            }
            for note in given
        ]

    async def delete(self, call_id: str, note_id: str) -> bool:
        """Delete a note. Return whether it was there."""
        statement = delete(notes).where(notes.c.call_id == call_id, notes.c.note_id == note_id)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

"""Export and import: whole calls out of a database and into one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.store.audio.call_audio import AudioFormat
from trunkline.store.call_rows import columns_of, storable
from trunkline.store.database import Database
from trunkline.store.event_blocks import EventBlock
from trunkline.store.export_file import ExportedCall
from trunkline.store.notes import CallNotes
from trunkline.store.schema import calls, event_blocks, notes, utterances
from trunkline.store.search_words import words_of
from trunkline.store.stored_call import StoredCall
from trunkline.store.stored_calls import StoredCalls

IMPORTED = "imported"
"""The server of an imported call, in its row."""
_ROWS_AT_ONCE = 1000
_EVENTS_OF_A_BLOCK = 500


class Recordings(Protocol):
    """The audio of stored calls."""

    async def write(self, call_id: str, audio_format: AudioFormat, path: Path) -> bool:
        """Write the recording of a call into a file. Return False if it has none."""

    async def import_ogg(self, call_id: str, data: bytes) -> int:
        """Store the Ogg Opus file of an imported call, and return its bytes."""

    async def delete(self, call_id: str) -> None:
        """Delete the recording of a call."""


class CallExistsError(Exception):
    """A call of this id is stored already."""


async def load_call(
    database: Database, recordings: Recordings | None, call_id: str, folder: Path
) -> ExportedCall | None:
    """Return a stored call with its notes and its audio, None for an unknown one.

    Args:
        recordings: the audio; None leaves it out.
        folder: the place for the file of the audio.
    """
    stored = StoredCalls(database)
    summary = await stored.get(call_id)
    if summary is None:
        return None
    entries = tuple(await stored.log(call_id))
    audio = folder / "audio.ogg"
    has_audio = recordings is not None and summary.has_audio and await recordings.write(call_id, "ogg", audio)
    call = StoredCall(summary, entries, audio if has_audio else None)
    return ExportedCall(call, await CallNotes(database).of(call_id))


async def save_call(database: Database, recordings: Recordings | None, exported: ExportedCall) -> None:
    """Store an exported call, all of it or nothing.

    Raises:
        CallExistsError: the database has a call of this id. Nothing is changed.
    """
    call = exported.call
    call_id = call.summary.call_id
    if await StoredCalls(database).get(call_id) is not None:
        raise CallExistsError(call_id)
    audio_bytes = 0
    if recordings is not None and call.audio is not None:
        data = await asyncio.to_thread(call.audio.read_bytes)
        audio_bytes = await recordings.import_ogg(call_id, data)
    try:
        await _insert(database, exported, audio_bytes)
    except BaseException as error:
        if recordings is not None and audio_bytes:
            await recordings.delete(call_id)
        if isinstance(error, IntegrityError):
            raise CallExistsError(call_id) from None
        raise


async def _insert(database: Database, exported: ExportedCall, audio_bytes: int) -> None:
    call, summary = exported.call, exported.call.summary
    blocks = [*_blocks(summary.call_id, call.entries)]
    stored = msgspec.structs.replace(
        summary,
        status="interrupted" if summary.status == "running" else summary.status,
        has_audio=audio_bytes > 0,
        audio_bytes=audio_bytes,
        bytes=sum(len(frame) for block in blocks for frame in block.frames),
    )
    row = columns_of(stored) | {"server_id": IMPORTED, "last_seq": call.entries[-1].seq}
    async with database.writing() as connection:
        await connection.execute(insert(calls), row)
        for table, rows in (
            (event_blocks, [block.columns() for block in blocks]),
            (utterances, utterance_rows(summary.call_id, call.entries)),
            (notes, CallNotes.rows(summary.call_id, exported.notes)),
        ):
            remaining = iter(rows)
            while part := list(islice(remaining, _ROWS_AT_ONCE)):
                await connection.execute(insert(table), part)


def _blocks(call_id: str, entries: Sequence[Entry]) -> Iterator[EventBlock]:
    remaining = iter(entries)
    while part := list(islice(remaining, _EVENTS_OF_A_BLOCK)):
        yield EventBlock(call_id, part[-1].seq, part[0].seq, [entry.frame() for entry in part])


def utterance_rows(call_id: str, entries: Sequence[Entry]) -> list[dict[str, object]]:
    """Return the rows of the words that were said, for the search."""
    hidden: set[str] = set()
    rows: dict[str, dict[str, object]] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, log_events.MessageAdded) and event.hidden:
            hidden.add(event.item_id)
        elif isinstance(event, log_events.MessageDone) and event.role != "system" and event.text:
            if event.item_id not in hidden:
                place = {"call_id": call_id, "seq": entry.seq, "at_ms": entry.at_ms, "role": event.role}
                rows[event.item_id] = place | _searched(event.text)
        elif isinstance(event, log_events.MessageTruncated) and event.text and event.item_id in rows:
            rows[event.item_id] |= _searched(event.text)
    return list(rows.values())


def _searched(text: str) -> dict[str, str]:
    return {"text": storable(text), "words": " ".join(words_of(text))}

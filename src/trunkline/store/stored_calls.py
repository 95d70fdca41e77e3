"""Reads and deletions of stored calls: lists with filters and full-text search, summaries, logs."""

from __future__ import annotations

import base64
import binascii
import builtins
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.calls.log import Entry, parse_frame
from trunkline.store.call_filters import NO_FILTERS, CallFilters
from trunkline.store.call_rows import ms_of, summary_of
from trunkline.store.database import Database
from trunkline.store.event_blocks import read_frames
from trunkline.store.schema import calls, utterances
from trunkline.store.search_words import postgres_query, sqlite_query, words_of
from trunkline.store.summary import CallSummary

MAX_PAGE = 500
"""The longest page of a list."""
_MANY_HITS = 2_000
_SQLITE_MATCH = "utterances.id IN (SELECT rowid FROM utterances_fts WHERE utterances_fts MATCH :words LIMIT :many)"
_POSTGRES_MATCH = "to_tsvector('simple', utterances.words) @@ to_tsquery('simple', :words)"


class CallIsRunningError(Exception):
    """A running call cannot be deleted."""


class Match(msgspec.Struct, frozen=True):
    """The first utterance of a call with the words of a search."""

    seq: int
    at_ms: int
    role: Literal["user", "assistant"]
    text: str


class FoundCall(msgspec.Struct, frozen=True):
    """A call in a list; `match` is None without a search."""

    summary: CallSummary
    match: Match | None = None


class CallPage(msgspec.Struct, frozen=True):
    """A page of a list, newest calls first. `next` is the cursor of the next page, None at the end."""

    calls: tuple[FoundCall, ...]
    next: str | None = None


class StoredCalls:
    """The stored calls of a database.

    Args:
        delete_audio: deletes the audio of a call; it is called before its rows are deleted.
    """

    def __init__(self, database: Database, delete_audio: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._database = database
        self._delete_audio = delete_audio

    async def list(self, filters: CallFilters = NO_FILTERS, cursor: str | None = None, limit: int = 50) -> CallPage:
        """Return a page of the calls that pass the filters.

        Raises:
            ValueError: the cursor is not one of a page, or a time of day is invalid.
        """
        limit = min(max(limit, 1), MAX_PAGE)
        words = words_of(filters.q)
        if filters.q.strip() and not words:
            return CallPage(())  # signs alone, which nobody says
        statement = select(calls).where(*_conditions(filters))
        if cursor is not None:
            statement = statement.where(_before(cursor))
        statement = statement.order_by(calls.c.started_ms.desc(), calls.c.call_id.desc()).limit(limit + 1)
        async with self._database.engine.connect() as connection:
            if words:
                statement = statement.where(await self._has_words(connection, words))
            rows = (await connection.execute(statement)).all()
            matches = await _matches(connection, rows[:limit], words) if words else {}
        found = tuple(FoundCall(summary_of(row), matches.get(row.call_id)) for row in rows[:limit])
        return CallPage(found, _cursor(rows[limit - 1]) if len(rows) > limit else None)

    async def _has_words(self, connection: AsyncConnection, words: builtins.list[str]) -> ColumnElement[bool]:
        """Return the condition for calls with these words in one utterance.

        With few hits, their calls are the answer. With many, the index is of no use: the calls are tried one after the
        other until the page is full.
        """
        if self._database.is_sqlite:
            matching = text(_SQLITE_MATCH).bindparams(words=sqlite_query(words), many=_MANY_HITS)
        else:
            matching = text(_POSTGRES_MATCH).bindparams(words=postgres_query(words))
        hits = await connection.execute(select(utterances.c.call_id).where(matching).limit(_MANY_HITS))
        call_ids = hits.scalars().all()
        if len(call_ids) < _MANY_HITS:
            return calls.c.call_id.in_(sorted(set(call_ids)))
        return exists().where(utterances.c.call_id == calls.c.call_id, *_all_said(words))

    async def get(self, call_id: str) -> CallSummary | None:
        """Return the summary of a call, None for an unknown one."""
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(calls).where(calls.c.call_id == call_id))).first()
        return None if row is None else summary_of(row)

    async def frames(self, call_id: str, after: int = 0, limit: int | None = None) -> builtins.list[str]:
        """Return the stored events of a call with a number above `after`, as JSON text; none for an unknown call."""
        async with self._database.engine.connect() as connection:
            return await read_frames(connection, call_id, after, limit)

    async def log(self, call_id: str, after: int = 0, limit: int | None = None) -> builtins.list[Entry]:
        """Return the stored events of a call as `frames` does, parsed."""
        return [parse_frame(frame) for frame in await self.frames(call_id, after, limit)]

    async def delete(self, call_id: str) -> bool:
        """Delete a call with everything that belongs to it. Return False for an unknown one.

        Raises:
            CallIsRunningError: the call has not ended.
        """
        summary = await self.get(call_id)
        if summary is None:
            return False
        if summary.status == "running":
            raise CallIsRunningError("The call is running. End it, then delete it.")
        await self.delete_many([call_id])
        return True

    async def delete_all(self) -> int:
        """Delete all calls that do not run. Return their number."""
        async with self._database.engine.connect() as connection:
            over = select(calls.c.call_id).where(calls.c.status != "running").order_by(calls.c.started_ms)
            call_ids = [*(await connection.execute(over)).scalars()]
        await self.delete_many(call_ids)
        return len(call_ids)

    async def delete_many(self, call_ids: Sequence[str]) -> None:
        """Delete these calls, without a look at their status.

        Each call has a transaction of its own, so that the writer does not wait for long.
        """
        for call_id in call_ids:
            if self._delete_audio is not None:
                await self._delete_audio(call_id)
            async with self._database.writing() as connection:
                await connection.execute(delete(calls).where(calls.c.call_id == call_id))
        if call_ids:
            await self._database.release_space()


async def _matches(
    connection: AsyncConnection, rows: Sequence[Row[tuple[object, ...]]], words: list[str]
) -> dict[str, Match]:
    """Return the first utterance of each call with these words."""
    of_the_page = utterances.c.call_id.in_([row.call_id for row in rows])
    query = select(utterances).where(of_the_page, *_all_said(words)).order_by(utterances.c.seq.desc())
    return {row.call_id: Match(row.seq, row.at_ms, row.role, row.text) for row in await connection.execute(query)}


def _all_said(words: list[str]) -> list[ColumnElement[bool]]:
    """Return the conditions for an utterance with these words, without the index; they are letters and digits."""
    *whole, beginning = words
    padded = " " + utterances.c.words + " "
    return [*(padded.like(f"% {word} %") for word in whole), padded.like(f"% {beginning}%")]


def _conditions(filters: CallFilters) -> Iterable[ColumnElement[bool]]:
    equal = {calls.c.scenario: filters.scenario, calls.c.status: filters.status, calls.c.end_reason: filters.outcome}
    for column, value in equal.items():
        if value is not None:
            yield column == value
    if filters.agent is not None:
        yield calls.c.agents.contains(msgspec.json.encode(filters.agent).decode(), autoescape=True)
    for key, value in filters.metadata.items():
        pair = msgspec.json.encode({key: value}).decode()[1:-1]
        yield calls.c.metadata.contains(pair, autoescape=True)
    if filters.min_ms is not None:
        yield calls.c.duration_ms >= filters.min_ms
    if filters.max_ms is not None:
        yield calls.c.duration_ms <= filters.max_ms
    if filters.since is not None:
        yield calls.c.started_ms >= ms_of(filters.since)
    if filters.until is not None:
        yield calls.c.started_ms <= ms_of(filters.until)
    if filters.errors:
        yield calls.c.errors > 0
    if filters.trips:
        yield calls.c.trips > 0


def _cursor(row: Row[tuple[object, ...]]) -> str:
    return base64.urlsafe_b64encode(f"{row.started_ms}.{row.call_id}".encode()).decode().rstrip("=")


def _before(cursor: str) -> ColumnElement[bool]:
    """Return the condition for calls after the last one of a page."""
    try:
        started, _, call_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(".")
        started_ms = int(started)
    except (ValueError, binascii.Error):
        raise ValueError("The cursor is not one of a page. Take it from `next` of the page before.") from None
    return or_(calls.c.started_ms < started_ms, and_(calls.c.started_ms == started_ms, calls.c.call_id < call_id))

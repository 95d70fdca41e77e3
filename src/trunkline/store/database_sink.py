"""The writer's side of the database: batches as transactions.

A call that another server has claimed is not written any more: its row has a later epoch than the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from sqlalchemy import Connection, Delete, Dialect, Insert, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from trunkline.store.batch import Batch, CallRow, UtteranceRow
from trunkline.store.call_rows import columns_of, storable
from trunkline.store.database import Database, StoreError, reason_of
from trunkline.store.event_blocks import EventBlock
from trunkline.store.schema import calls, event_blocks, utterances
from trunkline.store.search_words import words_of

_DATA_ERRORS = ("22", "23")
"""Classes of SQLSTATE for values that the database refuses, at any time."""
UTTERANCES_AT_ONCE = 100
"""The utterances of one statement on SQLite, some of whose versions take 999 values at most."""
_NOT_UPDATED = {"call_id", "has_audio", "audio_bytes"}
"""The columns that the writer sets only in a new row."""
_EPOCHS = (
    select(calls.c.call_id, calls.c.epoch)
    .where(calls.c.call_id.in_(bindparam("call_ids", expanding=True)))
    .order_by(calls.c.call_id)
    .with_for_update(key_share=True)
)
_DELETIONS: tuple[Delete, ...] = tuple(
    delete(table).where(table.c.call_id == bindparam("id"), number >= bindparam("first"))
    for table, number in ((event_blocks, event_blocks.c.last_seq), (utterances, utterances.c.seq))
)


class _Rows:
    """A statement that writes rows, as text for the driver: SQLAlchemy's own way to it takes longer than SQLite.

    Args:
        names: the columns.
        at_once: the rows of one statement at most.
    """

    def __init__(self, insert: Insert, dialect: Dialect, names: Sequence[str], at_once: int = 1) -> None:
        compiled = insert.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
        assert compiled.positiontup is not None  # noqa: S101 - both drivers take values by their position
        self._names = tuple(compiled.positiontup)
        self._at_once = at_once
        before, values, after = compiled.string.partition(" VALUES (")
        row, _, end = after.partition(")")
        self._text = compiled.string
        self._parts = f"{before}{values}{row}", f"), ({row}", f"){end}"

    def write(self, connection: Connection, rows: Sequence[dict[str, object]]) -> None:
        """Write rows, which have all columns of the statement."""
        values = [tuple(row[name] for name in self._names) for row in rows]
        if self._at_once == 1:
            if values:
                connection.exec_driver_sql(self._text, values)
            return
        first, next_row, last = self._parts
        for begin in range(0, len(values), self._at_once):
            some = values[begin : begin + self._at_once]
            connection.exec_driver_sql(first + next_row * (len(some) - 1) + last, tuple(chain.from_iterable(some)))


class DatabaseSink:
    """Connection of the writer to the database. It has one connection, which it keeps.

    Args:
        database: it has the tables of this version.
        server_id: the process that runs the calls.
    """

    def __init__(self, database: Database, server_id: str) -> None:
        self._database = database
        self._server_id = server_id
        self._file = _identity(database.path)
        insert = (sqlite if database.is_sqlite else postgresql).insert
        dialect = database.write_engine.dialect
        call_columns = calls.c.keys()
        self._calls = _Rows(
            _upsert(insert(calls), ["call_id"], set(call_columns) - _NOT_UPDATED), dialect, call_columns
        )
        self._blocks = _Rows(insert(event_blocks).on_conflict_do_nothing(), dialect, event_blocks.c.keys())
        utterance_columns = (*UtteranceRow._fields, "words")
        self._utterances = _Rows(
            _upsert(insert(utterances), ["call_id", "seq"], {"text", "words"}),
            dialect,
            utterance_columns,
            # The index of the words costs SQLite more for each statement than for its rows.
            at_once=UTTERANCES_AT_ONCE if database.is_sqlite else 1,
        )

    async def write(self, batch: Batch) -> Sequence[EventBlock]:
        """Write a batch in one transaction. Return the blocks that the database refused for their content.

        Raises:
            StoreError: the database cannot write now.
        """
        if _identity(self._database.path) != self._file:
            raise StoreError(f"the file {self._database.path} was deleted or replaced")
        try:
            try:
                await self._database.write(lambda connection: self._insert(connection, batch))
                return []
            except DBAPIError as error:
                if not _is_refusal(error):
                    raise
            return await self._database.write(lambda connection: self._insert_one_by_one(connection, batch))
        except (DBAPIError, OSError, TimeoutError) as error:
            raise StoreError(reason_of(error)) from error

    def _insert(self, connection: Connection, batch: Batch) -> None:
        batch = self._own_part(connection, batch)
        self._calls.write(connection, [columns_of(row.summary) | self._own_columns(row, batch) for row in batch.calls])
        for call_id, first_seq in batch.replaced.items():
            for deletion in _DELETIONS:
                connection.execute(deletion, {"id": call_id, "first": first_seq})
        self._blocks.write(connection, [block.columns() for block in batch.blocks])
        self._utterances.write(connection, [_utterance_columns(row) for row in batch.utterances])

    def _own_part(self, connection: Connection, batch: Batch) -> Batch:
        """Return the part of a batch with the calls of this server. Nobody claims them before the transaction ends."""
        call_ids = {row.summary.call_id for row in batch.calls}
        call_ids |= {block.call_id for block in batch.blocks} | {row.call_id for row in batch.utterances}
        rows = connection.execute(_EPOCHS, {"call_ids": sorted(call_ids)})
        foreign = {row.call_id for row in rows if row.epoch > batch.epochs.get(row.call_id, 0)}
        if not foreign:
            return batch
        return Batch(
            [row for row in batch.calls if row.summary.call_id not in foreign],
            [block for block in batch.blocks if block.call_id not in foreign],
            [row for row in batch.utterances if row.call_id not in foreign],
            {call_id: first_seq for call_id, first_seq in batch.replaced.items() if call_id not in foreign},
            batch.epochs,
        )

    def _own_columns(self, row: CallRow, batch: Batch) -> dict[str, object]:
        epoch = batch.epochs.get(row.summary.call_id, 0)
        return {"server_id": self._server_id, "last_seq": row.last_seq, "epoch": epoch}

    def _insert_one_by_one(self, connection: Connection, batch: Batch) -> list[EventBlock]:
        """Insert each row by itself, since the database refuses one of them; the others have to be stored."""
        refused = []
        parts = [
            *(Batch([row], [], [], {}, batch.epochs) for row in batch.calls),
            *(Batch([], [block], [], {}, batch.epochs) for block in batch.blocks),
            *(Batch([], [], [row], {}, batch.epochs) for row in batch.utterances),
        ]
        for part in parts:
            try:
                with connection.begin_nested():
                    self._insert(connection, part)
            except DBAPIError as error:
                if not _is_refusal(error):
                    raise
                refused += part.blocks
        return refused

    async def close(self) -> None:
        """Close the connections."""
        await self._database.close()


def _upsert(insert: postgresql.Insert | sqlite.Insert, key: list[str], updated: set[str]) -> Insert:
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in sorted(updated)}
    )


def _utterance_columns(row: UtteranceRow) -> dict[str, object]:
    return row._asdict() | {"text": storable(row.text), "words": " ".join(words_of(row.text))}


def _is_refusal(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlstate", None)
    return isinstance(error, IntegrityError) or (isinstance(code, str) and code[:2] in _DATA_ERRORS)


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Return the device and the number of a file: a file that was deleted can still be written, without effect."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

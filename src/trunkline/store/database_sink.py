"""The writer's side of the database: batches as transactions.

A call that another server has claimed is not written any more: its row has a later epoch than the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Insert, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.store.batch import Batch, CallRow, UtteranceRow
from trunkline.store.call_rows import columns_of, storable
from trunkline.store.database import Database, StoreError, reason_of
from trunkline.store.event_blocks import EventBlock
from trunkline.store.schema import calls, event_blocks, utterances
from trunkline.store.search_words import words_of

_DATA_ERRORS = ("22", "23")
"""Classes of SQLSTATE for values that the database refuses, at any time."""
_NOT_UPDATED = {"call_id", "has_audio", "audio_bytes"}
"""The columns that the writer sets only in a new row."""


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
        dialect = sqlite if database.is_sqlite else postgresql
        insert = dialect.insert
        self._insert_blocks: Insert = insert(event_blocks).on_conflict_do_nothing()
        self._insert_calls: Insert = _upsert(insert(calls), ["call_id"], set(calls.c.keys()) - _NOT_UPDATED)
        self._insert_utterances: Insert = _upsert(insert(utterances), ["call_id", "seq"], {"text", "words"})

    async def write(self, batch: Batch) -> Sequence[EventBlock]:
        """Write a batch in one transaction. Return the blocks that the database refused for their content.

        Raises:
            StoreError: the database cannot write now.
        """
        if _identity(self._database.path) != self._file:
            raise StoreError(f"the file {self._database.path} was deleted or replaced")
        try:
            try:
                async with self._database.writing() as connection:
                    await self._insert(connection, batch)
                return []
            except DBAPIError as error:
                if not _is_refusal(error):
                    raise
            return await self._insert_one_by_one(batch)
        except (DBAPIError, OSError, TimeoutError) as error:
            raise StoreError(reason_of(error)) from error

    async def _insert(self, connection: AsyncConnection, batch: Batch) -> None:
        batch = await self._own_part(connection, batch)
        if batch.calls:
            rows = [columns_of(row.summary) | self._own_columns(row, batch) for row in batch.calls]
            await connection.execute(self._insert_calls, rows)
        for call_id, first_seq in batch.replaced.items():
            for table, number in ((event_blocks, event_blocks.c.last_seq), (utterances, utterances.c.seq)):
                await connection.execute(delete(table).where(table.c.call_id == call_id, number >= first_seq))
        if batch.blocks:
            await connection.execute(self._insert_blocks, [block.columns() for block in batch.blocks])
        if batch.utterances:
            await connection.execute(self._insert_utterances, [_utterance_columns(row) for row in batch.utterances])

    async def _own_part(self, connection: AsyncConnection, batch: Batch) -> Batch:
        """Return the part of a batch with the calls of this server. Nobody claims them before the transaction ends."""
        call_ids = {row.summary.call_id for row in batch.calls}
        call_ids |= {block.call_id for block in batch.blocks} | {row.call_id for row in batch.utterances}
        written = select(calls.c.call_id, calls.c.epoch).where(calls.c.call_id.in_(sorted(call_ids)))
        rows = await connection.execute(written.order_by(calls.c.call_id).with_for_update(key_share=True))
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

    async def _insert_one_by_one(self, batch: Batch) -> list[EventBlock]:
        """Insert each row by itself, since the database refuses one of them; the others have to be stored."""
        refused = []
        parts = [
            *(Batch([row], [], [], {}, batch.epochs) for row in batch.calls),
            *(Batch([], [block], [], {}, batch.epochs) for block in batch.blocks),
            *(Batch([], [], [row], {}, batch.epochs) for row in batch.utterances),
        ]
        async with self._database.writing() as connection:
            for part in parts:
                try:
                    async with connection.begin_nested():
                        await self._insert(connection, part)
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

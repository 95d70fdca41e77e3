"""Blocks of events: the events of a call that the writer wrote at once, as one row of the table `event_blocks`.

A row for each event would cost the server four times as much. A block holds frames, one a line. Its number is the
number of the last event that the writer had read. A later block may replace an event of an earlier one, since the
redactor changes an utterance if later words show that it holds personal data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.calls.log import seq_of
from trunkline.store.schema import event_blocks

BLOCKS_AT_ONCE = 50
"""The blocks that are read at once, if only some events are wanted."""


class EventBlock(NamedTuple):
    """A row of the table `event_blocks`.

    Attributes:
        last_seq: the number of the last event of the call that was read.
        first_seq: the smallest number of the block's events.
        frames: events as the JSON text that `calls.log.frame_of` makes.
    """

    call_id: str
    last_seq: int
    first_seq: int
    frames: Sequence[str]

    def columns(self) -> dict[str, object]:
        """Return the columns of the row."""
        return {
            "call_id": self.call_id,
            "last_seq": self.last_seq,
            "first_seq": self.first_seq,
            "frames": "\n".join(self.frames),  # JSON text has no line breaks
        }


async def read_frames(connection: AsyncConnection, call_id: str, after: int = 0, limit: int | None = None) -> list[str]:
    """Return the stored events of a call with a number above `after`, in order, as JSON text.

    Args:
        limit: the number of events at most; None for all.
    """
    wanted = (event_blocks.c.call_id == call_id, event_blocks.c.last_seq > after)
    statement = select(event_blocks.c.frames).where(*wanted).order_by(event_blocks.c.last_seq)
    by_number: dict[int, str] = {}
    if limit is None:
        _add(by_number, (await connection.execute(statement)).scalars(), after)
        return [by_number[number] for number in sorted(by_number)]
    last_block = after
    while len(by_number) < limit:
        next_blocks = statement.add_columns(event_blocks.c.last_seq).where(event_blocks.c.last_seq > last_block)
        if not (rows := (await connection.execute(next_blocks.limit(BLOCKS_AT_ONCE))).all()):
            break
        _add(by_number, (row.frames for row in rows), after)
        last_block = rows[-1].last_seq
    page = sorted(by_number)[:limit]
    if page:
        replacing = event_blocks.c.last_seq > last_block, event_blocks.c.first_seq <= page[-1]
        _add(by_number, (await connection.execute(statement.where(*replacing))).scalars(), after)
    return [by_number[number] for number in page]


def _add(by_number: dict[int, str], blocks: Iterable[str], after: int) -> None:
    """Add the events of blocks by their numbers; an event of a later block replaces one with its number."""
    for frames in blocks:
        for frame in frames.split("\n"):
            if (number := seq_of(frame)) > after:
                by_number[number] = frame

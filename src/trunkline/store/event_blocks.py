"""Blocks of events: the events of a call that the writer wrote at once, as one row of the table `event_blocks`.

A row for each event would cost the server four times as much. A block holds frames, one a line. Its number is the
number of the last event that the writer had read. A later block may replace an event of an earlier one, since the
redactor changes an utterance if later words show that it holds personal data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.calls.log import seq_of
from trunkline.store.schema import event_blocks


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
    last_seq = event_blocks.c.last_seq
    of_call = event_blocks.c.call_id == call_id
    statement = select(event_blocks.c.frames).where(of_call, last_seq > after).order_by(last_seq)
    by_number: dict[int, str] = {}
    if limit is None:
        _add(by_number, (await connection.execute(statement)).scalars(), after)
        return [by_number[number] for number in sorted(by_number)]
    end = after
    while len(by_number) < limit:
        begin, end = end, 2 * end - after + limit  # more at once if numbers are missing
        # Any of these blocks, also a much later one, may hold events with these numbers.
        blocks = statement.where(last_seq > begin, event_blocks.c.first_seq <= end)
        _add(by_number, (await connection.execute(blocks)).scalars(), begin, end)
        if len(by_number) < limit:
            last = (await connection.execute(select(func.max(last_seq)).where(of_call))).scalar()
            if last is None or last <= end:
                break
    return [by_number[number] for number in sorted(by_number)[:limit]]


def _add(by_number: dict[int, str], blocks: Iterable[str], begin: int, end: float = math.inf) -> None:
    """Add the events of blocks that have numbers after `begin`, up to `end`. Later ones replace those before."""
    for frames in blocks:
        for frame in frames.split("\n"):
            if begin < (number := seq_of(frame)) <= end:
                by_number[number] = frame

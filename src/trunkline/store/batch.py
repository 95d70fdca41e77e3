"""Batches of the writer: the rows that it writes at once, and the interface of the part that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from trunkline.store.event_blocks import EventBlock
from trunkline.store.summary import CallSummary


class UtteranceRow(NamedTuple):
    """A row of the table `utterances`: a message of the caller or of an agent."""

    call_id: str
    seq: int
    at_ms: int
    role: str
    text: str


class CallRow(msgspec.Struct, frozen=True):
    """The state of a call for the table `calls`."""

    summary: CallSummary
    last_seq: int


class Batch(msgspec.Struct, frozen=True):
    """Rows for one transaction. Writing a batch twice has the effect of writing it once."""

    calls: list[CallRow]
    blocks: list[EventBlock]
    utterances: list[UtteranceRow]
    replaced: dict[str, int] = {}
    """The calls that another server began: the rows from these numbers on are deleted first. The batch has them all."""
    epochs: dict[str, int] = {}
    """The epoch of each call that has a live record."""

    @property
    def event_count(self) -> int:
        """The number of events in the blocks."""
        return sum(len(block.frames) for block in self.blocks)


class BatchSink(Protocol):
    """The part that writes batches, such as `DatabaseSink`."""

    async def write(self, batch: Batch) -> Sequence[EventBlock]:
        """Write a batch. Return the blocks that the database refused for their content.

        Raises:
            Exception: the database cannot write now. The writer tries the same batch again.
        """

    async def close(self) -> None:
        """Release the connections."""

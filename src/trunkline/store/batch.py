"""Batches of the writer: the rows that it writes at once, and the interface of the part that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from trunkline.store.summary import CallSummary


class EventRow(NamedTuple):
    """A row of the table `events`."""

    call_id: str
    seq: int
    at_ms: int
    kind: str
    frame: str


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
    events: list[EventRow]
    utterances: list[UtteranceRow]


class BatchSink(Protocol):
    """The part that writes batches, such as `DatabaseSink`."""

    async def write(self, batch: Batch) -> Sequence[EventRow]:
        """Write a batch. Return the events that the database refused for their content.

        Raises:
            Exception: the database cannot write now. The writer tries the same batch again.
        """

    async def close(self) -> None:
        """Release the connections."""

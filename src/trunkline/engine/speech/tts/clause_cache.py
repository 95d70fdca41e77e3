"""Cache of spoken clauses, bounded in bytes: the lines that a scenario says in each call are synthesised once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_BYTES = 32 << 20
"""Bytes of audio: 11 minutes."""


@dataclass(frozen=True)
class Clause:
    """Audio of a clause: PCM16 at 24 kHz, with the end of each word in ms and characters."""

    pcm: bytes
    words: tuple[tuple[int, int], ...]


class ClauseCache:
    """Keeps the clauses that were used most recently."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._clauses: OrderedDict[Hashable, Clause] = OrderedDict()
        self.bytes = 0

    def get(self, key: Hashable) -> Clause | None:
        """Return a clause, if it is kept."""
        clause = self._clauses.get(key)
        if clause is not None:
            self._clauses.move_to_end(key)
        return clause

    def add(self, key: Hashable, clause: Clause) -> None:
        """Keep a clause, and drop the ones that were not used for longest."""
        if earlier := self._clauses.pop(key, None):
            self.bytes -= len(earlier.pcm)
        self._clauses[key] = clause
        self.bytes += len(clause.pcm)
        while self.bytes > self._max_bytes:
            _, dropped = self._clauses.popitem(last=False)
            self.bytes -= len(dropped.pcm)

"""Values of one call that are redacted wherever they are repeated."""

from __future__ import annotations

import re

from trunkline.store.redaction.detectors import Kind, Span
from trunkline.store.redaction.spoken_characters import digit_runs, has_number, words_of

MAX_VALUES = 500
_MAX_CHARS = 200
_COMMON = frozenset(("true", "false", "null", "none", "yes", "the", "and", "you"))


class KnownValues:
    """The values that a tool has declared as sensitive, and the numbers that were redacted once."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Kind, re.Pattern[str]]] = {}
        self._has_digits = False

    @property
    def count(self) -> int:
        """The number of values."""
        return len(self._values)

    def add(self, value: str, kind: Kind) -> None:
        """Add a value: its letters and digits. Beyond 500 values, or 200 characters, nothing is added."""
        compact = value.casefold()
        if compact in self._values or compact in _COMMON or not 0 < len(compact) <= _MAX_CHARS:
            return
        if len(self._values) < MAX_VALUES:
            inner = r"[\W_]{0,8}".join(map(re.escape, compact))
            self._has_digits = self._has_digits or compact.isdigit()
            self._values[compact] = (kind, re.compile(rf"(?<![^\W_]){inner}(?![^\W_])", re.IGNORECASE))

    def places_in(self, text: str) -> list[Span]:
        """Return the places of the values in a text, with any spaces and signs between their characters.

        Numbers are also found as they are said.
        """
        if not self._values or not text:
            return []
        found = []
        runs = digit_runs(text, words_of(text)) if self._has_digits and has_number(text) else []
        for compact, (kind, pattern) in self._values.items():
            found += [Span(*match.span(), kind) for match in pattern.finditer(text)]
            for run in runs if compact.isdigit() else ():
                first = run.characters.find(compact)
                while first >= 0:
                    found.append(Span(*run.span(first, first + len(compact)), kind))
                    first = run.characters.find(compact, first + 1)
        return found

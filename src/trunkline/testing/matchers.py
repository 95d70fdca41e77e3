"""Matchers for values of which a test checks a part: `ANY`, `containing`, `matching`."""

from __future__ import annotations

import re
from unittest.mock import ANY


class containing:  # noqa: N801 - reads as a word of the assertion
    """Value equal to any text that contains `part`, ignoring case, and to any list or dict that contains it."""

    def __init__(self, part: object) -> None:
        self._part = part

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return isinstance(self._part, str) and self._part.lower() in other.lower()
        if isinstance(other, dict) and isinstance(self._part, dict):
            return all(key in other and other[key] == value for key, value in self._part.items())
        return isinstance(other, list | tuple | dict | set) and any(one == self._part for one in other)

    __hash__ = None  # type: ignore[assignment]  # Python's way to have no hash

    def __repr__(self) -> str:
        return f"containing({self._part!r})"


class matching:  # noqa: N801 - reads as a word of the assertion
    """Value equal to any text in which the regular expression is found."""

    def __init__(self, pattern: str | re.Pattern[str]) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.search(other) is not None

    __hash__ = None  # type: ignore[assignment]  # Python's way to have no hash

    def __repr__(self) -> str:
        return f"matching({self._pattern.pattern!r})"


def fits(wanted: dict[str, object], arguments: object) -> bool:
    """Return whether a tool's arguments include the wanted ones."""
    if not wanted:
        return True
    return isinstance(arguments, dict) and all(
        name in arguments and value == arguments[name] for name, value in wanted.items()
    )


__all__ = ["ANY", "containing", "fits", "matching"]

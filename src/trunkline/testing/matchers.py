"""What a value is compared with in a test where not every detail matters: `ANY`, `containing`, `matching`."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import ANY


class containing:  # noqa: N801 - reads as a word of the assertion
    """Equal to any text that contains `part`, whatever the capitals, and to any list or dict that has it in it."""

    def __init__(self, part: object) -> None:
        self._part = part

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return isinstance(self._part, str) and self._part.lower() in other.lower()
        if isinstance(other, dict) and isinstance(self._part, dict):
            return all(key in other and other[key] == value for key, value in self._part.items())
        return isinstance(other, list | tuple | dict | set) and any(one == self._part for one in other)

    __hash__ = None  # type: ignore[assignment]  # Python's own way to have no hash

    def __repr__(self) -> str:
        return f"containing({self._part!r})"


class matching:  # noqa: N801 - reads as a word of the assertion
    """Equal to any text in which the regular expression is found."""

    def __init__(self, pattern: str | re.Pattern[str]) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.search(other) is not None

    __hash__ = None  # type: ignore[assignment]  # Python's own way to have no hash

    def __repr__(self) -> str:
        return f"matching({self._pattern.pattern!r})"


def fits(wanted: dict[str, Any], arguments: object) -> bool:
    """Whether a tool's arguments are as wanted, as far as anything is said about them."""
    if not wanted:
        return True
    return isinstance(arguments, dict) and all(
        name in arguments and value == arguments[name] for name, value in wanted.items()
    )


__all__ = ["ANY", "containing", "fits", "matching"]

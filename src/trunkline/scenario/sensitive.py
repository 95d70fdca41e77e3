"""`Sensitive`: the parts of a tool that stored calls must not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sensitive:
    """Parts of a tool that are replaced in stored calls of the mode `redacted`: `Sensitive(arguments=["pin"])`.

    The values are also replaced where the caller or the agent says them.

    Attributes:
        arguments: the names of sensitive arguments; None means all.
        result: true if the tool's result and its errors are sensitive.
    """

    arguments: Sequence[str] | None = None
    result: bool = True

    def hides(self, argument: str) -> bool:
        """Return whether an argument is sensitive."""
        return self.arguments is None or argument in self.arguments


def sensitive_problem(given: object) -> str | None:
    """Return the problem of a scenario's `sensitive`, or None."""
    form = "sensitive={…} takes tools' names with their parts, such as {'verify_pin': Sensitive(arguments=['pin'])}"
    if not isinstance(given, Mapping):
        return f"{form}, not {type(given).__name__}."
    for name, parts in given.items():
        if not isinstance(name, str) or not isinstance(parts, Sensitive):
            return f"{form}, not {name!r}: {parts!r}."
        if isinstance(parts.arguments, str):
            return f"Sensitive(arguments=…) of {name!r} takes a list: put brackets around {parts.arguments!r}."
    return None


def redact_problem(given: object) -> str | None:
    """Return the problem of a scenario's `redact`, or None."""
    form = "redact=[…] takes regular expressions, such as redact=[r'KD-\\d{6}']"
    if isinstance(given, str | re.Pattern) or not isinstance(given, Sequence):
        return f"{form}, not {given!r}."
    for pattern in given:
        if not isinstance(pattern, str) and not (isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str)):
            return f"{form}, not {pattern!r}."
        if (problem := pattern_problem(pattern)) is not None:
            return f"redact=[…]: {problem}"
    return None


def pattern_problem(pattern: str | re.Pattern[str]) -> str | None:
    """Return the problem of a pattern of personal data, or None."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"{pattern!r} is not a regular expression: {error}."
    if compiled.search(""):
        return f"{compiled.pattern!r} matches an empty text. Give a pattern of at least one character."
    return None

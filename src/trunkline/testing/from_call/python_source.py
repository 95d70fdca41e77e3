"""Python source text of values and comments, as `ruff format` writes it.

Texts come from callers, models and tools. A literal evaluates to exactly its value, and a comment stays on its line,
with all characters that they may contain.
"""

from __future__ import annotations

import keyword
import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

WIDTH = 88
"""The default line length of ruff and black."""
_INDENT = 4
_MIN_PART = 24
"""The shortest part of a long string, in characters."""


def literal(value: object, column: int = 0, reserved: int = 0) -> str:
    """Return the source of a JSON value, a tuple or a set of them.

    Args:
        value: the value.
        column: the indentation of the line, in characters.
        reserved: the characters of the line before and after the value.
    """
    flat = _flat(value)
    if column + reserved + columns(flat) <= WIDTH:
        return flat
    match value:
        case str():
            return "(\n" + string_parts(value, column + _INDENT) + "\n" + " " * column + ")"
        case dict() if value:
            items = [(f"{_flat(key)}: ", item) for key, item in value.items()]
            return _exploded("{", items, "}", column)
        case list() if value:
            return _exploded("[", [("", item) for item in value], "]", column)
        case _:
            return flat


def call(prefix: str, arguments: Sequence[tuple[str | None, object]], suffix: str = "", column: int = _INDENT) -> str:
    """Return the source of a call, on one line if it fits.

    Args:
        prefix: the text before the parenthesis, such as `turn = await call.say`.
        arguments: the arguments, each with its name, or None for a positional one. `Source` values are not quoted.
        suffix: the text after the closing parenthesis.
        column: the indentation, in characters.
    """
    positional = [("", value) for name, value in arguments if name is None]
    named = [(f"{name}=", value) for name, value in arguments if name is not None and is_name(name)]
    others = {name: value for name, value in arguments if name is not None and not is_name(name)}
    items = [*positional, *named, *([("**", others)] if others else [])]
    flat = f"{prefix}({', '.join(start + _flat(value) for start, value in items)}){suffix}"
    margin = " " * column
    if column + columns(flat) <= WIDTH:
        return margin + flat
    if len(items) == 1 and isinstance(items[0][1], str) and not isinstance(items[0][1], Source) and not items[0][0]:
        return f"{margin}{prefix}(\n{string_parts(items[0][1], column + _INDENT)}\n{margin}){suffix}"
    return f"{margin}{prefix}{_exploded('(', items, ')', column)}{suffix}"


def comment(text: str, column: int = _INDENT, start: str = "") -> str:
    """Return a text as comment lines: `start`, such as a speaker, and the text in quotation marks if there is one."""
    words = printable(text)
    shown = f"{start} “{words}”" if start else words
    margin = " " * column
    return "\n".join(
        textwrap.wrap(
            shown, WIDTH, initial_indent=f"{margin}# ", subsequent_indent=f"{margin}#   ", break_on_hyphens=False
        )
    )


def printable(text: str) -> str:
    """Return the text on one line, with escapes in place of characters that are not printable."""
    return "".join(char if char.isprintable() else _escape(char) for char in " ".join(text.split()))


def string(text: str) -> str:
    """Return the source of a string, in the quotation marks that need fewer escapes."""
    quote = '"' if text.count('"') <= text.count("'") else "'"
    return quote + "".join(_character(char, quote) for char in text) + quote


def string_parts(text: str, column: int) -> str:
    """Return the source of a long string: parts on lines of their own, divided at spaces."""
    room = max(_MIN_PART, WIDTH - column - 2)
    parts: list[str] = []
    line = ""
    for word in _words(text, room):
        if line and columns(string(line + word)) - 2 > room:
            parts.append(line)
            line = ""
        line += word
    margin = " " * column
    return "\n".join(margin + string(part) for part in [*parts, line])


def is_name(name: str) -> bool:
    """Return whether an argument can have this name in source text."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


class Source(str):
    """Source text that stands for itself, among the arguments of `call`."""

    __slots__ = ()


def _flat(value: object) -> str:
    match value:
        case Source():
            return str(value)
        case str():
            return string(value)
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case dict():
            return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flat, value)) + "]"
        case _:
            return repr(value)


def _exploded(opening: str, items: Iterable[tuple[str, object]], closing: str, column: int) -> str:
    """Return the items on lines of their own; `ruff format` keeps them there because of the last comma."""
    inner = column + _INDENT
    lines = [f"{' ' * inner}{start}{literal(value, inner, len(start) + 1)}," for start, value in items]
    return "\n".join([opening, *lines, " " * column + closing])


def _words(text: str, room: int) -> Iterable[str]:
    """Yield the words of a text with the spaces after them, in pieces of at most `room` characters."""
    word = ""
    for char in text:
        if word and ((word[-1] == " " and char != " ") or len(word) >= room):
            yield word
            word = ""
        word += char
    yield word


def columns(text: str) -> int:
    """Return the columns of a text: two for a wide letter, none for a combining mark."""
    if text.isascii():
        return len(text)
    marks = sum(unicodedata.combining(char) > 0 for char in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def _character(char: str, quote: str) -> str:
    if char == quote:
        return "\\" + char
    return char if char.isprintable() and char != "\\" else _escape(char)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")

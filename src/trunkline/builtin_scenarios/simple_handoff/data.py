"""The scenario's data files: sections with a name in brackets, and lines."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


@cache
def sections(file: str) -> dict[str, list[str]]:
    """Return the lines of a data file by section, without comments and empty lines."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in Path(__file__).with_name(file).read_text("utf-8").splitlines():
        if name := re.fullmatch(r"\[([\w ]+)\]", line):
            lines = found.setdefault(name[1], [])
        elif line and not line.startswith("# "):
            lines.append(line)
    return found


def words(section: str) -> list[str]:
    """Return the words of a section of `words.txt`."""
    return " ".join(sections("words.txt")[section]).split()


def pairs(section: str) -> dict[str, str]:
    """Return the words of a section, each with the next one."""
    found = words(section)
    return dict(zip(found[::2], found[1::2], strict=True))

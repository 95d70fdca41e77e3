"""The scenario's data files, which have sections with a name in brackets, and lines; and its nouns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["count", "mass", "unique", "plural"]
_KINDS: dict[str, Kind] = {"~": "mass", "!": "unique", "+": "plural"}


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


@dataclass(frozen=True)
class Noun:
    """A noun in its written form.

    Attributes:
        word: the noun.
        theme: the theme of its images.
        kind: "unique" nouns take "the", "mass" nouns take no article.
        spoken: True if the recogniser listens for it.
    """

    word: str
    theme: str
    kind: Kind
    spoken: bool = True


@cache
def nouns() -> dict[str, Noun]:
    """Return all nouns of `nouns.txt` by their lower-case spelling."""
    marked = [(line, line.rstrip("~!+-"), theme) for theme, lines in sections("nouns.txt").items() for line in lines]
    return {
        word.lower(): Noun(word, theme, _KINDS.get(line[len(word) :][:1], "count"), not line.endswith("-"))
        for line, word, theme in marked
    }


def spoken_nouns() -> list[str]:
    """Return the nouns that the recogniser listens for."""
    return [noun.word for noun in nouns().values() if noun.spoken]


def find_noun(word: str) -> tuple[Noun, bool] | None:
    """Return the noun of a singular or plural `word`, and True for a plural; None for an unknown word."""
    lower, known = word.lower(), nouns()
    if lower in known:
        return known[lower], known[lower].kind == "plural"
    endings = (("ies", "y"), ("es", ""), ("s", ""))
    stems = [lower.removesuffix(ending) + new for ending, new in endings if lower.endswith(ending)]
    irregular = pairs("irregular plurals").get(lower, "")
    return next(((known[stem], True) for stem in (irregular, *stems) if stem in known), None)

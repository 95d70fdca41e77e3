"""The scenario's data files, and its nouns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from trunkline.builtin_scenarios.data_files import DataFiles

DATA = DataFiles(__file__)
Kind = Literal["count", "mass", "unique", "plural"]
_KINDS: dict[str, Kind] = {"~": "mass", "!": "unique", "+": "plural"}


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
    themes = DATA.sections("nouns.txt").items()
    marked = [(line, line.rstrip("~!+-"), theme) for theme, lines in themes for line in lines]
    return {
        word.lower(): Noun(word, theme, _KINDS.get(line[len(word) :][:1], "count"), not line.endswith("-"))
        for line, word, theme in marked
    }


def spoken_nouns() -> list[str]:
    """Return the nouns that the recogniser listens for."""
    return [noun.word for noun in nouns().values() if noun.spoken]


def find_noun(word: str) -> tuple[Noun, bool] | None:
    """Return the noun of a singular or plural `word`, and True for a plural; None for an unknown word."""
    said, known = word.lower(), nouns()
    if said in known:
        return known[said], known[said].kind == "plural"
    stems = [DATA.pairs("irregular plurals").get(said, "")]
    stems += [said.removesuffix(old) + new for old, new in (("ies", "y"), ("es", ""), ("s", "")) if said.endswith(old)]
    return next(((known[stem], True) for stem in stems if stem in known), None)

"""The haiku writer's nouns, each with its theme and its grammatical kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["count", "mass", "unique", "plural"]
_KINDS: dict[str, Kind] = {"~": "mass", "!": "unique", "+": "plural"}
_IRREGULAR = {
    "children": "child", "mice": "mouse", "geese": "goose", "leaves": "leaf", "wolves": "wolf", "knives": "knife",
    "scarves": "scarf", "firemen": "fireman", "fishermen": "fisherman", "snowmen": "snowman",
}  # fmt: skip


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
    found: dict[str, Noun] = {}
    theme = ""
    for line in Path(__file__).with_name("nouns.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            theme = line.strip("[]")
        elif line and not line.startswith("#"):
            word = line.rstrip("~!+-")
            marks = line[len(word) :]
            found[word.lower()] = Noun(word, theme, _KINDS.get(marks[:1], "count"), spoken="-" not in marks)
    return found


def spoken_nouns() -> list[str]:
    """Return the nouns that the recogniser listens for."""
    return [noun.word for noun in nouns().values() if noun.spoken]


def find_noun(word: str) -> tuple[Noun, bool] | None:
    """Return the noun of a singular or plural `word`, and True for a plural; None for an unknown word."""
    lower = word.lower()
    known = nouns()
    if lower in known:
        return known[lower], known[lower].kind == "plural"
    singulars = [lower[:-3] + "y"] if lower.endswith("ies") else []
    singulars += [lower[:-2]] if lower.endswith("es") else []
    singulars += [lower[:-1]] if lower.endswith("s") else []
    for singular in (_IRREGULAR.get(lower, ""), *singulars):
        if singular in known:
            return known[singular], True
    return None

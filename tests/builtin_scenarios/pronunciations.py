"""The recogniser's pronouncing dictionary, as an independent counter of syllables: one to a vowel sound."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

Phones = tuple[str, ...]


@cache
def pronunciations() -> dict[str, frozenset[Phones]]:
    """All pronunciations of each word of CMUdict, as it comes with pocketsphinx."""
    pocketsphinx = pytest.importorskip("pocketsphinx", reason="the speech extra is not installed")
    found: dict[str, set[Phones]] = {}
    path = Path(pocketsphinx.get_model_path(), "en-us", "cmudict-en-us.dict")
    for line in path.read_text("utf-8").splitlines():
        word, *phones = line.split()
        found.setdefault(re.sub(r"\(\d+\)$", "", word), set()).add(tuple(phones))
    return {word: frozenset(ways) for word, ways in found.items()}


def counts(word: str) -> set[int]:
    """The numbers of syllables that a word may have."""
    return {sum(phone[0] in "AEIOU" for phone in phones) for phones in pronunciations()[word]}


def counts_of_line(line: str) -> set[int]:
    """The numbers of syllables that a line may have; its words must be in the dictionary."""
    totals = {0}
    for word in re.findall(r"[a-z']+", line.lower()):
        totals = {total + count for total in totals for count in counts(word)}
    return totals

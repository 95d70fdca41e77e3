"""Cutting a text that is still growing into sentences, so that each is spoken as soon as it is whole."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s)|\n+")
_NOT_AN_END = re.compile(r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|vs|etc|e\.g|i\.e)|\b[a-z]|^\s*\d{1,2})\.$", re.IGNORECASE)
_OPEN_LINK = re.compile(r"\[[^\[\]\n]*\Z")
_CLAUSE = re.compile(r"[,;:–—]\s|\s")
MAX_CHARACTERS = 400
"""Characters after which a text without any sentence's end is cut at a clause or word all the same."""


def sentence_ends(text: str, start: int) -> list[int]:
    """Where the whole sentences of `text[start:]` end; what follows the last of them is still unfinished.

    A full stop counts only once white space follows it: "3.14" may otherwise be cut in the middle.
    """
    ends: list[int] = []
    position = begin = start
    while found := _END.search(text, position):
        position = found.end()
        if not _goes_on(text, begin, position):
            ends.append(position)
            begin = position
    while len(text) - begin > MAX_CHARACTERS:
        cuts = [cut.end() for cut in _CLAUSE.finditer(text, begin + MAX_CHARACTERS // 2, begin + MAX_CHARACTERS)]
        begin = cuts[-1] if cuts else begin + MAX_CHARACTERS
        ends.append(begin)
    return ends


def _goes_on(text: str, begin: int, end: int) -> bool:
    """Whether what ends like a sentence is none: it ends in an abbreviation, or within the name of a link."""
    return bool(_NOT_AN_END.search(text, begin, end) or _OPEN_LINK.search(text, begin, end))


def pronounceable(text: str) -> bool:
    """Whether there is anything in it to say."""
    return any(character.isalnum() for character in text)

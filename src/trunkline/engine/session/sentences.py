"""Division of a growing text into sentences, to speak each one as soon as it is complete."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s)|\n+")
_NOT_AN_END = re.compile(r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|vs|etc|e\.g|i\.e)|\b[a-z]|^\s*\d{1,2})\.$", re.IGNORECASE)
_OPEN_LINK = re.compile(r"\[[^\[\]\n]*\Z")
_CLAUSE = re.compile(r"[,;:–—]\s|\s")
MAX_CHARACTERS = 400
"""Length after which text without a sentence's end is cut at a clause or a word."""


def sentence_ends(text: str, start: int) -> list[int]:
    """Return the end positions of the complete sentences in `text[start:]`.

    A full stop ends a sentence only before white space, because "3.14" may arrive in two pieces.
    """
    ends: list[int] = []
    position = begin = start
    while found := _END.search(text, position):
        position = found.end()
        if not _is_not_an_end(text, begin, position):
            ends.append(position)
            begin = position
    while len(text) - begin > MAX_CHARACTERS:
        cuts = [cut.end() for cut in _CLAUSE.finditer(text, begin + MAX_CHARACTERS // 2, begin + MAX_CHARACTERS)]
        begin = cuts[-1] if cuts else begin + MAX_CHARACTERS
        ends.append(begin)
    return ends


def _is_not_an_end(text: str, begin: int, end: int) -> bool:
    """Return whether the apparent end belongs to an abbreviation or to the name of a link."""
    return bool(_NOT_AN_END.search(text, begin, end) or _OPEN_LINK.search(text, begin, end))


def pronounceable(text: str) -> bool:
    """Return whether the text has a letter or a digit."""
    return any(character.isalnum() for character in text)

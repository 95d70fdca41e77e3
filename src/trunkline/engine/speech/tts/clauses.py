"""Division of a text into clauses, so that a voice that makes whole clauses can begin to speak early."""

from __future__ import annotations

import re

MIN_WORDS = 3
"""A comma cuts after at least so many words; shorter clauses sound hasty."""
FIRST_WORDS = 5
"""Words of the first piece if no comma comes before: some 130 ms of work for 1.5 s of audio."""
MAX_CHARACTERS = (60, 120)
"""Lengths of the second piece and of later ones. The second is short, so that it is ready when the first has been
spoken, also on a busy machine."""

_WORD = re.compile(r"\S+\s*")
_PAUSE = re.compile(r"[,;:.!?…–—][\"'”’)\]]*\s*\Z")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s*\Z")


def clauses(text: str) -> list[tuple[int, int]]:
    """Return the pieces of a text as ranges that cover it.

    The first piece ends at the first pause after `MIN_WORDS` words, at the latest after `FIRST_WORDS` words. Later
    pieces end at the last pause within their `MAX_CHARACTERS`, else between two words.
    """
    words = [(found.start(), found.end()) for found in _WORD.finditer(text)]
    if not words:
        return []
    first = _first_piece(text, words)
    pieces = [words[:first]]
    rest = words[first:]
    while rest:
        count = _later_piece(text, rest, MAX_CHARACTERS[len(pieces) > 1])
        pieces.append(rest[:count])
        rest = rest[count:]
    return [(piece[0][0], piece[-1][1]) for piece in pieces]


def ends_with_pause(text: str) -> bool:
    """Return whether a speaker pauses after this text."""
    return bool(_PAUSE.search(text))


def ends_sentence(text: str) -> bool:
    """Return whether a sentence ends with this text."""
    return bool(_SENTENCE_END.search(text))


def _first_piece(text: str, words: list[tuple[int, int]]) -> int:
    for count in range(MIN_WORDS, FIRST_WORDS + 1):
        if count >= len(words):
            return len(words)
        if ends_with_pause(text[words[count - 1][0] : words[count - 1][1]]):
            return count
    # A last word alone would sound cut off.
    return FIRST_WORDS if len(words) > FIRST_WORDS + 1 else len(words)


def _later_piece(text: str, words: list[tuple[int, int]], limit: int) -> int:
    start = words[0][0]
    if words[-1][1] - start <= limit:
        return len(words)
    fitting = [count for count, (_, end) in enumerate(words, 1) if end - start <= limit] or [1]
    pauses = [n for n in fitting if n >= MIN_WORDS and ends_with_pause(text[words[n - 1][0] : words[n - 1][1]])]
    return pauses[-1] if pauses else fitting[-1]

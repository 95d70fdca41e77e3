"""Normal form of words for the full-text search, equal on every database."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 100_000
"""The characters of one utterance that are searched."""
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text without case, accents and punctuation: "Größe 3.5" becomes `grosse`, `3`, `5`."""
    if text.isascii():  # most texts, in a tenth of the time
        return _WORD.findall(text[:MAX_CHARS].lower())
    decomposed = unicodedata.normalize("NFKD", text[:MAX_CHARS].casefold())
    return _WORD.findall("".join(char for char in decomposed if not unicodedata.combining(char)))


def sqlite_query(words: list[str]) -> str:
    """Return the FTS5 query for utterances with all of these words; the last one may be the beginning of a word."""
    return " ".join(f'"{word}"' for word in words) + "*"


def postgres_query(words: list[str]) -> str:
    """Return the same query as the text of a `tsquery`."""
    return " & ".join(f"'{word}'" for word in words) + ":*"

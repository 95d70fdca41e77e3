"""Endpointing by words: the silence after which `semantic_vad` ends a turn, given the transcript so far.

The waits were found by measuring synthetic callers who paused for 0.7 and 1.2 s within sentences and numbers.
"""

from __future__ import annotations

import re

_FACTORS = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.6}
"""Factors of the waits, by eagerness; `auto` is `medium`, as OpenAI's API reference says."""

WHOLE_MS = 400
"""The wait after a whole reply, or after a full stop, a question mark or an exclamation mark."""
OPEN_MS = 700
"""The wait after words that may or may not be a whole sentence: many recognisers write no punctuation."""
UNKNOWN_MS = 1000
"""The wait without words: the recogniser is slow, or the caller only murmured."""
PAUSED_MS = 1500
"""The wait after a comma, a dash, an ellipsis, an odd count of digits or a date without a year."""
UNFINISHED_MS = 2000
"""The wait after a word that begins a phrase, such as "and" or "my", a filler, or a part of an expected reply."""

_UNFINISHED = re.compile(
    r"\b(?:and|or|but|so|because|if|when|while|that|which|who|with|to|of|for|from|in|on|at|by|about|the|a|an|my|"
    r"your|his|her|their|our|is|are|was|were|i'm|it's|i|we|they|um+|uh+|er+m?|hm+|like|well)\W*$",
    re.IGNORECASE,
)
_PAUSED = re.compile(r"(?:\.\.\.|[…,:–—-])\s*$")
_DATE_WITHOUT_YEAR = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"(?:\s+(?:the\s+)?(?:\d{1,2}(?:st|nd|rd|th)?|(?:twenty|thirty)?[ -]?(?:first|second|third|\w+th)))?\W*$",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[.?!]['\"”’)]*\s*$")
_TRAILING_DIGITS = re.compile(
    r"(?:(?:\d|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double)\b)[\s,-]*)+[.?!]?\s*$", re.IGNORECASE
)
_DIGIT = re.compile(r"\d|[a-z]+", re.IGNORECASE)
_WHOLE_NUMBERS = {1, 2, 4, 7, 8, 10, 11}
"""Usual digit counts of spoken numbers: a count, a year or the last four digits, a telephone number, a date."""


def semantic_silence_ms(transcript: str, eagerness: str, *, complete: bool | None = None) -> int:
    """Return the silence in ms after which `semantic_vad` ends the turn.

    Args:
        transcript: the words of the turn so far; "" if none are known.
        eagerness: `low`, `medium`, `high` or `auto`.
        complete: True if the words are a whole reply that the brain expects, False if a part of it is missing, None if
            the brain does not know.
    """
    return round(_wait_ms(transcript.strip(), complete) * _FACTORS[eagerness])


def _wait_ms(transcript: str, complete: bool | None) -> int:
    if not transcript:
        return UNKNOWN_MS
    if complete is not None:
        return WHOLE_MS if complete else UNFINISHED_MS
    if _PAUSED.search(transcript):
        return PAUSED_MS
    if _UNFINISHED.search(transcript):
        return UNFINISHED_MS
    if _DATE_WITHOUT_YEAR.search(transcript):
        return PAUSED_MS
    digits = _TRAILING_DIGITS.search(transcript)
    if digits and len(_DIGIT.findall(digits.group())) not in _WHOLE_NUMBERS:
        return PAUSED_MS
    return WHOLE_MS if _ENDED.search(transcript) else OPEN_MS

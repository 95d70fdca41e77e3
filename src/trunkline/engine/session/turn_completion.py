"""Endpointing by words: the silence after which `semantic_vad` ends a turn, given the transcript so far.

The waits were found by measuring synthetic callers who paused for 0.7 and 1.2 s within sentences and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_FACTORS = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.6}
"""Factors of the waits, by eagerness; `auto` is `medium`, as OpenAI's API reference says."""

WHOLE_MS = 400
"""The wait after a whole reply, or after a full stop, a question mark or an exclamation mark."""
OPEN_MS = 700
"""The wait after words that may or may not be a whole sentence: many recognisers write no punctuation."""
UNKNOWN_MS = 1300
"""The wait without words: the recogniser is slow, or the caller only murmured."""
PAUSED_MS = 1500
"""The wait after a comma, a dash, an ellipsis, part of a number, a date without year, or a verb without its object;
also if a text that is almost as likely ends in the middle of a phrase."""
UNFINISHED_MS = 2000
"""The wait after a word that begins a phrase, such as "and" or "my", a house number, a filler, or a part of an expected
reply."""

_UNFINISHED = re.compile(
    r"\b(?:and|or|but|so|because|although|if|whether|when|while|until|since|that|which|who|than|as|"
    r"with|without|to|of|for|from|in|into|on|onto|at|by|about|between|through|"
    r"the|a|an|my|your|his|her|their|our|its|every|"
    r"is|are|was|were|am|be|i'm|it's|he's|she's|they're|i'd|i'll|i've|we'd|we'll|we've|they'll|there's|what's|let's|"
    r"i|we|they|um+|uh+|er+m?|hm+|like|well|want|wants|wanted|need|needs|buy|bought|give|tell|any|wrong|after|before|"
    r"let me (?:see|think|check|look))\W*$",
    re.IGNORECASE,
)
_WITHOUT_OBJECT = re.compile(
    r"\b(?:to (?:return|send back|know|get|find|have|ask|say)[.,\s]*"
    r"|(?:tell|know|explain|ask|say)\b[^.?!]*\b(?:why|where|what|when|who|how(?: much| many| long)?)\W*)$",
    re.IGNORECASE,
)
_STREET_NUMBER = re.compile(
    r"\b(?:address is|live (?:at|on)|moved to)\W+"
    r"(?:(?:[\d,]+|and|hundred|thousand|oh|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b\W*)+$",
    re.IGNORECASE,
)
_NAMED_NUMBERS = (
    (re.compile(r"(?i)\b(?:phone|telephone|cell|mobile|my) number|\b(?:call|reach) me (?:at|on)\b"), {7, 10, 11}),
    (re.compile(r"(?i)\b(?:zip|postal) code\b"), {5, 9}),
    (re.compile(r"(?i)\b(?:card|social security)\b"), {4, 9, 15, 16}),
)
"""Names of numbers, and the digit counts of such numbers."""
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


def semantic_silence_ms(
    transcript: str, eagerness: str, *, complete: bool | None = None, alternatives: Sequence[str] = ()
) -> int:
    """Return the silence in ms after which `semantic_vad` ends the turn.

    Args:
        transcript: the words of the turn so far; "" if none are known.
        eagerness: `low`, `medium`, `high` or `auto`.
        complete: True if the words are a whole reply that the brain expects, False if a part of it is missing, None if
            the brain does not know.
        alternatives: other texts for the same audio that are almost as likely. Audio that ends before a phrase is often
            misheard as a whole sentence: "I'm calling him out" for "I'm calling about".
    """
    wait_ms = _wait_ms(transcript.strip(), complete)
    if complete is None and any(_is_open_phrase(text.strip()) for text in alternatives):
        wait_ms = max(wait_ms, PAUSED_MS)
    return round(wait_ms * _FACTORS[eagerness])


def _wait_ms(transcript: str, complete: bool | None) -> int:
    if not transcript:
        return UNKNOWN_MS
    if complete is not None:
        return WHOLE_MS if complete else UNFINISHED_MS
    if _PAUSED.search(transcript):
        return PAUSED_MS
    if _UNFINISHED.search(transcript) or _STREET_NUMBER.search(transcript):
        return UNFINISHED_MS
    if _DATE_WITHOUT_YEAR.search(transcript) or _WITHOUT_OBJECT.search(transcript) or _is_part_of_number(transcript):
        return PAUSED_MS
    return WHOLE_MS if _ENDED.search(transcript) else OPEN_MS


def _is_open_phrase(transcript: str) -> bool:
    """Return whether the words, without their punctuation and digits, show that a phrase is not complete."""
    return any(pattern.search(transcript) for pattern in (_UNFINISHED, _WITHOUT_OBJECT, _STREET_NUMBER))


def _is_part_of_number(transcript: str) -> bool:
    """Return whether the words end with an unusual count of digits for the number that they name."""
    digits = _TRAILING_DIGITS.search(transcript)
    if digits is None:
        return False
    named = transcript[: digits.start()]
    usual = next((counts for name, counts in _NAMED_NUMBERS if name.search(named)), _WHOLE_NUMBERS)
    return len(_DIGIT.findall(digits.group())) not in usual

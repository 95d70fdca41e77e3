"""Division of a growing text into sentences, in any script, for guardrails, held answers and the voice.

A sentence ends before the white space that follows it. The decision depends only on the text from the sentence's
beginning to a few characters after its end, so a text that arrives in pieces is divided as the whole text is.
"""

from __future__ import annotations

import re
import unicodedata

from trunkline.sentences.tables import (
    CLOSERS,
    COMMA_MARKS,
    END_MARKS,
    MONTHS,
    NO_END,
    NO_END_BEFORE_LOWER_CASE,
    NO_END_BEFORE_NUMBER,
    QUOTES,
    SPACED_END_MARKS,
    THAI_PARTICLES,
)

MAX_WIDTH = 400
"""Length after which text without a sentence's end is cut at a clause or a word; a character of Chinese counts 3."""
MIN_PHRASE = 20
"""Characters of Thai or Lao after which a space ends a sentence. These scripts have no marks for it."""
_WIDE = 3
_MAX_SPACES = 8
_LOOKAHEAD = 16
"""Characters after an end that decide about it: white space and the beginning of the next word."""

_SPACES = rf"[ \u00a0]{{1,{_MAX_SPACES}}}"
_THAI = r"[\u0e01-\u0e2e\u0e30-\u0e45\u0e47-\u0e4e]"  # letters and vowel signs; a space after ๆ and ฯ ends nothing
_LAO = r"[\u0e81-\u0eae\u0eb0-\u0ec5\u0ec8-\u0ecd\u0edc-\u0edf]"
_MARKS = f"{END_MARKS}{re.escape(SPACED_END_MARKS)}"
_MARK = rf"(?P<marks>[{_MARKS};:\n][{_MARKS}]*)(?:[{re.escape(CLOSERS)}]|[\u00a0\u202f]»)*"
_CANDIDATE = re.compile(_MARK)  # begins with one set of characters, so that the search is fast
_CANDIDATE_OR_SPACE = re.compile(
    rf"{_MARK}|(?P<space>(?<={_THAI})(?={_SPACES}{_THAI})|(?<={_LAO})(?={_SPACES}{_LAO}))"
    rf"|(?<=[\u0e01-\u0e4e])(?={_SPACES}[^\s\u0e46\u0e2f])"
)
_THAI_OR_LAO = re.compile(r"[\u0e00-\u0eff]")
_GREEK = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")
_ARMENIAN = re.compile(r"[\u0531-\u0587]")
_OPEN_LINK = re.compile(r"\[[^\[\]\n]*\Z")
_WORD_BEFORE = re.compile(r"[^\s\"“«‹„\[{(¿¡—–-]+\Z")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,4}")
_CLAUSE = re.compile(rf"[,;:–—]\s|[{COMMA_MARKS}]\s?")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_ENGLISH_I = ("I ", "I'", "I’")
_LINE_NUMBER = re.compile(r"(?:\A|\n)\s*\d{1,2}\Z")


class _UndecidedError(Exception):
    """The text ends before the characters that decide about a sentence's end."""


def sentence_ends(text: str, start: int = 0) -> list[int]:
    """Return the end positions of the complete sentences in `text[start:]`.

    Args:
        start: the end of the sentence before, or 0.
    """
    ends: list[int] = []
    begin = start
    while (end := _next_end(text, begin)) is not None:
        ends.append(end)
        begin = end
    return ends


def _next_end(text: str, begin: int) -> int | None:
    content = begin
    while content < len(text) and text[content].isspace():
        content += 1
    candidates = _CANDIDATE_OR_SPACE if _THAI_OR_LAO.search(text, content, begin + MAX_WIDTH) else _CANDIDATE
    for found in candidates.finditer(text, content):
        if found.end() - begin > MAX_WIDTH // _WIDE and _limit(text, begin, found.end()) < found.end():
            break
        try:
            end = _end_at(text, begin, found)
        except _UndecidedError:
            return None
        if end is not None and end > content:
            return end
    limit = _limit(text, begin, len(text))
    return None if limit + _LOOKAHEAD > len(text) else _cut(text, begin, limit)


def _limit(text: str, begin: int, end: int) -> int:
    """Return the position at which the sentence becomes too long, at most `end`."""
    if end - begin <= MAX_WIDTH // _WIDE:
        return end
    if not _UNSPACED.search(text, begin, begin + MAX_WIDTH):
        return min(end, begin + MAX_WIDTH)
    width = 0
    for position in range(begin, end):
        width += _WIDE if _UNSPACED.match(text[position]) else 1
        if width > MAX_WIDTH:
            return position
    return end


def _cut(text: str, begin: int, limit: int) -> int:
    """Return the best position in the second half of a sentence that is too long."""
    middle = (begin + limit) // 2
    cuts = [found.end() for found in _CLAUSE.finditer(text, middle, limit)]
    cuts = cuts or [position for position in range(middle + 1, limit) if text[position].isspace()]
    if cuts:
        return cuts[-1]
    cut = limit
    while cut > middle + 1 and (unicodedata.category(text[cut]).startswith("M") or text[cut - 1] == "\u200d"):
        cut -= 1
    return cut


def _end_at(text: str, begin: int, found: re.Match[str]) -> int | None:
    """Return the end of the sentence at a candidate, or None if it does not end there.

    Raises:
        _UndecidedError: more text is needed.
    """
    marks = found["marks"]
    if marks is None:
        long_enough = found["space"] is not None and found.end() - begin >= MIN_PHRASE
        return found.end() if long_enough or text.endswith(THAI_PARTICLES, begin, found.end()) else None
    if marks[0] == "\n":
        return found.start()
    return found.end() if _is_end(text, begin, found) else None


def _is_end(text: str, begin: int, found: re.Match[str]) -> bool:
    marks, end = found["marks"], found.end()
    before = text[found.start() - 1 : found.start()] if found.start() > begin else ""
    if marks[0] in ";:" and not (_GREEK if marks[0] == ";" else _ARMENIAN).match(before):
        return False
    following = _at(text, end)
    if following in "\u00a0\u202f":
        _at(text, end + 1)  # it could be the », which belongs to the sentence
    if _OPEN_LINK.search(text, begin, end):
        return False
    if any(mark in END_MARKS for mark in marks):
        return not (marks == "．" and before.isdigit() and following.isdigit())
    word = _word_before(text, begin, found.start())
    if not following.isspace():
        if not _UNSPACED.match(following) or _is_ellipsis(marks):
            return False
        return marks != "." or not (word.isdigit() or _is_initial(word) or _DOTTED.fullmatch(word))
    if _is_ellipsis(marks) or not QUOTES.isdisjoint(text[found.end("marks") : end]):
        after = _next_word(text, end, 2)
        return not (after[:1].islower() or after in _ENGLISH_I)
    return marks != "." or not _is_abbreviation(text, begin, found.start(), end, word)


def _is_abbreviation(text: str, begin: int, dot: int, end: int, word: str) -> bool:
    """Return whether a full stop belongs to the word before it: "Dr.", "e.g.", "z. B.", "No. 5", "am 3. Mai"."""
    known = word.lower()
    if known in NO_END or _is_initial(word):
        return True
    if known.isdigit() and len(known) <= 2:
        if _LINE_NUMBER.search(text, begin, dot):
            return True
        after = _next_word(text, end, 3)
        return after[:1].islower() or after in MONTHS
    if known in NO_END_BEFORE_NUMBER:
        return _next_word(text, end, 1).isdigit()
    if known in NO_END_BEFORE_LOWER_CASE or _DOTTED.fullmatch(known):
        after = _next_word(text, end, 1)
        return after.islower() or after.isdigit()
    return False


def _word_before(text: str, begin: int, position: int) -> str:
    found = _WORD_BEFORE.search(text, max(begin, position - 24), position)
    return found[0].lstrip("'‘’") if found else ""


def _next_word(text: str, position: int, length: int) -> str:
    """Return the first characters after white space; "" at a line's end, and after a long gap.

    Raises:
        _UndecidedError: the text ends before.
    """
    for index in range(position, position + _MAX_SPACES):
        character = _at(text, index)
        if character == "\n":
            return ""
        if not character.isspace():
            break
    else:
        return ""
    word = text[index : index + length]
    if len(word) < length and not (word and word[0].islower()):
        raise _UndecidedError
    return word


def _at(text: str, position: int) -> str:
    if position >= len(text):
        raise _UndecidedError
    return text[position]


def _is_ellipsis(marks: str) -> bool:
    return marks in ("…", "……") or (len(marks) > 1 and not marks.strip("."))


def _is_initial(word: str) -> bool:
    """Return whether a word is one letter of a script with capitals, as in "J. Smith" and "z. B."."""
    return len(word) == 1 and word.lower() != word.upper()

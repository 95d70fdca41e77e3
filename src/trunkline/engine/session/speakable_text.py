"""Conversion of Markdown to speech text: `**now**` becomes “now”, and `[Returns](R-1)` becomes “Returns”."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINK = re.compile(r"(?P<before>!?\[)[^\[\]\n]+(?P<after>\]\((?:[^()\n]|\([^()\n]*\))*\))")
_MARKS = re.compile(
    r"^[ \t]*(?:#{1,6}|[-*•>])[ \t]+"  # headings, list items, quotations
    r"|`+|~~"
    r"|(?<!\w)(?:\*{1,3}|_{1,3})(?=\S)"  # emphasis starts before a word and ends after it;
    r"|(?<=\S)(?:\*{1,3}|_{1,3})(?!\w)",  # characters within a word, as in 2*3 and snake_case, are not emphasis
    re.MULTILINE,
)


@dataclass(frozen=True)
class SpeakableText:
    """The spoken part of a Markdown text.

    Attributes:
        text: the text to speak, without surrounding white space.
        source_ends: for each character of `text`, the length of the source that was spoken up to it.
    """

    text: str
    source_ends: tuple[int, ...]

    def source_end(self, spoken: int) -> int:
        """Return the length of the source that the first `spoken` characters of `text` cover."""
        return self.source_ends[min(spoken, len(self.source_ends)) - 1] if spoken > 0 and self.source_ends else 0


def speakable(source: str) -> SpeakableText:
    """Return the speakable part of a Markdown text.

    A mark belongs to the spoken character directly before it: `**now**` is complete after “now”. A mark after white
    space belongs to the next character.
    """
    silent = bytearray(len(source))
    for link in _LINK.finditer(source):
        for group in ("before", "after"):
            _silence(silent, link.start(group), link.end(group))
    for marks in _MARKS.finditer(source):
        _silence(silent, marks.start(), marks.end())
    if not any(silent):  # most texts have no mark
        text = source.strip()
        first = len(source) - len(source.lstrip()) + 1
        return SpeakableText(text, tuple(range(first, first + len(text))))
    spoken = [index for index in range(len(source)) if not silent[index]]
    while spoken and source[spoken[0]].isspace():
        spoken.pop(0)
    while spoken and source[spoken[-1]].isspace():
        spoken.pop()
    return SpeakableText(
        "".join(source[index] for index in spoken), tuple(_end(source, silent, index) for index in spoken)
    )


def pronounceable(text: str) -> bool:
    """Return whether the text has a letter or a digit."""
    return any(character.isalnum() for character in text)


def _silence(silent: bytearray, start: int, end: int) -> None:
    silent[start:end] = b"\1" * (end - start)


def _end(source: str, silent: bytearray, index: int) -> int:
    end = index + 1
    if not source[index].isspace():
        while end < len(source) and silent[end]:
            end += 1
    return end

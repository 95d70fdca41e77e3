"""Text as it is said: Markdown is for the eye, so of `**now**` the voice says “now”, of `[Returns](R-1)` “Returns”."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINK = re.compile(r"(?P<before>!?\[)[^\[\]\n]+(?P<after>\]\((?:[^()\n]|\([^()\n]*\))*\))")
_MARKS = re.compile(
    r"^[ \t]*(?:#{1,6}|[-*•>])[ \t]+"  # headings, list items, quotations
    r"|`+|~~"
    r"|(?<!\w)(?:\*{1,3}|_{1,3})(?=\S)"  # emphasis begins before a word and ends behind it;
    r"|(?<=\S)(?:\*{1,3}|_{1,3})(?!\w)",  # within one, as in 2*3 and snake_case, it is none
    re.MULTILINE,
)


@dataclass(frozen=True)
class SpeakableText:
    """What is said of a written text.

    Attributes:
        text: the words to say, without white space around them.
        ends: for each of its characters how much of the written text has been said with it.
    """

    text: str
    ends: tuple[int, ...]

    def written_end(self, said: int) -> int:
        """How many characters of the written text the first `said` characters of `text` stand for."""
        return self.ends[min(said, len(self.ends)) - 1] if said > 0 and self.ends else 0


def speakable(written: str) -> SpeakableText:
    """The part of a written text that is said.

    Marks count as said with the character right before them (`**now**` is whole once “now” has been said), and with
    what follows them after white space.
    """
    silent = bytearray(len(written))
    for link in _LINK.finditer(written):
        for group in ("before", "after"):
            _silence(silent, link.start(group), link.end(group))
    for marks in _MARKS.finditer(written):
        _silence(silent, marks.start(), marks.end())
    said = [index for index in range(len(written)) if not silent[index]]
    while said and written[said[0]].isspace():
        said.pop(0)
    while said and written[said[-1]].isspace():
        said.pop()
    return SpeakableText(
        "".join(written[index] for index in said), tuple(_end(written, silent, index) for index in said)
    )


def _silence(silent: bytearray, start: int, end: int) -> None:
    silent[start:end] = b"\1" * (end - start)


def _end(written: str, silent: bytearray, index: int) -> int:
    end = index + 1
    if not written[index].isspace():
        while end < len(written) and silent[end]:
            end += 1
    return end

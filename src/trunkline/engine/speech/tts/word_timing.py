"""Estimated word times, for a voice that reports none: in proportion to the length of the words."""

from __future__ import annotations

import re

from trunkline.engine.speech import SpeechMark

_FIRST_GUESS = 65.0
_WORD_END = re.compile(r"\S(?=\s|$)")


class WordTiming:
    """Duration of a character for one voice, learned from its audio.

    Attributes:
        ms_per_character: the duration at speed 1.
    """

    def __init__(self, ms_per_character: float = _FIRST_GUESS) -> None:
        self.ms_per_character = ms_per_character

    def learn(self, text: str, ms: float, speed: float) -> None:
        """Learn from the duration of a text. Very short texts are ignored, since most of their audio is silence."""
        if len(text) >= 10 and ms > 0:
            self.ms_per_character += (ms * speed / len(text) - self.ms_per_character) / 3


class EstimatedMarks:
    """The marks of one text: estimates while its audio arrives, and exact proportions at the end."""

    def __init__(self, text: str, timing: WordTiming, speed: float) -> None:
        self._text = text
        self._timing = timing
        self._speed = speed
        self._ends = [found.end() for found in _WORD_END.finditer(text)]
        self._next = 0
        self._until_ms = 0

    def within(self, ms: int) -> tuple[SpeechMark, ...]:
        """Return marks for the words that should end before `ms`, without the last, which ends with the audio."""
        marks = []
        each = self._timing.ms_per_character / self._speed
        while self._next < len(self._ends) - 1 and self._ends[self._next] * each <= ms:
            self._until_ms = max(self._until_ms, round(self._ends[self._next] * each))
            marks.append(SpeechMark(self._until_ms, self._ends[self._next]))
            self._next += 1
        return tuple(marks)

    def rest(self, ms: int) -> tuple[SpeechMark, ...]:
        """Return marks for the remaining words, spread over the rest of the audio, which is `ms` long."""
        self._timing.learn(self._text, ms, self._speed)
        said = self._ends[self._next - 1] if self._next else 0
        left_ms, left = max(ms - self._until_ms, 0), max(len(self._text) - said, 1)
        ends, self._next = self._ends[self._next : -1], len(self._ends)
        marks = [SpeechMark(self._until_ms + left_ms * (end - said) // left, end) for end in ends]
        return (*marks, SpeechMark(ms, len(self._text)))

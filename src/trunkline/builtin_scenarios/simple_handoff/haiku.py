"""Composing haikus from images and a topic, in lines of five, seven and five syllables."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from trunkline.builtin_scenarios.simple_handoff.syllables import syllables
from trunkline.builtin_scenarios.simple_handoff.topic import Topic, read_topic
from trunkline.builtin_scenarios.simple_handoff.word_lists import DATA

_Lists = Sequence[list[str]]
LINES = DATA.sections("images.txt")
_COMMON = set(DATA.words("common"))
_PRONOUN, _AGREEING = re.compile(r"\{(?:it|its|itself)\|"), re.compile(r"\{(\w*)\|(\w*)\}")


def compose(topic: str, earlier: Sequence[str] = ()) -> str | None:
    """Return a haiku about `topic`, its three lines separated by newlines; None if the topic has no word.

    The result depends only on the topic and the earlier haikus, whose lines it repeats only if no other line fits.
    """
    subject = read_topic(topic)
    if subject is None:
        return None
    text = "\n".join(_HaikuComposer(subject, earlier).compose())
    starts = (found.end() - 1 for found in re.finditer(r"(?:^|[.?!]\s)\W*\w", text))
    capitals = {place: upper for place in starts if len(upper := text[place].upper()) == 1}  # not the "SS" of "ß"
    return "".join(capitals.get(place, sign) for place, sign in enumerate(text))


class _HaikuComposer:
    """The composition of one haiku."""

    def __init__(self, topic: Topic, earlier: Sequence[str]) -> None:
        self._topic, self._nth = topic, len(earlier)
        self._used = {line.lower() for haiku in earlier for line in haiku.split("\n")}
        self._turns = iter(hashlib.sha256(topic.loose.lower().encode(errors="replace")).digest())

    def compose(self) -> list[str]:
        is_in_time = self._topic.theme in ("time", "sky", "weather", None)
        openings = [*LINES["openings"], *([] if is_in_time else LINES["openings in time"])]
        own = (), openings, 5, (LINES.get(f"images of {self._topic.theme}", LINES["images"]),)
        other = (), openings, 5, (LINES["images"],)
        led = (LINES["leads"],), LINES["endings"], 5, ()
        in_setting = (LINES["settings"],), LINES["middles"], 7, (LINES["closings"],)
        forms = (own, led, other, in_setting, own, in_setting, other, led)
        return self._lines(*forms[self._nth % len(forms)]) or self._lines(*in_setting)  # every topic fits into 7

    def _lines(self, before: _Lists, frames: list[str], length: int, after: _Lists) -> list[str]:
        """Return a line with the topic and `length` syllables between lines of other lists; none if none fits."""
        if not (fitting := self._fitting(frames, length)):
            return []
        line = self._pick(fitting)
        others = [self._pick(self._fresh(self._sayable(each) or LINES["images"])) for each in (*before, *after)]
        return " / ".join([*others[: len(before)], line, *others[len(before) :]]).split(" / ")

    def _fitting(self, frames: Sequence[str], length: int) -> list[str]:
        fitting = []
        for frame in self._sayable(self._fresh(frames)):
            is_clause = "{s|}" in frame or "won't" in frame or "will not" in frame
            phrases = {self._topic.definite} if is_clause else {self._topic.definite, self._topic.loose}
            lines = [self._agreed(frame).replace("{t}", phrase) for phrase in sorted(filter(None, phrases))]
            fitting += [line for line in lines if syllables(line) == length]
        return fitting

    def _sayable(self, lines: Sequence[str]) -> list[str]:
        """Return the lines that suit the topic: "it" and "they" must be able to replace it, if they occur."""
        return [line for line in lines if self._topic.pronoun or not _PRONOUN.search(line)]

    def _fresh(self, lines: Sequence[str]) -> Sequence[str]:
        """Return the lines without words of the topic, or all lines if every line has one."""
        own = self._topic.words - _COMMON
        return [line for line in lines if not own & set(re.findall(r"\w+", line.lower()))] or lines

    def _agreed(self, line: str) -> str:
        return _AGREEING.sub(r"\2" if self._topic.plural else r"\1", line)

    def _pick(self, options: Sequence[str]) -> str:
        """Return an unused option in agreement with the topic; the topic selects the first candidate."""
        start = next(self._turns) + self._nth
        turned = [self._agreed(options[(start + step) % len(options)]) for step in range(len(options))]
        return next((option for option in turned if self._used.isdisjoint(option.lower().split(" / "))), turned[0])

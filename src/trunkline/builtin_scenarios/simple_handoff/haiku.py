"""Composing haikus from images and a topic, in lines of five, seven and five syllables."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from trunkline.builtin_scenarios.simple_handoff.syllables import syllables
from trunkline.builtin_scenarios.simple_handoff.topic import Topic, read_topic
from trunkline.builtin_scenarios.simple_handoff.word_lists import sections, words

LINES = sections("images.txt")
_COMMON = set(words("common"))
_FORMS = {
    "it": ("it", "they"), "its": ("its", "their"), "them": ("it", "them"), "itself": ("itself", "themselves"),
    "is": ("is", "are"), "was": ("was", "were"), "has": ("has", "have"), "s": ("s", ""),
}  # fmt: skip


def compose(topic: str, earlier: Sequence[str] = ()) -> str | None:
    """Return a haiku about `topic`, its three lines separated by newlines; None if the topic has no word.

    The result depends only on the topic and the earlier haikus. It repeats their lines only after all fitting lines
    were used.
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
        own, other = LINES.get(f"images of {self._topic.theme}", LINES["images"]), LINES["images"]
        led, set_ = self._at_the_end, self._in_a_setting
        forms: list[list[str] | Callable[[], list[str] | None]] = [own, led, other, set_, own, set_, other, led]
        for form in (forms[self._nth % len(forms)], set_):
            if lines := form() if callable(form) else self._with_image(form):
                return lines
        raise AssertionError(f"{self._topic} has a phrase too long for a line")

    def _with_image(self, pairs: Sequence[str]) -> list[str] | None:
        is_in_time = self._topic.theme in ("time", "sky", "weather", None)
        opening = self._fitted([*LINES["openings"], *([] if is_in_time else LINES["openings in time"])], 5)
        image = self._pick(self._fresh(self._sayable(pairs) or self._sayable(LINES["images"])))
        return [opening, *image.split(" / ")] if opening else None

    def _at_the_end(self) -> list[str] | None:
        ending = self._fitted(LINES["endings"], 5)
        return [*self._pick(self._fresh(LINES["leads"])).split(" / "), ending] if ending else None

    def _in_a_setting(self) -> list[str] | None:
        middle = self._fitted(LINES["middles"], 7)
        if middle is None:
            return None
        setting = self._pick(self._fresh(LINES["settings"]))
        return [setting, middle, self._pick(self._fresh(self._sayable(LINES["closings"])))]

    def _fitted(self, frames: Sequence[str], length: int) -> str | None:
        """Return a line with the topic and `length` syllables, or None."""
        fitting = []
        for frame in self._sayable(self._fresh(frames)):
            is_clause = "{s}" in frame or "won't" in frame or "will not" in frame
            phrases = {self._topic.definite} if is_clause else {self._topic.definite, self._topic.loose}
            lines = [self._agreed(frame).replace("{t}", phrase) for phrase in sorted(filter(None, phrases))]
            fitting += [line for line in lines if syllables(line) == length]
        return self._pick(fitting) if fitting else None

    def _sayable(self, lines: Sequence[str]) -> list[str]:
        """Return the lines that suit the topic: "it" and "they" must be able to replace it, if they occur."""
        return [line for line in lines if self._topic.pronoun or not re.search(r"\{(?:it|its|them|itself)\}", line)]

    def _fresh(self, lines: Sequence[str]) -> Sequence[str]:
        """Return the lines without words of the topic, or all lines if every line has one."""
        own = self._topic.words - _COMMON
        return [line for line in lines if not own & set(re.findall(r"\w+", line.lower()))] or lines

    def _agreed(self, line: str) -> str:
        for name, forms in _FORMS.items():
            line = line.replace(f"{{{name}}}", forms[self._topic.plural])
        return line

    def _pick(self, options: Sequence[str]) -> str:
        """Return an unused option in agreement with the topic; the topic selects the first candidate."""
        start = next(self._turns) + self._nth
        turned = [self._agreed(options[(start + step) % len(options)]) for step in range(len(options))]
        return next((option for option in turned if self._used.isdisjoint(option.lower().split(" / "))), turned[0])

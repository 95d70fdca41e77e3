"""Composing haikus from images and a topic, in lines of five, seven and five syllables."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from trunkline.builtin_scenarios.simple_handoff import images
from trunkline.builtin_scenarios.simple_handoff.syllables import syllables
from trunkline.builtin_scenarios.simple_handoff.topic import Topic, read_topic

_IN_TIME = {"time", "sky", "weather", None}
_COMMON = {
    "a",
    "an",
    "and",
    "the",
    "of",
    "in",
    "on",
    "at",
    "to",
    "for",
    "is",
    "it",
    "its",
    "my",
    "me",
    "i",
    "no",
    "not",
}


def compose(topic: str, earlier: Sequence[str] = ()) -> str | None:
    """Return a haiku about `topic`, its three lines separated by newlines; None if the topic has no word.

    The result depends only on the topic and the earlier haikus. It repeats their lines only after all fitting lines
    were used.
    """
    subject = read_topic(topic)
    if subject is None:
        return None
    return "\n".join(_capitalised(_HaikuComposer(subject, earlier).compose()))


class _HaikuComposer:
    """The composition of one haiku."""

    def __init__(self, topic: Topic, earlier: Sequence[str]) -> None:
        self._topic = topic
        self._nth = len(earlier)
        self._used = {line.lower() for haiku in earlier for line in haiku.split("\n")}
        self._turns = iter(hashlib.sha256(topic.loose.lower().encode(errors="replace")).digest())

    def compose(self) -> list[str]:
        own, any_, led, set_ = self._with_own_image, self._with_any_image, self._at_the_end, self._in_a_setting
        order: Sequence[Callable[[], list[str] | None]] = [own, led, any_, set_, own, set_, any_, led]
        for form in (order[self._nth % len(order)], set_):
            if lines := form():
                return lines
        raise AssertionError(f"{self._topic} has a phrase too long for a line")

    def _with_own_image(self) -> list[str] | None:
        """Compose the topic and an image of its theme."""
        return self._with_image(images.IMAGES_OF.get(self._topic.theme or "", images.IMAGES))

    def _with_any_image(self) -> list[str] | None:
        """Compose the topic and an image that suits every topic."""
        return self._with_image(images.IMAGES)

    def _with_image(self, pairs: Sequence[str]) -> list[str] | None:
        openings: tuple[str, ...] = images.OPENINGS
        if self._topic.theme not in _IN_TIME:
            openings += images.OPENINGS_IN_TIME
        opening = self._fitted(openings, 5)
        usable = [pair for pair in pairs if self._topic.pronoun or not _speaks_of_it(pair)]
        image = self._pick(self._fresh(usable or [pair for pair in images.IMAGES if not _speaks_of_it(pair)]))
        return [opening, *image.split(" / ")] if opening else None

    def _at_the_end(self) -> list[str] | None:
        """Compose two lines that lead to the topic in the third."""
        ending = self._fitted(images.ENDINGS, 5)
        return [*self._pick(self._fresh(images.LEADS)).split(" / "), ending] if ending else None

    def _in_a_setting(self) -> list[str] | None:
        """Compose a setting, the topic, and a closing line."""
        middle = self._fitted(images.MIDDLES, 7)
        if middle is None:
            return None
        closings = [line for line in images.CLOSINGS if self._topic.pronoun or not _speaks_of_it(line)]
        return [self._pick(self._fresh(images.SETTINGS)), middle, self._pick(self._fresh(closings))]

    def _fitted(self, frames: Sequence[str], length: int) -> str | None:
        """Return a line with the topic and `length` syllables, or None."""
        fitting = []
        for frame in self._fresh(frames):
            if _speaks_of_it(frame) and not self._topic.pronoun:
                continue
            is_clause = "{s}" in frame or "won't" in frame or "will not" in frame
            phrases = {self._topic.definite} if is_clause else {self._topic.definite, self._topic.loose}
            lines = [self._agreed(frame).replace("{t}", phrase) for phrase in sorted(filter(None, phrases))]
            fitting += [line for line in lines if syllables(line) == length]
        return self._pick(fitting) if fitting else None

    def _fresh(self, lines: Sequence[str]) -> Sequence[str]:
        """Return the lines without words of the topic, or all lines if every line has one."""
        own = self._topic.words - _COMMON
        return [line for line in lines if not own & set(re.findall(r"\w+", line.lower()))] or lines

    def _agreed(self, line: str) -> str:
        plural = self._topic.plural
        forms = {
            "it": ("it", "they"), "its": ("its", "their"), "them": ("it", "them"), "itself": ("itself", "themselves"),
            "is": ("is", "are"), "was": ("was", "were"), "has": ("has", "have"), "s": ("s", ""),
        }  # fmt: skip
        for name, (one, many) in forms.items():
            line = line.replace(f"{{{name}}}", many if plural else one)
        return line

    def _pick(self, options: Sequence[str]) -> str:
        """Return an unused option in agreement with the topic; the topic selects the first candidate."""
        start = next(self._turns) + self._nth
        turned = [self._agreed(options[(start + step) % len(options)]) for step in range(len(options))]
        return next((option for option in turned if self._used.isdisjoint(option.lower().split(" / "))), turned[0])


def _speaks_of_it(line: str) -> bool:
    return bool(re.search(r"\{(?:it|its|them|itself)\}", line))


def _capitalised(lines: Sequence[str]) -> list[str]:
    """Return the lines with a capital at the beginning of each sentence."""
    text = "\n".join(lines)
    return re.sub(r"(?:^|[.?!]\s)\W*\w", lambda found: _last_upper(found[0]), text).split("\n")


def _last_upper(text: str) -> str:
    upper = text[-1].upper()
    return text[:-1] + (upper if len(upper) == 1 else text[-1])  # not the "SS" of "ß"

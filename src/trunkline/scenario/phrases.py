"""Expected words of a caller: matched against typed words, and compiled for the speech recogniser.

A pattern is a sequence of words, with `[optional]` words, `(one | or another)` and `{slots}`:

    YES = Phrases("yes [please]", "(sure | okay | of course)")
    TOPIC = Phrases("[a haiku] [about] {topic}", topic=Words(["mountains", "the sea"], open=True))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Protocol, runtime_checkable

from trunkline.scenario.number_words import number_words

_NOT_A_WORD = re.compile(r"[^\w' ]+|_+")
_TOKEN = re.compile(r"\s*(?:(?P<mark>[\[\]()|])|\{(?P<slot>\w+)\}|(?P<word>[^\s\[\](){}|]+))")
_FILLERS = re.compile(r"\b(?:u+m+|u+h+|e+r+m*|h+m+)\b")


_SPELLINGS = {
    "ok": "okay", "alright": "all right", "yea": "yeah", "yah": "yeah", "thx": "thanks", "pls": "please",
    "plz": "please", "im": "i'm", "ive": "i've", "thats": "that's", "whats": "what's", "dont": "don't",
    "doesnt": "doesn't", "didnt": "didn't", "isnt": "isn't", "cant": "can't", "wont": "won't", "youre": "you're",
}  # fmt: skip
_SHORT_YEAR = re.compile(r"(?<!\w)'(?=\d\d\b)")
_ORDINAL = re.compile(r"(?:[1-9]|10)(?:st|nd|rd|th)")
_ARTICLES = ("a", "an", "the")
_CONTRACTION = re.compile(r"((?:wh|th)\w+|how|it|i|you|we)'(s|m|re)")
_CONTRACTED = {"s": "is", "m": "am", "re": "are"}


class PatternError(ValueError):
    """An invalid pattern; the message shows it with the reason."""


class Slot(Protocol):
    """A variable part of a pattern with a value."""

    def regex(self) -> str:
        """Return a regular expression, without named groups, for the normalised words of the slot."""

    def jsgf(self) -> str:
        """Return a JSGF expansion for the recogniser; an empty text if the slot cannot be spoken."""

    def value(self, words: str) -> str:
        """Return the value of matched words."""


@runtime_checkable
class CheckedSlot(Protocol):
    """A slot that matches more texts than callers are likely to say."""

    def is_likely(self, value: str) -> bool:
        """Return whether a caller is likely to say this value."""


@dataclass(frozen=True)
class Words:
    """One of a list of words or expressions; with `open`, any typed words."""

    choices: Sequence[str]
    open: bool = False

    def regex(self) -> str:
        """See `Slot.regex`."""
        if self.open:
            return r"\S.*?"
        longest_first = sorted((normalise(choice) for choice in self.choices), key=len, reverse=True)
        return "(?:" + "|".join(map(re.escape, longest_first)) + ")"

    def jsgf(self) -> str:
        """See `Slot.jsgf`."""
        return "( " + " | ".join(normalise(choice) for choice in self.choices) + " )" if self.choices else ""

    def value(self, words: str) -> str:
        """See `Slot.value`."""
        return words


_DIGITS = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip


_MIN_PIECE = 3
"""Digits that the recogniser accepts at least of a longer number: fewer would fit any murmur."""


@dataclass(frozen=True)
class Digits:
    """`count` digits, typed ("555-1234") or said one by one ("five five five, one two three four").

    The recogniser also accepts the first few of them: a caller pauses within a long number, and the words of the
    first piece show the missing part.
    """

    count: int

    def regex(self) -> str:
        """See `Slot.regex`."""
        one = rf"(?:\d|\b(?:{'|'.join(_DIGITS)})\b)"
        return rf"(?:{one} *){{{self.count}}}(?! *{one})"

    def jsgf(self) -> str:
        """See `Slot.jsgf`."""
        one = "( " + " | ".join(_DIGITS) + " )"
        certain = min(self.count, _MIN_PIECE)
        rest = ""
        for _ in range(self.count - certain):
            rest = f"[ {one} {rest} ]" if rest else f"[ {one} ]"
        return " ".join([*([one] * certain), *([rest] if rest else [])])

    def value(self, words: str) -> str:
        """See `Slot.value`."""
        return "".join(_DIGITS.get(found) or str(int(found)) for found in re.findall(r"\d|[a-z]+", words))


@dataclass(frozen=True)
class Match:
    """A match of phrases.

    Attributes:
        whole: True if the phrases match the whole text.
        length: the number of matched characters.
        slots: the values of the slots by name.
        start: the place of the first matched character in the normalised text.
    """

    whole: bool
    length: int
    slots: Mapping[str, str] = field(default_factory=dict)
    start: int = 0

    @property
    def end(self) -> int:
        """The place after the last matched character in the normalised text."""
        return self.start + self.length


class Phrases:
    """One meaning of a caller's words, as patterns; `slots` define the parts in braces.

    Args:
        patterns: the patterns.
        too: more patterns that match typed words, but that the recogniser's grammar leaves out. Each phrase more in a
            grammar fits more unrelated speech.
        slots: the variable parts by name.

    Raises:
        PatternError: a bracket is not closed, a slot is missing, or one pattern uses a slot twice.
    """

    def __init__(self, *patterns: str, too: Sequence[str] = (), **slots: Slot) -> None:
        self.patterns = patterns
        self.slots = slots
        trees = [_parse(pattern, slots) for pattern in (*patterns, *too)]
        self._spoken = trees[: len(patterns)]
        spelled = [_regex(tree, slots) for tree in trees]
        self._whole = [re.compile(rf"\s*{regex}\s*") for regex in spelled]
        has_open = any(isinstance(slot, Words) and slot.open for slot in slots.values())
        self._within = [] if has_open else [re.compile(rf"(?<!\S){regex}(?!\S)") for regex in spelled]

    def __repr__(self) -> str:
        return f"Phrases({', '.join(map(repr, self.patterns))})"

    def match(self, text: str) -> Match | None:
        """Return the best match of the patterns in `text`, or None.

        A pattern may match the whole text or, unless a slot is open, a part of it. Numbers up to 99 may be in figures
        where the pattern has words, since recognisers write "option 2", and "where's" stands for "where is". An article
        before a word may be missing or another one, since recognisers often miss it.
        """
        words = normalise(text)
        spelled = spell_out(words)
        return self._match(words) or (self._match(spelled) if spelled != words else None)

    def _match(self, words: str) -> Match | None:
        for regex in self._whole:
            if words and (found := regex.fullmatch(words)):
                return Match(True, len(words), self._values(found))
        best: Match | None = None
        for regex in self._within:
            for found in regex.finditer(words):
                length = found.end() - found.start()
                if length and (best is None or length > best.length):
                    best = Match(False, length, self._values(found), found.start())
        return best

    def jsgf(self) -> str:
        """Return the patterns as one JSGF expansion; an empty text if none can be spoken."""
        spoken = [expansion for tree in self._spoken if (expansion := _jsgf(tree, self.slots))]
        return " | ".join(spoken)

    def _values(self, found: re.Match[str]) -> dict[str, str]:
        return {
            name: self.slots[name].value(words.strip())
            for name, words in found.groupdict().items()
            if words is not None
        }


def best_match(text: str, meanings: Sequence[Phrases]) -> tuple[Phrases, Match] | None:
    """Return the meaning that matches `text` best: a whole match before a partial one, a longer before a shorter."""
    matches = [(meaning, match) for meaning in meanings if (match := meaning.match(text))]
    return max(matches, key=lambda pair: (pair[1].whole, pair[1].length), default=None)


def grammar(meanings: Iterable[Phrases]) -> str | None:
    """Return a JSGF grammar of all meanings, each after an optional "um"; None if none can be spoken."""
    expansions = [expansion for meaning in meanings if (expansion := meaning.jsgf())]
    if not expansions:
        return None
    alternatives = "\n  | ".join(expansions)
    return f"#JSGF V1.0;\ngrammar caller;\npublic <said> = [ um | uh ] (\n    {alternatives}\n  );\n"


def normalise(text: str) -> str:
    """Return the text for comparison: lower case, without punctuation and "um", with single spaces.

    Spellings of one word become one: "ok", "thats" and "'90" are "okay", "that's" and "90".
    """
    lowered = _SHORT_YEAR.sub("", text.lower().replace("’", "'"))
    words = _FILLERS.sub(" ", _NOT_A_WORD.sub(" ", lowered)).split()
    return " ".join(_SPELLINGS.get(word, word) for word in words)


def spell_out(words: str) -> str:
    """Return normalised words without contractions, and with numbers up to 99 and ordinals up to 10th in words."""
    return " ".join(_spell_out(word) for word in words.split())


def _spell_out(word: str) -> str:
    if word.isalpha():  # as most words
        return word
    if _ORDINAL.fullmatch(word):
        return " ".join(number_words(word))
    if contracted := _CONTRACTION.fullmatch(word):
        return f"{contracted[1]} {_CONTRACTED[contracted[2]]}"
    if not word.isdecimal() or len(word) > 2:
        return word
    return " ".join(number_words(str(int(word))))


# A pattern's tree: a sequence is a list, alternatives a _Choice, a word or a slot a leaf.
@dataclass(frozen=True)
class _Word:
    text: str


@dataclass(frozen=True)
class _SlotRef:
    name: str


@dataclass(frozen=True)
class _Choice:
    options: tuple[tuple[_Node, ...], ...]
    optional: bool


_Node = _Word | _SlotRef | _Choice
_CLOSING = {"(": ")", "[": "]"}


def _parse(pattern: str, slots: Mapping[str, Slot]) -> tuple[_Node, ...]:
    tokens = list(_tokens(pattern))
    used = [text for kind, text in tokens if kind == "slot"]
    if twice := next((name for name in used if used.count(name) > 1), None):
        raise PatternError(f"The pattern {pattern!r} uses {{{twice}}} twice: write two patterns instead.")
    tree, rest = _parse_options(tokens, 0, pattern, slots)
    if rest != len(tokens):
        raise PatternError(f"In the pattern {pattern!r}, '{tokens[rest][1]}' closes nothing; remove it.")
    return (_Choice(tree, optional=False),)


def _tokens(pattern: str) -> Iterable[tuple[str, str]]:
    position, end = 0, len(pattern.rstrip())
    while position < end:
        found = _TOKEN.match(pattern, position)
        if not found or found.lastgroup is None:
            raise PatternError(
                f"The pattern {pattern!r} cannot be read from {pattern[position:]!r} on: check its brackets."
            )
        yield found.lastgroup, found.group(found.lastgroup)
        position = found.end()


def _parse_options(
    tokens: list[tuple[str, str]], position: int, pattern: str, slots: Mapping[str, Slot]
) -> tuple[tuple[tuple[_Node, ...], ...], int]:
    options: list[tuple[_Node, ...]] = []
    current: list[_Node] = []
    while position < len(tokens) and tokens[position][1] not in (")", "]"):
        kind, text = tokens[position]
        position += 1
        if kind == "slot":
            if text not in slots:
                raise PatternError(f"The pattern {pattern!r} uses {{{text}}}, which is not given: add {text}=….")
            current.append(_SlotRef(text))
        elif kind == "word":
            current.extend(_Word(word) for word in normalise(text).split())
        elif text == "|":
            options.append(tuple(current))
            current = []
        else:
            inner, position = _parse_options(tokens, position, pattern, slots)
            if position >= len(tokens) or tokens[position][1] != _CLOSING[text]:
                raise PatternError(f"In the pattern {pattern!r}, '{text}' is not closed; close it.")
            position += 1
            current.append(_Choice(inner, optional=text == "["))
    return (*options, tuple(current)), position


def _regex(nodes: Sequence[_Node], slots: Mapping[str, Slot]) -> str:
    """Return the regular expression. Each word takes its trailing space, so that optional parts leave no gap."""
    out = []
    for node, following in zip_longest(nodes, nodes[1:]):
        if isinstance(node, _Word) and node.text in _ARTICLES and isinstance(following, _Word):
            out.append(rf"(?:(?:{'|'.join(_ARTICLES)})\s+)?")
        elif isinstance(node, _Word):
            out.append(rf"{re.escape(node.text)}(?:\s+|(?!\S))")
        elif isinstance(node, _SlotRef):
            out.append(rf"(?P<{node.name}>{slots[node.name].regex()})(?:\s+|(?!\S))")
        else:
            inner = "|".join(_regex(option, slots) for option in node.options)
            out.append(f"(?:{inner})" + ("?" if node.optional else ""))
    return "".join(out)


def _jsgf(nodes: Sequence[_Node], slots: Mapping[str, Slot]) -> str:
    out = []
    for node in nodes:
        if isinstance(node, _Word):
            out.append(node.text)
        elif isinstance(node, _SlotRef):
            spoken = slots[node.name].jsgf()
            if not spoken:
                return ""
            out.append(spoken)
        else:
            options = [spoken for option in node.options if (spoken := _jsgf(option, slots))]
            if options:
                inner = " | ".join(options)
                out.append(f"[ {inner} ]" if node.optional else f"( {inner} )")
            elif not node.optional:
                return ""
    return " ".join(out)

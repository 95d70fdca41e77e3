"""The kinds of a form's fields: numbers, dates, choices, and values that a function reads."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from trunkline.scenario.form_phrases import CORRECTS, without_denied
from trunkline.scenario.phrases import Phrases, best_match, normalise
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date, read_date_parts, read_digits

_YEAR_WITH_OH = re.compile(r"\b([1-9])0[01]([1-9])\b")
"""A number in which a recogniser writes "two oh six" as 2006, or as the year 2016."""
_MISHEARD_OH = re.compile(r"(?<=\d)\W+(?:go|or)\W+(?=\d)")
"""Words that a recogniser writes for an "oh" between digits, as in "555, go 142"."""


@dataclass(frozen=True)
class Partial:
    """A value with a missing part.

    Attributes:
        value: the parts so far; the next reading receives them as `before`.
        ask: the question for the missing part.
        hears: the phrases that may answer it, for the recogniser; by default those of the field.
    """

    value: Any
    ask: str
    hears: tuple[Phrases, ...] = ()


Read = Callable[[str, Any], Any]
"""A function from words and the value before (or the `Partial`'s value) to a value, a `Partial`, or None."""


class Kind(Protocol):
    """A kind of field: its reading, its phrases for the recogniser, and its spoken form."""

    @property
    def hears(self) -> tuple[Phrases, ...]:
        """The phrases that the recogniser listens for while the field is asked for."""

    @property
    def whole(self) -> tuple[Phrases, ...]:
        """The phrases of complete values, for read-backs and for corrections of other fields."""

    @property
    def help(self) -> str:
        """The words after a second misunderstanding in a row."""

    @property
    def digits(self) -> int | None:
        """The number of digits, if the field is a number."""

    def read(self, said: str, before: object) -> Any:
        """Return the value in the words, a `Partial`, or None."""

    @property
    def unmistakable(self) -> bool:
        """True if a value is recognised as one of this field even if another was asked for."""

    def find(self, words: str) -> tuple[Any, int, int] | None:
        """Return an unrequested value in normalised words, with its start and end; None unless it is unmistakable."""

    def spoken(self, value: Any) -> str:
        """Return the value for reading it back."""


_JOINING = {"and", "dash", "then", "hyphen", "space"}
_SILENT = _JOINING | {"area", "code", "plus", "the", "is", "are", "it's", "my", "number"}
_LEAST_UNMISTAKABLE = 7
"""Digits of an unrequested number, at least."""


@dataclass(frozen=True)
class Number:
    """A number with a fixed count of digits, in groups, which may come in pieces."""

    groups: tuple[int, ...]

    @property
    def digits(self) -> int:
        """See `Kind.digits`."""
        return sum(self.groups)

    @property
    def unmistakable(self) -> bool:
        """See `Kind.unmistakable`."""
        return self.digits >= _LEAST_UNMISTAKABLE

    @property
    def hears(self) -> tuple[Phrases, ...]:
        """See `Kind.hears`."""
        return (_numbers(self.groups, whole=False),)

    @property
    def whole(self) -> tuple[Phrases, ...]:
        """See `Kind.whole`."""
        return (_numbers(self.groups, whole=True),)

    @property
    def help(self) -> str:
        """See `Kind.help`."""
        return f"Please say the {self.digits} digits one by one, or use the keys."

    def read(self, said: str, before: object) -> str | Partial | None:
        """Return the number, or the digits so far.

        Digits continue the ones before. After a complete number they correct its end, if a correction announces them
        ("no, 42", "it ends in 42") or they are as many as the last group.
        """
        said = without_denied(said, digits=True)
        if len(read_digits(said)) != self.digits:
            respelled = (_YEAR_WITH_OH.sub(r"\1 0 \2", said), _MISHEARD_OH.sub(" 0 ", said))
            said = next((words for words in respelled if len(read_digits(words)) == self.digits), said)
        whole, piece, too_many = _split(str(before or ""), self.digits)
        done = restarted = False
        for run, corrects in _runs(said):
            digits = _national(run, self.digits)
            if len(digits) == self.digits:
                whole, piece, done = digits, "", True
            elif len(digits) > self.digits:
                too_many = digits
            elif whole and self._is_end(digits) and (corrects or (len(digits) == self.groups[-1] and not done)):
                whole, done = whole[: -len(digits)] + digits, True
            else:
                if done:
                    continue
                restarted = bool(piece) and not corrects and len(piece + digits) > self.digits
                piece = _continued(piece, digits, corrects, self.digits)
                whole, done = (piece, True) if len(piece) == self.digits else ("", False)
        if done:
            return whole
        if too_many:
            ask = f"I heard {self.spoken(too_many)}, which are too many digits. Could you say it once more?"
            return Partial("", ask)
        if not piece or piece == before:
            return None
        ask = self.help if restarted else "Please go on."
        return Partial(piece, f"I have {' '.join(piece)} so far, and need {self.digits} digits. {ask}")

    def find(self, words: str) -> tuple[str, int, int] | None:
        """See `Kind.find`."""
        if not self.unmistakable:
            return None
        match = _numbers(self.groups, whole=False).match(words)
        value = self.read(words, None)
        return (value, match.start, match.end) if match and isinstance(value, str) else None

    def _is_end(self, digits: str) -> bool:
        """Return whether digits can replace the end of a number: its last groups, or a part of the last one."""
        ends = {sum(self.groups[-count:]) for count in range(1, len(self.groups))}
        return 1 < len(digits) <= self.groups[-1] or len(digits) in ends

    def spoken(self, value: str) -> str:
        """Return the digits one by one, in groups."""
        groups, place = [], 0
        for count in self.groups if len(value) == self.digits else (len(value),):
            groups.append(" ".join(value[place : place + count]))
            place += count
        return ", ".join(groups)


def _numbers(groups: tuple[int, ...], *, whole: bool) -> Phrases:
    return Phrases(
        "[no | yes] [sorry | actually] [my [phone | cell] number is | it's | it is | that's | the number is] {number}",
        number=DigitGroups(*groups, whole=whole),
    )


def _national(run: str, count: int) -> str:
    """Return a telephone number without the 1 of its country, and a ZIP code without its four more digits."""
    if count == 10 and len(run) == 11 and run[0] == "1":
        return run[1:]
    return run[:5] if count == 5 and len(run) == 9 else run


def _split(before: str, count: int) -> tuple[str, str, str]:
    return (before, "", "") if len(before) == count else ("", before, "")


def _continued(piece: str, digits: str, corrects: bool, count: int) -> str:
    """Return the piece with more digits; a correction replaces its last ones."""
    if corrects and len(piece) >= len(digits):
        return piece[: -len(digits)] + digits
    together = piece + digits
    return together if len(together) <= count else digits


def _runs(said: str) -> Iterator[tuple[str, bool]]:
    """Yield the sequences of digits, each with True if the words before it announce a correction or an end."""
    words = normalise(said).split()
    is_digit = [word in ("double", "triple") or bool(read_digits(word)) for word in words]
    plain = all(
        digit or word in _SILENT or CORRECTS.fullmatch(word) for word, digit in zip(words, is_digit, strict=True)
    )
    run: list[str] = []
    corrects = False
    for word, digit in zip([*words, "."], [*is_digit, False], strict=True):
        if digit:
            run.append(word)
            continue
        if run and word in _JOINING:
            continue
        found = read_digits(" ".join(run))
        if found and (plain or len(run) > 1 or len(found) > 1):
            yield found, corrects
            corrects = False
        run = []
        if CORRECTS.fullmatch(word) or word in ("mean", "meant", "end", "ends", "ending", "last"):
            corrects = True


@dataclass(frozen=True)
class Day:
    """A date within bounds."""

    first: date
    last: date

    digits = None
    unmistakable = True

    @property
    def hears(self) -> tuple[Phrases, ...]:
        """See `Kind.hears`."""
        return (Phrases("[no | yes] [(I was | I'm) born] [on | it's | it is | that's] {date}", date=DateSlot()),)

    @property
    def whole(self) -> tuple[Phrases, ...]:
        """See `Kind.whole`."""
        return self.hears

    @property
    def help(self) -> str:
        """See `Kind.help`."""
        return "I need a day, a month and a year, such as: May 1st, 1985."

    def read(self, said: str, before: object) -> date | Partial | None:
        """Return the date; parts of it correct the date before, or ask for the rest."""
        year, month, day = _parts(before)
        is_new = False
        for clause in CORRECTS.split(normalise(without_denied(said))):
            said_year, said_month, said_day = read_date_parts(
                clause, latest=self.last, alone=before is not None or is_new
            )
            if said_month and said_day and not said_year and before is None:
                year = None
            if (said_year, said_month, said_day) != (None, None, None):
                year, month, day = said_year or year, said_month or month, said_day or day
                is_new = True
        if not is_new:
            return Partial(None, self.help) if re.search(r"\d|\bborn\b", normalise(said)) else None
        if year is None and month and day:
            year = self._only_year(month, day)
        if year is None or month is None or day is None:
            missing = "year" if year is None else "month and day" if month is None else "day of the month"
            return Partial((year, month, day), f"And the {missing}?")
        try:
            found = date(year, month, day)
        except ValueError:
            return Partial(None, self.help)
        return found if self.first <= found <= self.last else Partial(None, self.help)

    def _only_year(self, month: int, day: int) -> int | None:
        """Return the year of a day and month that are within the bounds once; None otherwise."""
        years = [
            year
            for year in range(self.first.year, self.last.year + 1)
            if day <= monthrange(year, month)[1] and self.first <= date(year, month, day) <= self.last
        ]
        return years[0] if len(years) == 1 else None

    def find(self, words: str) -> tuple[date, int, int] | None:
        """See `Kind.find`."""
        match = self.hears[0].match(words)
        found = read_date(match.slots["date"], latest=self.last) if match else None
        if match and found is None:
            said_year, month, day = read_date_parts(match.slots["date"], latest=self.last)
            year = self._only_year(month, day) if month and day and said_year is None else None
            found = date(year, month, day) if year and month and day else None
        return (found, match.start, match.end) if match and found and found >= self.first else None

    def spoken(self, value: date) -> str:
        """Return the date with the year digit by digit."""
        return f"{value:%B} {value.day}, {' '.join(str(value.year))}"


def _parts(before: Any) -> tuple[int | None, int | None, int | None]:
    if isinstance(before, date):
        return before.year, before.month, before.day
    return before or (None, None, None)


_SENTENCE = re.compile(r"(?<=[.?!;…])\s+")
_ASKS = re.compile(
    r"(?:(?:and|but|so|well|oh|okay|sorry|wait) )*(?:what(?: is|'s|'re| are| do| does| means?)\b|what kinds?\b|which\b"
    r"|where\b|when\b|who\b|why(?! not)\b|how (?!about)|(?:is|are|does|did|was|were|has) (?!.*\b(?:okay|fine|possible"
    r"|available|free|all right|good)$)|(?:tell|explain) )"
)
"""The beginning of a question about a value: "what does … mean", "is the … big". "Can I have the …" is an answer."""


@dataclass(frozen=True)
class Choice:
    """One of several values, each with the phrases for it."""

    choices: Mapping[str, Phrases]

    digits = None
    unmistakable = False

    @property
    def hears(self) -> tuple[Phrases, ...]:
        """See `Kind.hears`."""
        return tuple(self.choices.values())

    @property
    def whole(self) -> tuple[Phrases, ...]:
        """See `Kind.whole`."""
        return self.hears

    @property
    def help(self) -> str:
        """See `Kind.help`."""
        *others, last = self.choices
        return f"You can say: {', '.join(others)}{' or ' if others else ''}{last}."

    def read(self, said: str, _before: object) -> str | None:
        """Return the chosen value; of several, the one after a correction. A question about a value chooses none."""
        chosen = None
        statements = " ".join(sentence for sentence in _SENTENCE.split(said) if not _ASKS.match(normalise(sentence)))
        for clause in CORRECTS.split(normalise(statements)):
            if found := best_match(clause, self.hears):
                chosen = next(value for value, phrases in self.choices.items() if phrases is found[0])
        return chosen

    def find(self, _words: str) -> None:
        """Return None: a choice may be a word of another answer."""

    def spoken(self, value: str) -> str:
        """Return the value itself."""
        return value


@dataclass(frozen=True)
class Free:
    """A value that a function reads."""

    reads: Read
    hears: tuple[Phrases, ...] = ()
    speaks: Callable[[Any], str] = str
    help: str = "Please say it in other words."
    digits: int | None = None
    unmistakable: bool = False

    @property
    def whole(self) -> tuple[Phrases, ...]:
        """See `Kind.whole`."""
        return self.hears

    def read(self, said: str, before: object) -> Any:
        """See `Kind.read`."""
        return self.reads(said, before)

    def find(self, _words: str) -> None:
        """Return None: only a name of the field shows that the words are meant for it."""

    def spoken(self, value: Any) -> str:
        """See `Kind.spoken`."""
        return self.speaks(value)

"""Spoken numbers and dates: reading them from words, and slots of `Phrases` for them.

PHONE = Phrases("[my number is | it's] {number}", number=DigitGroups(3, 3, 4))
BIRTHDAY = Phrases("[it's | I was born on] {date}", date=DateSlot())
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from trunkline.scenario.phrases import normalise

_DIGIT = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_TEEN = {word: 10 + place for place, word in enumerate(_TEENS)}
_TEN = {word: 20 + 10 * place for place, word in enumerate(_TENS)}
_TIMES = {"double": 2, "triple": 3}
_PHONE_GROUPS = (3, 3, 4)
_PHONE = re.compile(r"(?!.11|[234]00)[2-9]\d\d[2-9]")
_UNIT_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
_ORDINALS = [
    *_UNIT_ORDINALS,
    *[
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
    ],
    "twentieth",
    *(f"twenty {ordinal}" for ordinal in _UNIT_ORDINALS),
    "thirtieth",
    "thirty first",
]
_DAY = {word: day for day, word in enumerate(_ORDINALS, 1)}
_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]  # fmt: skip
_MONTH = {name: number for number, month in enumerate(_MONTHS, 1) for name in (month, month[:3])} | {"sept": 9}
_ORDINAL_WORD = "|".join(sorted({word for ordinal in _ORDINALS for word in ordinal.split()}))
_NUMBER_WORD = "|".join([*_DIGIT, *_TEEN, *_TEN, *_TIMES, "hundred"])


def read_digits(text: str) -> str:
    """Return the digits in `text`: "two oh six, double 5, nineteen" is "2065519". Other words are ignored."""
    digits, times = "", 1
    words = normalise(text).split()
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word in _TIMES:
            times = _TIMES[word]
            continue
        if word.isdecimal():
            digits += "".join(str(int(digit)) for digit in word) * times
        elif word in _DIGIT:
            digits += _DIGIT[word] * times
        elif word in _TEEN:
            digits += str(_TEEN[word]) * times
        elif word in _TEN:  # "forty two" is 42, "forty" 40
            digits += str(_TEN[word] // 10) if following in _UNITS else str(_TEN[word])
        elif word == "hundred":
            digits += "00"
        times = 1
    return digits


def read_date(text: str, *, latest: date | None = None) -> date | None:
    """Return the date in `text`, or None if it has none or the date is after `latest`.

    Forms: "1990-03-05", "3/5/1990" (the month first, unless it exceeds 12), "March 5th 1990", "the fifth of March,
    nineteen ninety". A year of two digits is the last such year before `latest`, or before today.
    """
    words = normalise(text).split()
    last = latest or date.today()
    found = _named(words, last) if any(word in _MONTH for word in words) else _numeric(words, last)
    return found if found is not None and (latest is None or found <= latest) else None


def read_date_parts(text: str, *, latest: date, alone: bool = False) -> tuple[int | None, int | None, int | None]:
    """Return the year, month and day in `text`, each None if it is not said.

    Args:
        text: the words.
        latest: the last possible date; it decides the century of a year of two digits.
        alone: also read a year, a month or a day that stands alone ("1991", "the sixth").
    """
    if whole := read_date(text, latest=latest):
        return whole.year, whole.month, whole.day
    words = [word for word in normalise(text).split() if word not in ("in", "on", "the", "of", "it", "is", "it's")]
    place = next((place for place, word in enumerate(words) if word in _MONTH), None)
    if place is not None:
        before, after = words[:place], words[place + 1 :]
        day, taken = _read_day(before[-2:]) or _read_day(before[-1:]) or (None, 0)
        if day is None:
            day, taken = _read_day(after[:2]) or _read_day(after[:1]) or (None, 0)
            after = after[taken:]
        year = _read_year(after, latest)
        return (year, _MONTH[words[place]], day) if day or year or alone else (None, None, None)
    if not alone:
        return None, None, None
    for count in (2, 1):
        for start in range(len(words) - count + 1):
            said = " ".join(words[start : start + count])
            if said in _DAY or re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)", said):
                day, _ = _read_day(words[start : start + count]) or (None, 0)
                return _read_year(words[start + count :], latest), None, day
    year = _read_year(words, latest) if len(read_digits(" ".join(words))) == 4 else None
    return year, None, None


@dataclass(frozen=True)
class DigitGroups:
    """Digits in groups, such as `DigitGroups(3, 3, 4)` for a telephone number.

    Any sequence of number words matches; the rehearsal checks the number of digits in the slot's value. The recogniser
    listens for one group or more in a row, since callers pause between groups; also with "double five" and the like.
    With `whole` it listens for all groups only.
    """

    groups: tuple[int, ...]
    whole: bool

    def __init__(self, *groups: int, whole: bool = False) -> None:
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "whole", whole)

    @property
    def count(self) -> int:
        """The number of digits."""
        return sum(self.groups)

    def regex(self) -> str:
        """See `Slot.regex`."""
        one = rf"(?:\d+|(?:{_NUMBER_WORD})\b)"
        return rf"(?:{one}(?: {one})+|\d{{3,}})(?! *{one})"

    def jsgf(self) -> str:
        """See `Slot.jsgf`."""
        if self.whole:
            return " ".join(map(_group, self.groups))
        following, starts = "", []
        for count in reversed(self.groups):
            following = f"{_group(count)} [ {following} ]" if following else _group(count)
            starts.append(following)
        return _one_of(list(dict.fromkeys(reversed(starts)))) if len(starts) > 1 else following

    def value(self, words: str) -> str:
        """See `Slot.value`."""
        return read_digits(words)

    def is_likely(self, value: str) -> bool:
        """Return whether the digits are one group or more in a row; a telephone number must be possible, too.

        An American area code does not begin with 0 or 1, and it is not 200, 300, 400 or one like 411. This tells
        "two oh six, five" from 2006 5.
        """
        if self.groups == _PHONE_GROUPS and len(value) == self.count and not _PHONE.match(value):
            return False
        ends = [sum(self.groups[:count]) for count in range(len(self.groups) + 1)]
        return len(value) in {end - start for start, end in combinations(ends, 2)}


class DateSlot:
    """A date with its month's name or, typed, in figures. Its value is the words; `read_date` reads them."""

    def regex(self) -> str:
        """See `Slot.regex`."""
        number = rf"(?:\d+(?:st|nd|rd|th)?|(?:{_NUMBER_WORD}|{_ORDINAL_WORD}|thousand)\b)"
        month = "|".join(_MONTH)
        following = rf"(?: (?:the|and|in)\b| {number})"
        named = rf"(?:(?:{number} ){{1,2}}(?:of )?(?:{month})\b{following}*|(?:{month})\b{following}+)"
        return rf"(?:(?:the )?{named}|\d+ \d+ \d+|\d{{8}})"

    def jsgf(self) -> str:
        """See `Slot.jsgf`."""
        month, day = _one_of(_MONTHS), _one_of(_ORDINALS)
        below = _one_of([*_TEENS, *(f"oh {unit}" for unit in _UNITS)])
        tens = f"{_one_of(_TENS)} [ {_one_of(_UNITS)} ]"
        thousands = f"two thousand [ [ and ] {_one_of([*_UNITS, *_TEENS])} ]"
        year = f"( nineteen ( {tens} | {below} ) | {thousands} | twenty ( {below} | twenty [ {_one_of(_UNITS)} ] ) )"
        return f"( [ the ] {day} [ of ] {month} {year} | {month} [ the ] {day} {year} )"

    def value(self, words: str) -> str:
        """See `Slot.value`."""
        return words

    def is_likely(self, value: str) -> bool:
        """Return whether the words are a date, or name a month."""
        return read_date(value) is not None or any(word in _MONTH for word in value.split())


def _one_of(words: list[str]) -> str:
    return "( " + " | ".join(words) + " )"


def _group(count: int) -> str:
    """Return a JSGF expansion of all ways to say `count` digits."""
    digit = _one_of([word for word in _DIGIT if word not in ("o", "nought")])
    ways = _ways(count)
    return _one_of([" ".join(digit if times == 1 else f"double {digit}" for times in way) for way in ways])


def _ways(count: int) -> list[tuple[int, ...]]:
    if count <= 0:
        return [()]
    singly = [(1, *way) for way in _ways(count - 1)]
    return singly if count == 1 else [*singly, *((2, *way) for way in _ways(count - 2))]


def _named(words: list[str], last: date) -> date | None:
    place = next(place for place, word in enumerate(words) if word in _MONTH)
    before, after = words[:place], words[place + 1 :]
    day, _ = _read_day(before[-2:]) or _read_day(before[-1:]) or (0, 0)
    if not day and before[-1:] == ["of"]:
        day, _ = _read_day(before[-3:-1]) or _read_day(before[-2:-1]) or (0, 0)
    if not day:
        after = after[1:] if after[:1] == ["the"] else after
        day, taken = _read_day(after[:2]) or _read_day(after[:1]) or (0, 0)
        after = after[taken:]
    return _date(_read_year(after, last), _MONTH[words[place]], day)


def _read_day(words: list[str]) -> tuple[int, int] | None:
    """Return the day of the month and its number of words, if `words` are a day and nothing else."""
    said = " ".join(words)
    if said in _DAY:
        return _DAY[said], len(words)
    if found := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", said):
        return int(found[1]), 1
    if len(words) == 1 and (said in _UNITS or said in _TEEN):
        return int(read_digits(said)), 1
    return None


def _read_year(words: list[str], last: date) -> int | None:
    said = [word for word in words if word not in ("and", "of", "in", "the", "year")]
    if said[:2] in (["two", "thousand"], ["2", "thousand"]):
        return 2000 + int(read_digits(" ".join(said[2:4])) or 0)
    if said[:1] and said[0].isdecimal() and len(said[0]) == 4:
        return int(said[0])
    digits = read_digits(" ".join(said))
    if len(digits) == 2:
        year = last.year // 100 * 100 + int(digits)
        return year if year <= last.year else year - 100
    return int(digits) if len(digits) == 4 else None


def _numeric(words: list[str], last: date) -> date | None:
    numbers = [word for word in words if word.isdecimal()]
    if len(numbers) == 1 and len(numbers[0]) == 8:
        whole = numbers[0]
        numbers = (
            [whole[:4], whole[4:6], whole[6:]] if whole[:2] in ("19", "20") else [whole[:2], whole[2:4], whole[4:]]
        )
    if len(numbers) != 3:
        return None
    if len(numbers[0]) == 4:
        return _date(int(numbers[0]), int(numbers[1]), int(numbers[2]))
    month, day = int(numbers[0]), int(numbers[1])
    if month > 12:
        month, day = day, month
    return _date(_read_year(numbers[2:], last), month, day)


def _date(year: int | None, month: int, day: int) -> date | None:
    if year is None:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None

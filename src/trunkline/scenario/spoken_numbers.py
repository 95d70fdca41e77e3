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
_ONE_OF = re.compile(r"\bof(?: the)?(?: of(?: the)?)+\b")
"""An "of" that a hesitant caller repeats: "the second of … of June"."""
_BESIDE_DATES = {"i", "i'm", "was", "am", "born", "on", "it", "it's", "is", "that's", "the", "slash", "dash", "my"}
_BESIDE_DATES |= {"birthday", "date", "birth", "yes", "okay", "well", "so", "no", "sorry", "actually", "and", "please"}
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
    nineteen ninety", "three five ninety", "the fifth of the third, 1990". A year of two digits is the last such year
    before `latest`, or before today.
    """
    words = _ONE_OF.sub("of", normalise(text)).split()
    last = latest or date.today()
    if any(word in _MONTH for word in words):
        found = _named(words, last)
    else:
        found = _numeric(words, last) or _counted(words, last)
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
    words = normalise(text).split()
    words = [word for word in words if word not in ("in", "on", "the", "of", "it", "is", "it's")]
    place = next((place for place, word in enumerate(words) if word in _MONTH), None)
    if place is not None:
        before, after = words[:place], words[place + 1 :]
        day, taken = _read_day(before[-2:]) or _read_day(before[-1:]) or (None, 0)
        if day is None and not _is_year(after):
            day, taken = _read_day(after[:2]) or _read_day(after[:1]) or (None, 0)
            after = after[taken:]
        earlier = (int(word) for word in reversed(before) if word.isdecimal() and len(word) == 4)
        year = _read_year(after, latest) or next(earlier, None)
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
    if not day and not _is_year(after):
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


def _is_year(words: list[str]) -> bool:
    """Return whether all words are one year, such as "nineteen eighty four", which is not the 19th of '84."""
    return words[:1] in (["nineteen"], ["twenty"]) and len(read_digits(" ".join(words))) == 4


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


def _counted(words: list[str], last: date) -> date | None:
    """Return a date whose month is a number: "three five ninety", "oh three fifteen 1985", "the fifth of the third 90".

    The month comes first, unless an "of" follows the first number. Words that fit two dates, or others, are none.
    """
    said = [word for word in words if word not in _BESIDE_DATES]
    is_day_first = "of" in said
    said = [word for word in said if word != "of"]
    found = set()
    for place in range(2, len(said)):
        if not _is_spoken_year(said[place:]) or (year := _read_year(said[place:], last)) is None:
            continue
        for split in range(1, place):
            first, second = _read_number(said[:split]), _read_number(said[split:place])
            if first and second:
                is_swapped = is_day_first or first > 12
                found.add(_date(year, *((second, first) if is_swapped else (first, second))))
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _is_spoken_year(words: list[str]) -> bool:
    """Return whether the words are a year that begins with a tens word, a century or figures of four digits."""
    is_number = all(word in _DIGIT or word in _TEEN or word in _TEN or word in ("thousand", "and") for word in words)
    if len(words) == 1:
        return words[0] in _TEN or (words[0].isdecimal() and len(words[0]) == 4)
    if not is_number or len(words) > 5:
        return False
    return (
        (len(words) == 2 and words[0] in _TEN) or words[0] in ("nineteen", "twenty") or words[:2] == ["two", "thousand"]
    )


def _read_number(words: list[str]) -> int | None:
    """Return a spoken number from 1 to 31: "oh three", "fifteen", "twenty one", "fifth"."""
    if len(words) == 2 and words[0] in ("oh", "zero", "o"):
        words = words[1:] if words[1] in _UNITS else []
    if len(words) == 2 and words[0] in _TEN and words[1] in _UNITS:
        number = int(read_digits(" ".join(words)))
        return number if number <= 31 else None
    if len(words) == 1 and words[0] in _TEN:
        return _TEN[words[0]] if _TEN[words[0]] <= 31 else None
    day = _read_day(words)
    return day[0] if day and 0 < day[0] <= 31 else None


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

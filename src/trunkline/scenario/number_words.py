"""Numbers in words: 42 is "forty two", 1984 "nineteen eighty four", 3rd "third"."""

from __future__ import annotations

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
DIGIT_WORDS = (*_ONES[:10], "oh")
"""The words of single digits."""
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))


def number_words(number: str) -> list[str]:
    """Return the English words of a number in figures: 2 is two, 1984 nineteen eighty four, 3rd third.

    1.5 is one point five. Numbers of more than twelve digits, or with a leading 0, are read digit by digit, like
    telephone numbers.
    """
    whole, point, decimals = number.replace(",", "").partition(".")
    digits = re.sub(r"\D", "", whole)
    said = _cardinal(int(digits))
    if len(digits) > 12 or (digits[0] == "0" and len(digits) > 1):
        said = [_ONES[int(digit)] for digit in digits]
    elif (1100 <= int(digits) < 2000 or 2010 <= int(digits) < 2100) and not digits.endswith("000"):  # a year
        rest = ["hundred"] if digits.endswith("00") else ["oh"] * (digits[2] == "0") + _cardinal(int(digits[2:]))
        said = [*_cardinal(int(digits[:2])), *rest]
    if point:
        return [*said, "point", *(_ONES[int(digit)] for digit in decimals)]
    last = said[-1]
    ordinal = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return said if digits == whole else [*said[:-1], ordinal]


def _cardinal(number: int) -> list[str]:
    for size, name in _SCALES:
        if number >= size:
            return [*_cardinal(number // size), name, *(_cardinal(number % size) if number % size else [])]
    if number < 20:
        return [_ONES[number]]
    return [_TENS[number // 10 - 2], *([_ONES[number % 10]] if number % 10 else [])]

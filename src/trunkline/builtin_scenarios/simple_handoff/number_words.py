"""English words for numbers: 2 is two, 1984 nineteen eighty-four, 3rd third, 1.5 one point five."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = [(10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "nine": "ninth", "twelve": "twelfth"}


def read_number(token: str) -> Sequence[str]:
    """Return the words of a number, which may have thousands' commas, a decimal point or an ordinal's ending.

    Numbers of more than twelve digits, or with a leading 0, are read digit by digit, like telephone numbers.
    """
    plain = token.replace(",", "")
    whole, point, decimals = plain.partition(".")
    digits, ending = re.fullmatch(r"(\d+)(\D*)", whole).groups()  # type: ignore[union-attr]  # a token begins with a digit
    words = _whole(digits)
    if point:
        return [*words, "point", *(_ONES[int(digit)] for digit in decimals)]
    return [*words[:-1], _ordinal(words[-1])] if ending else words


def _whole(digits: str) -> list[str]:
    if len(digits) > 12 or (digits[0] == "0" and len(digits) > 1):
        return [_ONES[int(digit)] for digit in digits]
    number = int(digits)
    is_year = 1100 <= number < 2000 or 2010 <= number < 2100
    if is_year and number % 100:
        between = ["oh"] if number % 100 < 10 else []
        return [*_cardinal(number // 100), *between, *_cardinal(number % 100)]
    if is_year and number % 1000:
        return [*_cardinal(number // 100), "hundred"]
    return _cardinal(number)


def _cardinal(number: int) -> list[str]:
    for size, name in _SCALES:
        if number >= size:
            rest = _cardinal(number % size) if number % size else []
            return [*_cardinal(number // size), name, *rest]
    if number < 20:
        return [_ONES[number]]
    rest = [_ONES[number % 10]] if number % 10 else []
    return [_TENS[number // 10 - 2], *rest]


def _ordinal(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"

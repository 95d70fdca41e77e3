"""Numbers as callers say them: typed, digit by digit, in tens ("forty-two"), doubled ("double five")."""

from __future__ import annotations

import re

_ONES = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_TIMES = {"double": 2, "triple": 3}
_SILENT = {"and", "dash", "um", "uh", "then"}
_WORD = re.compile(r"\d+|[a-z']+")


def runs_of_digits(text: str) -> list[str]:
    """The stretches of digits in what was said, in order; "my number is 206, five five five" has one: "206555"."""
    runs = [""]
    words = _WORD.findall(text.lower())
    place = 0
    while place < len(words):
        word, after = words[place], words[place + 1] if place + 1 < len(words) else ""
        place += 1
        if word.isdigit():
            runs[-1] += word
        elif word in _TIMES and (after in _ONES or re.fullmatch(r"\d", after)):
            runs[-1] += _TIMES[word] * _ONES.get(after, after)
            place += 1
        elif word in _TENS:
            has_ones = after in _ONES and _ONES[after] != "0"
            runs[-1] += _TENS[word] + (_ONES[after] if has_ones else "0")
            place += has_ones
        elif word == "hundred" and runs[-1]:
            runs[-1] += "00"
        elif word in _ONES or word in _TEENS:
            runs[-1] += _ONES.get(word) or _TEENS[word]
        elif word not in _SILENT and runs[-1]:
            runs.append("")
    return [run for run in runs if run]


def phone_number_in(text: str, before: str | None = None) -> str | None:
    """The phone number that was said, as "(206) 555-0142"; of several, the last.

    A shorter stretch after a whole number corrects its end: "206 555 0124, no, 42". So does one after the number
    `before`, if the words say that they are about its end.
    """
    number = re.sub(r"\D", "", before or "") if re.search(r"\bend(?:s|ing)?\b|\blast\b", text.lower()) else ""
    found = False
    for run in runs_of_digits(text):
        whole = run[1:] if len(run) == 11 and run[0] == "1" else run
        if len(whole) == 10:
            number, found = whole, True
        elif number and 2 <= len(whole) <= 7:
            number, found = number[: -len(whole)] + whole, True
    return f"({number[:3]}) {number[3:6]}-{number[6:]}" if found else None


def zip_code_in(text: str) -> str | None:
    """The zip code that was said; of several, the last."""
    codes = [run[:5] for run in runs_of_digits(text) if len(run) in (5, 9)]
    return codes[-1] if codes else None


def spelled(number: str) -> str:
    """A number to be heard, in groups as it is written: "2 0 6, 5 5 5, 0 1 4 2"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))

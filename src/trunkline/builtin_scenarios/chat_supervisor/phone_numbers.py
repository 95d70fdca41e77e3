"""Phone numbers and zip codes as callers say them, also corrected in the same breath."""

from __future__ import annotations

import re

from trunkline import read_digits

_MULTIPLIED = {"double", "triple"}
_SILENT = {"and", "dash", "um", "uh", "then"}
_WORD = re.compile(r"\d+|[a-z']+")


def runs_of_digits(text: str) -> list[str]:
    """The stretches of digits in what was said, in order; "my number is 206, five five five" has one: "206555"."""
    stretches = [""]
    for word in _WORD.findall(text.lower()):
        if word in _MULTIPLIED or read_digits(word):
            stretches[-1] += f" {word}"
        elif word not in _SILENT:
            stretches.append("")
    return [digits for stretch in stretches if (digits := read_digits(stretch))]


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


def spoken_number(number: str) -> str:
    """A number to be heard, in groups as it is written: "2 0 6, 5 5 5, 0 1 4 2"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))

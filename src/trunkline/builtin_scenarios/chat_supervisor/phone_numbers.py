"""Reading spoken phone numbers and zip codes, including corrections in the same sentence."""

from __future__ import annotations

import re

from trunkline import read_digits

_MULTIPLIED = {"double", "triple"}
_SILENT = {"and", "dash", "um", "uh", "then"}
_WORD = re.compile(r"\d+|[a-z']+")


def runs_of_digits(text: str) -> list[str]:
    """Return the sequences of digits in order; "my number is 206, five five five" has one: "206555"."""
    runs = [""]
    for word in _WORD.findall(text.lower()):
        if word in _MULTIPLIED or read_digits(word):
            runs[-1] += f" {word}"
        elif word not in _SILENT:
            runs.append("")
    return [digits for run in runs if (digits := read_digits(run))]


def phone_number_in(text: str, before: str | None = None) -> str | None:
    """Return the last phone number in the text, as "(206) 555-0142", or None.

    A shorter sequence after a complete number corrects its end: "206 555 0124, no, 42". It also corrects the end of the
    number `before`, if the words mention the end.
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
    """Return the last zip code in the text, or None."""
    codes = [run[:5] for run in runs_of_digits(text) if len(run) in (5, 9)]
    return codes[-1] if codes else None


def spoken_number(number: str) -> str:
    """Return a number for speech, in its written groups: "2 0 6, 5 5 5, 0 1 4 2"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))

"""The fields of an enquiry: the phone number of an account, and a zip code."""

from __future__ import annotations

import re

from trunkline import Field, Phrases, Words
from trunkline.builtin_scenarios.chat_supervisor.sample_data import STORES

_LATER = Phrases("[oh] [no] (never mind | forget it | cancel that | doesn't matter)", "I changed my mind")
PHONE = Field(
    "What's the ten-digit phone number of the account?",
    digits=(3, 3, 4),
    named=Phrases("[my | the] (phone | telephone | cell | account) number", "my number"),
    why="I need it to find your account.",
    thanks="",
    optional=True,
    declines=_LATER,
)
ZIP = Field(
    "What's the five-digit zip code where you are?",
    digits=5,
    named=Phrases("[my | the] (zip [code] | postal code)"),
    why="I need it to know where you are.",
    thanks="",
    optional=True,
    declines=_LATER,
)
PLACES = {
    name.lower(): store.zip_code for store in reversed(STORES) for name in (*store.address.split(", ")[1:], store.name)
}
"""The zip code of a store by its city, state or name."""
IN_PLACE = Phrases(
    "[{before}] [in | near | at | around] {place} {after}",
    "{before} [in | near | at | around] {place}",
    before=Words((), open=True),
    place=Words(list(PLACES)),
    after=Words((), open=True),
)
"""A town or state with a store among other words; typed only, since the recogniser hears no open words."""
_PLACE = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, PLACES), key=len, reverse=True))})\b")


def phone_number_in(text: str, before: str | None = None) -> str | None:
    """Return the last phone number in the text, as "(206) 555-0142", or None; it may correct the number before."""
    return number if (number := PHONE.read(text, re.sub(r"\D", "", before or "") or None)) is None else written(number)


def zip_code_in(text: str) -> str | None:
    """Return the last zip code in the text, or the one of a town or state with a store, or None."""
    if code := ZIP.read(text):
        return str(code)
    place = _PLACE.search(text.lower())
    return PLACES[place[0]] if place else None


def written(digits: str) -> str:
    """Return ten digits as "(206) 555-0142"."""
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


def spoken_number(number: str) -> str:
    """Return a written number for speech, in its groups: "2 0 6, 5 5 5, 0 1 4 2"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))

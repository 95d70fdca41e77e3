"""Reading typed and spoken street addresses: "742 Evergreen Terrace, Springfield, Oregon 97477"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trunkline import DigitGroups, Phrases, Words, read_digits

PARTS = {
    "street": "house number and street",
    "city": "city",
    "state": "state",
    "postal_code": "ZIP or postal code",
}
"""The parts of an address, with their names for the caller."""

STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine",
    "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri",
    "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico",
    "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon",
    "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee",
    "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming", "OTA": "Otago",
}  # fmt: skip
_KIND_WORDS = "street avenue road drive lane court place terrace way boulevard circle square highway"
_KINDS = _KIND_WORDS.split()
_UNITS = {"apt", "apartment", "unit", "suite", "floor"}
_SHORT_KINDS = {"st", "ave", "rd", "dr", "ln", "ct", "pl", "blvd", "hwy"}
_STREET_NAMES = """
main oak pine maple cedar elm park lake hill washington walnut spring north south ridge church evergreen alpine glacier
mill river sunset highland forest jackson lincoln madison franklin
"""
_STREETS = _STREET_NAMES.split()
_CITY_NAMES = """
albany atlanta austin boston boulder chicago dallas denver detroit eugene houston miami minneapolis nashville oakland
orlando phoenix portland queenstown sacramento salem seattle spokane springfield tacoma tucson wanaka
"""
_CITIES = _CITY_NAMES.split()
"""Streets and cities for the speech recogniser; typed addresses may have others."""

ADDRESS = Phrases(
    "[it's | it is | I live at | my address is] {number} {street} {kind} [[in] {city}] [{state}] [{zip}]",
    number=DigitGroups(1, 1, 1, 1),
    street=Words(_STREETS),
    kind=Words(_KINDS),
    city=Words(_CITIES),
    state=Words(list(STATES.values())),
    zip=DigitGroups(5),
)
PLACE = Phrases(
    "[it's | it is] [in] {city} [{state}] [{zip}]",
    "[it's | it is] [in] {state} [{zip}]",
    "[it's | it is] {zip}",
    city=Words(_CITIES),
    state=Words(list(STATES.values())),
    zip=DigitGroups(5),
)
_TOKEN = re.compile(r",|[^\s,]+")
_BEGINS = re.compile(
    r"(?i)^(?:(?:no|yes|well|so|wait|sorry|actually)\b[, ]*)*"
    r"(?:(?:it's|it is|i live (?:at|in)|i(?:'ve| have)? moved to|i'm at|my (?:new )?address is|at|in)\b *)?"
)
_POSTAL = re.compile(r"\d{4,6}(?:-\d{4})?")


def read_address(text: str) -> dict[str, str]:
    """Return the recognisable parts of the address in `text`."""
    tokens = _from_the_number(_numbers_joined(_TOKEN.findall(_BEGINS.sub("", text.strip().rstrip(".!")))))
    parts: dict[str, str] = {}
    if len(tokens) > 1 and _POSTAL.fullmatch(tokens[-1]):
        parts["postal_code"] = tokens.pop()
    _take_state(tokens, parts)
    street_ends = _street_ends(tokens)
    if street_ends:
        parts["street"] = _titled(tokens[:street_ends])
    rest = [word for word in tokens[street_ends:] if word != ","]
    if rest and rest[0].lower() == "in":
        rest = rest[1:]
    if rest and (street_ends or parts) and not any(sign.isdigit() for word in rest for sign in word):
        parts["city"] = _titled(rest)
    return parts


def read_part(part: str, text: str) -> dict[str, str]:
    """Return the requested part, and other parts, from the answer to a question for one part."""
    read = read_address(text)
    if part in read:
        return read
    plain = _BEGINS.sub("", text.strip().rstrip(".!"))
    digits = read_digits(plain)
    if part == "postal_code":
        return {part: digits} if 4 <= len(digits) <= 6 else {}
    if part == "state":
        return {part: state} if (state := _state(plain)) else {}
    words = plain.split()
    is_fitting = 0 < len(words) <= 6 and (part == "street") == bool(digits)
    return {part: _titled(_numbers_joined(words))} if is_fitting else {}


def corrected(address: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Return the address with the new parts. A new city removes the old state and postal code."""
    moved = "city" in said and said["city"] != address.get("city")
    kept = {part: value for part, value in address.items() if not (moved and part in ("state", "postal_code"))}
    return kept | dict(said)


def missing(address: Mapping[str, str]) -> list[str]:
    """Return the missing parts."""
    return [part for part in PARTS if part not in address]


def spoken_address(address: Mapping[str, str]) -> str:
    """Return the address for reading it back, with the postal code character by character."""
    code = " ".join(address["postal_code"])
    return f"{address['street']}, {address['city']}, {address['state']}, {code}"


def _numbers_joined(tokens: list[str]) -> list[str]:
    """Replace spoken numbers by figures: "seven four two" becomes "742"."""
    joined: list[str] = []
    run: list[str] = []
    for token in [*tokens, ""]:
        if token.isalpha() and read_digits(token):
            run.append(token)
            continue
        if run:
            joined.append(read_digits(" ".join(run)))
            run = []
        if token:
            joined.append(token)
    return joined


def _from_the_number(tokens: list[str]) -> list[str]:
    """Remove the words before a house number, such as "please send it to", unless no street follows."""
    first = next((place for place, word in enumerate(tokens) if word == "," or word[0].isdigit()), 0)
    return tokens[first:] if _street_ends(tokens[first:]) else tokens


def _take_state(tokens: list[str], parts: dict[str, str]) -> None:
    for count in (2, 1):
        if len(tokens) >= count and (state := _state(" ".join(tokens[-count:]))):
            del tokens[-count:]
            parts["state"] = state
            break
    while tokens and tokens[-1] == ",":
        tokens.pop()


def _state(text: str) -> str | None:
    """Return the state of a name or of two capital letters; "or" and "in" are words."""
    return STATES.get(text) or next((name for name in STATES.values() if name.lower() == text.lower()), None)


def _street_ends(tokens: list[str]) -> int:
    """Return the number of tokens of the street, up to a comma or a word such as "road"; 0 without a street."""
    if not tokens or not tokens[0][0].isdigit():
        return 0
    for place, word in enumerate(tokens):
        if word == ",":
            return place
        if word.lower().rstrip(".") in (*_KINDS, *_SHORT_KINDS):
            has_unit = any(each.lower().rstrip(".") in _UNITS for each in tokens[place + 1 : place + 2])
            return place + (3 if has_unit else 1)
    return len(tokens) if len(tokens) in (2, 3) else 0


def _titled(words: list[str]) -> str:
    shown = [word if word != word.lower() or word[0].isdigit() else word.capitalize() for word in words if word != ","]
    return " ".join(shown)

"""Reading typed and spoken street addresses: "742 Evergreen Terrace, Springfield, Oregon 97477"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trunkline import NO, YES, DigitGroups, Field, Partial, Phrases, Words, read_digits

PARTS = {
    "street": "house number and street",
    "city": "city",
    "state": "state",
    "postal_code": "ZIP or postal code",
}
"""The parts of an address, with their names for the caller."""

STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "DC", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho",
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
_UNITS = {"apt", "apartment", "unit", "suite", "ste", "floor", "#"}
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
    "[it's | I live at | I moved to | my [new] address is] {number} {street} {kind} [[in] {city}] [{state}] [{zip}]",
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
    r"(?:(?:it's|it is|i live (?:at|in)|i(?:'ve| have)? moved to|i'm at|my (?:new )?address is|at"
    r"|(?:the |my )?(?:zip(?: code)?|postal code|city|state|street)(?: is|'s))\b *)?(?:in\b *)?"
)
_QUESTION = re.compile(r"(?i)(?:why|what|when|where|who|how|can|could|do|does|is|are|i|please|wait|hold|hang|sorry)\b")
_POSTAL = re.compile(r"\d{4,6}(?:-\d{4})?")


def read_address(text: str, before: Mapping[str, str] | None = None) -> dict[str, str] | Partial | None:
    """Return the address in the text, or its parts so far with the question for the next one.

    Args:
        text: the words.
        before: the address or its parts so far; the words may correct it.
    """
    known = dict(before or {})
    gaps = missing(known)
    said = _without_verdict(text)
    read = _read_part(gaps[0], said) if known and gaps else _read_parts(said)
    if not read or (set(read) == {"city"} and known and not gaps):
        return None
    address = corrected(known, read)
    gaps = missing(address)
    return Partial(address, f"And the {PARTS[gaps[0]]}?", (ADDRESS, PLACE)) if gaps else address


def _without_verdict(text: str) -> str:
    """Return the text, or nothing if it is only a yes or no: "yes that's right" has no address."""
    is_verdict = any((match := phrases.match(text)) is not None and match.whole for phrases in (YES, NO))
    return "" if is_verdict else text


def _read_parts(text: str) -> dict[str, str]:
    """Return the recognisable parts of the address in `text`."""
    plain = re.sub(r"\b([A-Z])\.\s?([A-Z])\.", r"\1\2", text.strip())
    tokens = _from_the_number(_numbers_joined(_TOKEN.findall(_BEGINS.sub("", plain.rstrip(".!")))))
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


def _read_part(part: str, text: str) -> dict[str, str]:
    """Return the requested part, and other parts, from the answer to a question for one part."""
    read = _read_parts(text)
    if part in read:
        return read
    plain = _BEGINS.sub("", text.strip().rstrip(".!"))
    digits = read_digits(plain)
    if part == "postal_code":
        return {part: digits} if 4 <= len(digits) <= 6 else {}
    if part == "state":
        return {part: state} if (state := _state(plain)) else {}
    words = plain.split()
    is_fitting = 0 < len(words) <= 4 and (part == "street") == bool(digits) and not _QUESTION.match(plain)
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
    return STATES.get(text.replace(".", "")) or next(
        (name for name in STATES.values() if name.lower() == text.lower()), None
    )


def _street_ends(tokens: list[str]) -> int:
    """Return the number of tokens of the street, up to a comma or a word such as "road"; 0 without a street."""
    if not tokens or not tokens[0][0].isdigit():
        return 0
    for place, word in enumerate(tokens):
        if word == ",":
            return place + _unit_length(tokens[place:])
        if word.lower().rstrip(".") in (*_KINDS, *_SHORT_KINDS):
            return place + 1 + _unit_length(tokens[place + 1 :])
    return len(tokens) if len(tokens) in (2, 3) else 0


def _unit_length(tokens: list[str]) -> int:
    """Return the number of tokens of an apartment, with the comma before it: ", Apt 3" has three."""
    comma = int(tokens[:1] == [","])
    return comma + 2 if any(word.lower().rstrip(".") in _UNITS for word in tokens[comma : comma + 1]) else 0


def _titled(words: list[str]) -> str:
    shown = [word if word != word.lower() or word[0].isdigit() else word.capitalize() for word in words if word != ","]
    return " ".join(shown)


ADDRESS_FIELD = Field(
    "What is your street address, with city, state and ZIP code?",
    read=read_address,
    hears=(ADDRESS, PLACE),
    spoken=spoken_address,
    confirm=True,
    optional=True,
    declines=Phrases(
        "[no] (it | that | my address | nothing | the address) (hasn't | has not | didn't) (changed | change)",
        "[no] ([it's | it is | still] the same [address | one | as before] | same (address | as before) | no changes)",
        "you ([already | should] have (it | that | my address) [already] | know (it | that) [already])",
        "leave it [as it is]",
    ),
    named=Phrases("[my | the] [new | street | home] address [is]", "I live at", "I moved to"),
    why="Your parcels go there, and we pick up returns there.",
    help="Please say it in one piece, such as: 742 Evergreen Terrace, Springfield, Oregon, 97477. Or say: skip it.",
)

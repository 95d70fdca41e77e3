"""Reading typed and spoken street addresses: "742 Evergreen Terrace, Springfield, Oregon 97477"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trunkline import NO, YES, Field, Partial, Phrases, read_digits
from trunkline.builtin_scenarios.customer_service_retail.address_words import (
    ADDRESS,
    CITIES,
    KINDS,
    PARTS,
    PLACE,
    STATES,
    UNITS,
)

_TOKEN = re.compile(r",|[^\s,]+")
_BEGINS = re.compile(
    r"(?i)^(?:(?:no|yes|well|so|wait|sorry|actually|and|oh(?=,| it| my| i| we| that))\b[, ]*)*"
    r"(?:(?:it's|it is|that's|we're (?:at|in)|we live (?:at|in)|i live (?:at|in)|i(?:'ve| have)? moved to|i'm (?:at|in)"
    r"|my (?:new )?address is|at|(?:the |my )?(?:zip(?: code)?|postal code|city|state|street)(?: is|'s))\b *)?"
    r"(?:(?:in|just)\b *)*"
)
_QUESTION = re.compile(r"(?i)(?:why|what|when|where|who|how|can|could|do|does|is|are|i|please|wait|hold|hang|sorry)\b")
_BOX = re.compile(r"(?i)\b(?:p\.?\s?o\.?|post(?: office)?)[\s-]*box\b(?:\s+(?:number|no\.?))?")
_CODE_WORDS = re.compile(r"(?i),?\s*\b(?:(?:and )?(?:the |my )?(?:zip|postal|post)(?:[\s-]?code)?(?: is|'s)?)\b")
_ASIDE = re.compile(r"(?i)\b(?:u+m+|u+h+|e+r+m*|h+m+|please|(?:as )?i said|i (?:think|guess)|dear|thanks|thank you)\b")
_CLAUSE_END = re.compile(r"(?<=[a-z\d]{2})[.;!?:]+(?=\s|$)|\.{2,}|…|\s[-–—]\s")
_ABBREVIATION = re.compile(r"(?i)\b(st|ave|rd|dr|ln|ct|pl|blvd|hwy|apt|ste|mt|ft)\.(?=\s)")
_NO_CITY_WORDS = """
a all also and are as because but else fine good he i is it it's just lovely me mine my nice no not now of or otherwise
right same she so that that's the their there they this though us very we what with yes you
"""
_NO_CITY = set(_NO_CITY_WORDS.split())
_POSTAL = re.compile(r"\d{4,6}(?:-\d{4})?")
_LONG_POSTAL = re.compile(r"\d{5}(?:-\d{4})?")


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
    unit = read.pop("unit", None)
    if unit and "street" not in read and "street" in known:
        read["street"] = _with_unit(known["street"], unit)
    if not read and known and not gaps:
        read = _read_alone(" ".join(_tokens(said)))
    if not read:
        return None
    address = corrected(known, read)
    gaps = missing(address)
    return Partial(address, f"And the {PARTS[gaps[0]]}?", (ADDRESS, PLACE)) if gaps else address


def _read_alone(words: str) -> dict[str, str]:
    """Return the part that the words alone correct: a well-known city or a postal code."""
    if words.lower() in CITIES:
        return {"city": _titled([words])}
    return {"postal_code": words} if _LONG_POSTAL.fullmatch(words) else {}


def _without_verdict(text: str) -> str:
    """Return the text, or nothing if it is only a yes or no: "yes that's right" has no address."""
    is_verdict = any((match := phrases.match(text)) is not None and match.whole for phrases in (YES, NO))
    return "" if is_verdict else text


def _read_parts(text: str) -> dict[str, str]:
    """Return the recognisable parts of the address in `text`, and a "unit" that has no street."""
    tokens = _tokens(text)
    parts: dict[str, str] = {}
    _take_postal_code(tokens, parts)
    start = _street_start(tokens)
    ends = _street_ends(tokens[start:])
    if ends:
        unit_before = _unit_before(tokens[:start])
        street = _titled(tokens[start : start + ends])
        parts["street"] = _with_unit(street, _titled(unit_before)) if unit_before else street
        tokens = tokens[start + ends :]
    elif (unit := next((place for place in range(len(tokens)) if _unit_length(tokens[place:]) == 2), -1)) >= 0:
        parts["unit"] = _titled(tokens[unit : unit + 2])
        tokens = tokens[:unit] + tokens[unit + 2 :]
    if text == text.lower() and "postal_code" in parts:  # "77 sunset blvd, los angeles ca 90028"
        tokens = [token.upper() if tokens[place + 1 :] in ([","], []) else token for place, token in enumerate(tokens)]
    _take_city_and_state(_clauses(tokens), parts)
    return parts


def _tokens(text: str) -> list[str]:
    """Return the words, numbers and commas; a full stop is a comma, and a PO box one token."""
    plain = re.sub(r"\b([A-Z])\.\s?([A-Z])\.", r"\1\2", _BOX.sub("PO_Box", text.strip()))
    plain = plain.replace("#", " # ")
    plain = _CLAUSE_END.sub(",", _ABBREVIATION.sub(r"\1", plain))
    plain = _CODE_WORDS.sub(",", _ASIDE.sub(" ", plain))
    return _numbers_joined(_TOKEN.findall(_BEGINS.sub("", plain.strip(" ,").rstrip(".!"))))


def _take_postal_code(tokens: list[str], parts: dict[str, str]) -> None:
    """Take the last number that can be a postal code: one of five digits, or of four to six at the end."""
    for place in range(len(tokens) - 1, 0, -1):
        pattern = _POSTAL if place == len(tokens) - 1 else _LONG_POSTAL
        is_other = tokens[place - 1].lower().rstrip(".") in (*UNITS, "po_box")
        if pattern.fullmatch(tokens[place]) and not is_other:
            parts["postal_code"] = tokens[place]
            tokens[place] = ","
            return


def _take_city_and_state(clauses: list[list[str]], parts: dict[str, str]) -> None:
    """Take the state from the end of the last clause that has one, and the city from before it."""
    for place in range(len(clauses) - 1, -1, -1):
        words = clauses[place]
        count = next((count for count in (2, 1) if len(words) >= count and _state(" ".join(words[-count:]))), 0)
        if count:
            parts["state"] = _state(" ".join(words[-count:])) or ""
            cities = [words[:-count], *reversed(clauses[:place])]
            break
    else:
        cities = clauses[:1]
    for words in cities:
        city = words[1:] if words and words[0].lower() in ("in", "and") else words
        if city and (len(parts) > ("unit" in parts)) and _is_city(city):
            parts["city"] = _titled(city)
            return


def _clauses(tokens: list[str]) -> list[list[str]]:
    clauses: list[list[str]] = [[]]
    for word in tokens:
        if word == ",":
            clauses.append([])
        else:
            clauses[-1].append(word)
    return [clause for clause in clauses if clause]


def _is_city(words: list[str]) -> bool:
    is_name = not any(sign.isdigit() for word in words for sign in word)
    return is_name and len(words) <= 4 and not _NO_CITY & {word.lower() for word in words}


def _read_part(part: str, text: str) -> dict[str, str]:
    """Return the requested part, and other parts, from the answer to a question for one part."""
    read = _read_parts(text)
    if part in read:
        return read
    clauses = _clauses(_tokens(text))
    digits = read_digits(" ".join(" ".join(clause) for clause in clauses))
    is_code = len(clauses) == 1 and _POSTAL.fullmatch("".join(clauses[0])) is not None
    if part == "postal_code" and 4 <= len(digits) <= 6:
        return {part: digits}
    if is_code and part != "street":
        return {**read, "postal_code": digits}
    words = clauses[0] if clauses else []
    if part == "state":
        state = _state(" ".join(words)) or _only_state(text)
        return {part: state} if state else {}
    is_fitting = 0 < len(words) <= 4 and (part == "street") == bool(digits) and not _QUESTION.match(" ".join(words))
    if part == "postal_code" or not is_fitting or (part == "city" and not _is_city(words)):
        return {}
    return {part: _titled(words)}


def _only_state(text: str) -> str | None:
    """Return the one state that the text names in full."""
    found = {name for name in STATES.values() if re.search(rf"(?i)\b{name}\b", text)}
    return found.pop() if len(found) == 1 else None


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


def _street_start(tokens: list[str]) -> int:
    """Return the place of the house number or PO box that a street begins with; 0 without one."""
    for place in range(1, len(tokens)):
        is_kind = any(word.lower().rstrip(".") in KINDS for word in tokens[place:])
        is_unit = tokens[place - 1].lower().rstrip(".") in UNITS
        if is_kind and not is_unit and not _street_ends(tokens) and _street_ends(tokens[place:]):
            return place
    return 0


def _unit_before(tokens: list[str]) -> list[str]:
    """Return the apartment that the words before a street end with: "flat 6, 80 Rose Gardens"."""
    words = [word for word in tokens if word != ","]
    return words[-2:] if _unit_length(words[-2:]) == 2 else []


def _with_unit(street: str, unit: str) -> str:
    """Return the street with another apartment."""
    words = street.split()
    place = next((place for place in range(len(words)) if _unit_length(words[place:])), len(words))
    return " ".join([*words[:place], unit])


def _state(text: str) -> str | None:
    """Return the state of a name or of two capital letters; "or" and "in" are words."""
    return STATES.get(text.replace(".", "")) or next(
        (name for name in STATES.values() if name.lower() == text.lower()), None
    )


def _street_ends(tokens: list[str]) -> int:
    """Return the number of tokens of the street, up to a comma or a word such as "road"; 0 without a street."""
    if tokens[:1] == ["PO_Box"] and tokens[1:2] and tokens[1][0].isdigit():
        return 2
    if len(tokens) < 2 or not tokens[0][0].isdigit() or tokens[1] == ",":
        return 0
    for place, word in enumerate(tokens):
        if word == ",":
            return place + _unit_length(tokens[place:])
        if word.lower().rstrip(".") in KINDS:
            return place + 1 + _unit_length(tokens[place + 1 :])
    return len(tokens) if len(tokens) in (2, 3) else 0


def _unit_length(tokens: list[str]) -> int:
    """Return the number of tokens of an apartment, with the comma before it: ", Apt 3" has three; 0 without one."""
    comma = int(tokens[:1] == [","])
    name, number = [*tokens[comma : comma + 2], "", ""][:2]
    is_number = len(number) == 1 or any(sign.isdigit() for sign in number)
    return comma + 2 if name.lower().rstrip(".") in UNITS and is_number and number != "," else 0


def _titled(words: list[str]) -> str:
    words = " ".join(words).replace("PO_Box", "PO Box").split()
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
        too=(
            "[it is | that is] [already | still] on (file | record)",
            "(you | you've) [already] have (it | that) on (file | record)",
            "(still | at) the same (place | house | address)",
            "I (haven't | have not) moved",
            "[it is] (not changed | unchanged)",
        ),
    ),
    named=Phrases("[my | the] [new | street | home] address [is]", "I live at", "I moved to"),
    why="Your parcels go there, and we pick up returns there.",
    help="Please say it in one piece, such as: 742 Evergreen Terrace, Springfield, Oregon, 97477. Or say: skip it.",
)

"""Reading callers' details, such as names and dates, and reading them back."""

from __future__ import annotations

import re
from datetime import date

from trunkline import Phrases, read_date, read_digits
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import CARD, DATE, LAST_FOUR, NAME, PHONE, SSN
from trunkline.builtin_scenarios.customer_service_retail.orders import TODAY
from trunkline.builtin_scenarios.customer_service_retail.state import CardKind

KINDS: dict[CardKind, str] = {"credit_card": "credit card", "ssn": "Social Security number"}
_COMMON_WORDS = """
a and anything asked board boots but can do don't else for give good have hello help hi how i is it know maybe me my
need nice no not nothing of ok okay or order please return snowboard some something sorry sure thank thanks that the
them they this to want we what when where which who why will yeah yes you your
"""
_NOT_NAMES = set(_COMMON_WORDS.split())


def read_name(text: str) -> str | None:
    """Return a first name: from "my name is …", or the first of at most three possible names; else None."""
    if (match := NAME.match(text)) and (match.whole or len(text.split()) > 3):
        return match.slots["name"].title()
    introduced = re.search(r"(?i)\b(?:name is|name's|i'm|i am|this is|call me|it's)\s+([^\W\d]+)", text)
    words = [introduced[1]] if introduced else re.findall(r"[^\W\d_][\w'-]*", text)
    is_name = 0 < len(words) <= 3 and not {word.lower() for word in words} & _NOT_NAMES and not read_digits(text)
    return words[0].title() if is_name and len(words[0]) > 1 and re.search(r"(?i)[aeiouyà-ÿ]", words[0]) else None


def read_phone(text: str, before: str) -> str | None:
    """Return a phone number of ten digits; "it ends in 0199" corrects the end of the number `before`."""
    digits = _slot(PHONE, "number", text)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if before and 1 < len(digits) < 10 and re.search(r"\b(ends?|ending|last)\b", text.lower()):
        digits = before[: -len(digits)] + digits
    return digits if len(digits) == 10 else None


def written_phone(digits: str) -> str:
    """Return ten digits in the shop's form: (206) 555-0100."""
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


def spoken_phone(digits: str) -> str:
    """Return ten digits for speech, one by one, in groups."""
    return f"{' '.join(digits[:3])}, {' '.join(digits[3:6])}, {' '.join(digits[6:])}"


def read_birthday(text: str, _before: str) -> str | None:
    """Return a date of birth as YYYY-MM-DD; None unless it is within the last 120 years."""
    found = DATE.match(text)
    day = read_date(found.slots["date"] if found else text, latest=TODAY)
    return day.isoformat() if day and day.year > TODAY.year - 120 else None


def spoken_birthday(iso: str) -> str:
    """Return the date for speech, with the year digit by digit."""
    day = date.fromisoformat(iso)
    return f"{day:%B} {day.day}, {' '.join(str(day.year))}"


def read_last_four(text: str) -> str | None:
    """Return exactly four digits; "" for another number of digits, None for no digits."""
    digits = _slot(LAST_FOUR, "digits", text)
    if not digits:
        return None
    return digits if len(digits) == 4 else ""


def read_kind(text: str) -> CardKind | None:
    """Return the kind of card that the caller named; None if the caller named none or both."""
    is_card, is_ssn = CARD.match(text) is not None, SSN.match(text) is not None
    if is_card == is_ssn:
        return None
    return "credit_card" if is_card else "ssn"


def _slot(meaning: Phrases, slot: str, text: str) -> str:
    match = meaning.match(text)
    return match.slots.get(slot, "") if match else ""

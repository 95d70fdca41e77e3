"""The fields of a caller's identity: name, phone number, date of birth, and the digits of a card."""

from __future__ import annotations

import re
from typing import Any

from trunkline import DigitGroups, Field, Partial, Phrases, Words, read_digits
from trunkline.builtin_scenarios.customer_service_retail.orders import TODAY
from trunkline.builtin_scenarios.customer_service_retail.shop_form import OFFER
from trunkline.builtin_scenarios.customer_service_retail.state import CardKind
from trunkline.builtin_scenarios.data_files import DataFiles

CANNOT_VERIFY = f"Without it I can't find you in our books. {OFFER} Or try again."
WHY = "It keeps other people away from your orders."
KINDS: dict[CardKind, str] = {"credit_card": "credit card", "ssn": "Social Security number"}

_OTHER_WORDS = """
in just one still two very
a about am an and anything are asked awful bad board boots but call can correct do don't else fine for from give goggles
good great have hello help hi how i is it it's know maybe me my name need no not nothing of ok okay open or order orders
please return right sale snowboard some something sorry sure thank thanks that that's the them they this to want we
well what what's when where which who why will yeah yep yes you your
"""
_NOT_NAMES = frozenset(_OTHER_WORDS.split())
_INTRODUCED = re.compile(r"(?i)\b(?:name is|name's|i'm|i am|this is|call me|it's)\s+([^\W\d][\w'-]*)")
_FILLER = re.compile(r"(?i)^(?:(?:okay|ok|yes|yeah|sure|well|hi|hello|so|all ?right|oh|no|sorry|u+m+|u+h+)\b[\s,.!]*)+")
_SPOKEN_NAME = Words(DataFiles(__file__).words("first names", "first_names.txt"))


def read_name(text: str, _before: object = None) -> str | None:
    """Return a first name: from "my name is …", or the first of at most three possible names; else None."""
    plain = _FILLER.sub("", text.strip())
    introduced = _INTRODUCED.search(plain)
    words = [introduced[1]] if introduced else re.findall(r"[^\W\d_][\w'-]*", plain)
    first = plain.split(",")[0].strip()
    if not introduced and first.lower() in _SPOKEN_NAME.choices:  # "Dana, if you must know"
        words = [first]
    is_plain = introduced is not None or not read_digits(plain)
    is_name = 0 < len(words) <= 3 and not {word.lower() for word in words} & _NOT_NAMES and is_plain
    return words[0].title() if is_name and len(words[0]) > 1 and re.search(r"(?i)[aeiouyà-ÿ]", words[0]) else None


NAME = Field(
    "What is your first name?",
    read=read_name,
    hears=Phrases("[yes | okay] [hi] [my [first] name is | my name's | it's | I'm | I am | this is | call me] {name}",
                  name=_SPOKEN_NAME),
    named=Phrases("my [first] name is", "my name's", "call me", "(I'm | I am | this is) {name}", name=_SPOKEN_NAME),
    why="So that I know what to call you.",
    declined="It needn't be the one in your passport.",
    help="Just one word will do, such as: Dana.",
    thanks="Thank you, {}.",
)  # fmt: skip
PHONE = Field(
    "What is your phone number, with the area code?",
    digits=(3, 3, 4),
    confirm=True,
    named=Phrases("[my | the] (phone | telephone | cell | mobile) [number]", "my number"),
    why=WHY,
    declined=CANNOT_VERIFY,
)
BIRTHDAY = Field(
    "When were you born? Day, month and year, please.",
    again="When were you born?",
    between=(TODAY.replace(year=TODAY.year - 120), TODAY),
    confirm=True,
    named=Phrases("[my | the] (date of birth | birth date | birthday)", "[I was | I'm] born"),
    why=WHY,
    declined=CANNOT_VERIFY,
)


def written_phone(digits: str) -> str:
    """Return ten digits in the shop's form: (206) 555-0100."""
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


_CARD = Phrases(
    "[my | the | a | of my | from my | it's my] (credit card | card | visa | mastercard | bank card)",
    too=("[the] (credit [one] | debit card | amex | american express | master card)",),
)
_FOUR = Field("Which digits?", digits=4)
_SSN = Phrases("[my | the | a | of my | from my | it's my] (social security [number] | social | ssn)")
_KIND = "(credit card | card | visa | social security [number] | social)"
_DIGITS = Phrases(
    f"[no] [it's | they're | it is] {{digits}} [[and] [it's | that's] [from | of | on] [my | the | a] {_KIND}]",
    f"[it's | that's] [my | the | a] {_KIND} [is | ending in | ends in | ends with] {{digits}}",
    digits=DigitGroups(4),
)


def read_card(text: str, before: Any) -> tuple[str, CardKind] | Partial | None:
    """Return the four digits and the kind of the card; one of them may come later."""
    digits, kind = before or ("", None)
    said, said_kind = _read_digits(text), _read_kind(text)
    if said is None and said_kind is None:
        return None
    digits, kind = said or digits, said_kind or kind
    if said and len(said) != 4:
        return Partial(("", kind), "I need exactly four digits, please, and only those.")
    if not digits:
        return Partial((digits, kind), "And the last four digits, please, and only those.")
    if kind is None:
        return Partial((digits, kind), "Are they from your credit card or from your Social Security number?")
    return digits, kind


def _read_digits(text: str) -> str | None:
    """Return the digits in the text; None without a number of two digits or more."""
    plain = re.sub(r"(?i)\b(?:last )?four digits\b|\b(?:my )?last four\b", " ", text)
    match = _DIGITS.match(plain)
    return _FOUR.read(plain) or (match.slots["digits"] if match else None)


def _read_kind(text: str) -> CardKind | None:
    """Return the kind of card that the caller named; None if the caller named none or both."""
    is_card, is_ssn = _CARD.match(text) is not None, _SSN.match(text) is not None
    if is_card == is_ssn:
        return None
    return "credit_card" if is_card else "ssn"


def _spoken_card(card: tuple[str, CardKind]) -> str:
    return f"{' '.join(card[0])}, from your {KINDS[card[1]]}"


CARD = Field(
    "Now the last four digits of your credit card or your Social Security number, and which of them it is.",
    again="The last four digits of your credit card or your Social Security number, please.",
    read=read_card,
    hears=(_DIGITS, _CARD, _SSN),
    spoken=_spoken_card,
    confirm=True,
    named=Phrases("[my | the] [last four [digits] of | last four] [my | the] (credit card | card | visa | mastercard"
                  " | bank card | social security [number] | social | ssn)", "the last four [digits]"),
    help="Please say four digits, one by one, and then: card, or: social.",
    why=WHY,
    declined=CANNOT_VERIFY,
)  # fmt: skip

"""Topics of personal data: the words by which a text, an agent's question or the name of a field speaks of them."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Topic(Enum):
    """A topic that makes digits or dates personal data."""

    CARD = "card"
    ACCOUNT = "account"
    IDENTITY = "identity"
    PHONE = "phone"
    CODE = "code"
    BIRTH = "birth"
    EMAIL = "email"


_WORDS = {
    Topic.CARD: r"(?:credit|debit|bank|payment|charge|gift)[ -]?cards?|cards? (?:number|no|ending|ends)|card|visa"
    r"|master ?card|amex|american express|cvv2?|cvc2?|security code|kreditkarten?(?:nummer)?|kartennummer",
    Topic.ACCOUNT: r"(?:account|acct|routing|transit|aba)(?: (?:number|no|code|is))|iban|bic|swift|sort ?code"
    r"|bank details|konto(?:nummer)?|bankleitzahl|blz",
    Topic.IDENTITY: r"social security|social (?:number|is)|(?:my|your|their) social"
    r"|ssn|sin number|national insurance|tax (?:id|number|payer)"
    r"|passport|driv(?:er'?s?|ing) licen[cs]e|steuernummer|steuer ?id|sozialversicherung\w*|personalausweis\w*",
    Topic.PHONE: r"(?:tele)?phone|mobile|cell|handy|fax|whats ?app|(?:call|text|ring|reach) (?:me|you|us|him|her|them)"
    r"(?: back)?(?: at| on)|telefon\w*|rufnummer|handynummer|mobilnummer",
    Topic.CODE: r"pin|pin ?code|pass ?code|pass ?word|pass ?phrase|one[ -]time (?:code|password)|otp|verification code"
    r"|access code|geheimzahl|passwort|kennwort",
    Topic.BIRTH: r"born|birth ?days?|birth ?dates?|date of birth|birth|d\.? ?o\.? ?b|geboren|geburts\w+",
    Topic.EMAIL: r"e-? ?mails?|mail address|mailadresse",
}
_TOPICS = re.compile(r"\b(?:" + "|".join(rf"(?P<{topic.name}>(?:{words})\b)" for topic, words in _WORDS.items()) + ")")
_ASKS = re.compile(
    r"\?|\b(?:please|need|give|tell|say|enter|provide|spell|type|read|what|could|can|may|verify|confirm|bitte|nennen"
    r"|sagen|geben|wie|wann|brauche)\b",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FIELD_NAMES = {
    Topic.CARD: {"card", "cc", "pan", "cvv", "cvc"},
    Topic.ACCOUNT: {"account", "acct", "routing", "iban", "bic", "sort"},
    Topic.IDENTITY: {"ssn", "nino", "passport", "license", "licence", "tax"},
    Topic.PHONE: {"phone", "telephone", "tel", "mobile", "cell", "fax", "msisdn", "telefon", "whatsapp"},
    Topic.CODE: {"pin", "password", "passcode", "otp", "secret"},
    Topic.BIRTH: {"birth", "birthday", "birthdate", "dob", "born", "geburtsdatum"},
    Topic.EMAIL: {"email", "mail"},
}


def topics_in(text: str) -> list[tuple[Topic, int, int]]:
    """Return the topics that a text names, each with the start and end of its words."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters have a lower case of two characters
        lowered = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return [(Topic[found.lastgroup], *found.span()) for found in _TOPICS.finditer(lowered) if found.lastgroup]


def topics_asked(text: str) -> frozenset[Topic]:
    """Return the topics that an agent's words ask for."""
    return frozenset(topic for topic, _, _ in topics_in(text)) if _ASKS.search(text) else frozenset()


@lru_cache(maxsize=2048)
def topic_of_field(name: str) -> Topic | None:
    """Return the topic of a field by its name, such as `phone_number`, `cardNumber` or `dob`."""
    words = re.split(r"[\W_]+", _CAMEL.sub("_", name[:100]).lower())
    for topic, names in _FIELD_NAMES.items():
        if not names.isdisjoint(words):
            return topic
    return None

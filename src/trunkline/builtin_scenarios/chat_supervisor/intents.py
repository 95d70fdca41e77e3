"""Intents of NewTelco's callers, detected in their words for the rehearsals."""

from __future__ import annotations

import re
from enum import Enum

from trunkline import Phrases
from trunkline.builtin_scenarios.chat_supervisor.word_stems import COUNTRIES


class Intent(Enum):
    """An intent of a caller; the value is its name in the chat agent's words."""

    BILL = "their bill"
    FAMILY = "the family plan"
    PROMOTIONS = "promotions"
    PLANS = "plans and prices"
    INTERNATIONAL = "international use"
    HANDSETS = "handsets"
    STORES = "the nearest store"
    PERSON = "a person"
    CHANGE = "to change or order something"
    REGRET = "they are annoyed"


# The first match wins: "a person about my bill" is PERSON.
_SIGNS = {
    Intent.PERSON: r"human|(?:real |actual |living )?person|representative|operator|supervisor|manager|call me back"
    r"|who (?:do|can|should|could) i (?:ring|call|phone)|someone in charge|complain\w*"
    r"|(?:talk|speak) (?:to|with) (?:an? agent|somebody|someone|one of)",
    Intent.STORES: r"stores?|shops?|branch(?:es)?|zip|visit you|opening hours"
    r"|where (?:are you|(?:can|do|should) i go)|near me|nearest"
    r"|(?:a|any|your|another) (?:place|location|office|outlet)s?",
    Intent.CHANGE: r"cancel (?:my|the|our)|terminate|change (?:it|my|our|the|to)|switch (?:my|our|to)|sign up"
    r"|(?<!if i )(?<!when i )buy"
    r"|order|sell|pay (?:it|my bill) now|ship\w*|deliver\w*|mail (?:it|me|to)"
    r"|put (?:my|the) (?:account|line|plan|service|number) on hold|suspend|pause (?:my|the)|freeze (?:my|the)"
    r"|refund(?:ed)?(?! polic)|(?:take it off|charge|debit) my card|pay (?:with|by) (?:my )?card",
    Intent.BILL: r"bills?|billing|invoices?|balance|(?:my|the) account|(?:my|current) plan|plan (?:am|do) i|statement"
    r"|owe|overcharged|what for|for what"
    r"|(?:the|those|these|extra) (?:\$?\d+|\w+) (?:dollars|bucks)|(?:been|was|got|you|i) charged|charges? on",
    Intent.INTERNATIONAL: r"international(?:ly)?|roam(?:ing)?|abroad|travel(?:l?ing|s)?|overseas|canada|mexico|europe"
    r"|other countries|foreign|" + "|".join(sorted(COUNTRIES)),
    Intent.FAMILY: r"famil(?:y|ies)|(?:add|another|second|extra|more|many) lines?|per line|kids?|children|wife|husband",
    Intent.PROMOTIONS: r"promo\w*|discounts?|(?<!the )deals?|the deals"
    r"|special offers?|offers?|students?|seniors?|military|teachers?"
    r"|save money|bring a friend|auto ?pay|(?:pay|paying|payment) automatically|automatic payments?",
    Intent.HANDSETS: r"handsets?|(?:new|my) phone(?! number)|return(?:s|ing|ed)?|refund policy"
    r"|(?:give|send|bring|take) (?:it|one|them|that|the phone) back|iphones?|android|devices?|upgrad\w+"
    r"|trade[- ]?ins?|insurance|warranty|unlock(?:ed)?|(?:broken|cracked) (?:screen|phone)"
    r"|(?:screen|phone) (?:is|was|got|has been) (?:broken|cracked|stolen|lost)",
    Intent.PLANS: r"plans?|pric(?:es?|ing)|cheap(?:er|est)?|data limits?|unlimited|basic|gigabytes?",
    Intent.REGRET: r"ridiculous|terrible|awful|furious|angry|fed up|useless|scam|rip[- ]?off|unacceptable|worst|hate",
}
_PATTERNS = {intent: re.compile(rf"\b(?:{signs})\b") for intent, signs in _SIGNS.items()}
_TAKEN_BACK = re.compile(
    r"\b(?:forget|never mind|not|instead of|rather than|leave|skip)(?: about)?"
    r"(?: (?:my|the|that|this|a|an))? \w+(?: plan)?"
)


_PART = re.compile(
    r"(?<=[.?!;])\s+|,?\s+(?:and|plus|also)(?: (?:also|then|maybe))? "
    r"(?=(?:what|how|is|are|do|does|where|when|which|why|can|could|tell"
    r"|i(?:'d like| would like| want| need| also))\b)",
    re.IGNORECASE,
)
_CORRECTS = re.compile(r"\b(?:no|not|wait|actually|i mean|i meant|sorry|instead|rather|forget|never mind)\b")


def parts_of(text: str) -> list[str]:
    """Return the parts of a text with several intents, such as "what plans are there, and is there a store near me?".

    Parts without an intent, or with the one of the part before, belong to it. A text that corrects itself, or asks for
    a person, is one part.
    """
    parts: list[str] = []
    intents: list[Intent | None] = []
    for part in _PART.split(text.strip()):
        intent = detect_intent(part)
        if parts and (intent in (None, Intent.REGRET, intents[-1]) or intents[-1] in (None, Intent.REGRET)):
            parts[-1] += f" {part}"
            intents[-1] = detect_intent(parts[-1])
        else:
            parts.append(part)
            intents.append(intent)
    is_one = len(parts) == 1 or _CORRECTS.search(text.lower().replace("’", "'")) or Intent.PERSON in intents
    return [text] if is_one else parts


_NAME = re.compile(
    r"\b(?:is (?:this|that)|have i (?:reached|got)|did i reach|am i (?:talking|speaking) (?:to|with))\b.*"
    r"\b(?:new ?telco|(?:phone|telephone|mobile) (?:people|company|shop|place|service)|customer service"
    r"|right (?:place|number))\b"
)


def asks_for_name(text: str) -> bool:
    """Return whether the caller asks if this is NewTelco: "hello, is this the phone company?"."""
    return _NAME.search(text.lower()) is not None and len(text.split()) < 14


def detect_intent(text: str) -> Intent | None:
    """Return the intent of the text, or None. Withdrawn intents ("forget the bill, …") are ignored."""
    words = _TAKEN_BACK.sub(" ", text.lower().replace("’", "'"))
    return next((intent for intent, pattern in _PATTERNS.items() if pattern.search(words)), None)


_ORDINARY = re.compile(
    r"\b(?:a|an|the|i|you|he|she|it|we|they|me|my|your|our|is|are|was|do|does|did|can|could|will|would|have|has"
    r"|what|who|where|when|why|how|which|please|tell|want|need|like|about|for|to|of|in|on|with|not|and|or|this|that"
    r"|there|another|other|more|else|anything|something)\b"
)


_ASKS = re.compile(
    r"\b(?:what|what's|when|where|who|how|why|which|can|could|do|does|is|are|will|would|may|tell|show|give)\b"
)


def asks_something(text: str) -> bool:
    """Return whether the text contains a question or a request."""
    return _ASKS.search(text.lower().replace("’", "'")) is not None


def is_language(text: str) -> bool:
    """Return whether the text has common English words; "asdf jkl" has none."""
    return _ORDINARY.search(text.lower()) is not None


_PROMPTED = re.compile(r"(?:please |can you |could you )?(?:repeat|say) after me\W+(.*\w.*)", re.IGNORECASE | re.DOTALL)


def to_repeat(text: str) -> str | None:
    """Return the words that the caller asks the agent to repeat, or None."""
    found = _PROMPTED.match(text.strip())
    return found[1] if found else None


# Phrases for the speech recogniser. `detect_intent` reads typed words first.
ABOUT_BILL = Phrases(
    "[hello | hi] [I have] (a question | something) about my (bill | account)",
    "why is my [last] bill so high",
    "[can you tell me] what is my balance",
    "[I want to] (check | pay) my bill",
    "what is on my [last] bill",
    "my bill please",
)
ABOUT_PLANS = Phrases(
    "[tell me about] the family plan [please]",
    "what is the family plan",
    "how much does the family plan cost",
    "how many lines (can I have | are in the family plan)",
    "(are there any | what are your) (promotions | discounts)",
    "do you have [any] (promotions | discounts)",
    "(how much | what) does roaming [in (canada | mexico)] cost",
    "[I am] traveling abroad [next week]",
    "how much is the traveler plan",
    "can I upgrade my phone",
    "[tell me about] insurance for my phone",
    "do you (have | offer) [any] [phone | handset] insurance [for (my phone | phones)]",
    "(how much | what) (is | does) [the] [phone | handset] insurance [cost]",
    "can I return my phone",
)
ABOUT_STORES = Phrases(
    "where is the nearest store",
    "[I am looking for | find me] a store [near me]",
    "when is the store open",
)
ABOUT_PERSON = Phrases(
    "(can I | I want to) (talk | speak) to (a person | somebody | a human) [please]",
    "(a person | a human | an operator) please",
)
BYE = Phrases(
    "[okay] [thanks | thank you] (goodbye | good bye | bye [bye])", "see you [later]", "have a (nice | good) day"
)
THANKS = Phrases(
    "[okay | great] (thanks | thank you) [very much | so much]", "(great | perfect | wonderful) [thank you]"
)
REQUESTS = (ABOUT_BILL, ABOUT_PLANS, ABOUT_STORES, ABOUT_PERSON)
HELLO = Phrases("(hello | hi | hey) [there]", "good (morning | afternoon | evening)")
HOW_ARE_YOU = Phrases("[hello | hi] how are you [doing] [today]", "how is it going", "what's up")
WHO_ARE_YOU = Phrases(
    "who are you",
    "who am I (talking | speaking) to",
    "are you a (robot | machine | human | real person)",
    "what is your name",
)
HEAR_ME = Phrases("can you hear me", "are you (there | still there)")
PROBLEM = Phrases("I have (a | another) (question | problem)", "can (I ask you something | you help me)", "I need help")
CAN_DO = Phrases("help", "what can you do [for me]", "what can I (ask | say)")
NEVER_MIND = Phrases("[oh] [no] (never mind | forget it | cancel that | doesn't matter)", "I changed my mind")

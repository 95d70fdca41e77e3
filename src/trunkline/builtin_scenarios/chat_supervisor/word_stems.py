"""Stems of content words, for finding documents and sentences."""

from __future__ import annotations

import re

from trunkline.builtin_scenarios.data_files import DataFiles

_COMMON = frozenset(
    re.findall(
        r"\w+",
        "the and for what how much many does have has can are you your about tell with our this that there any not all "
        "please would like know want more from who why when where which will get got plan plans policy per into",
    )
)
_SAME = {
    "price": "cost", "pricing": "cost", "prices": "cost", "pay": "cost", "expensive": "cost", "cheap": "cheapest",
    "cheaper": "cheapest", "cost": "cost", "costs": "cost", "screen": "broken", "cracked": "broken", "stolen": "theft",
    "lost": "loss", "iphone": "handset", "phone": "handset", "phones": "handset", "device": "handset",
    "abroad": "country", "calling": "call", "promo": "promotion", "internet": "data",
}  # fmt: skip
COUNTRIES = frozenset(DataFiles(__file__).all_words("countries.txt"))
"""Countries and regions in lower case, besides Canada and Mexico."""
_ENDINGS = re.compile(r"(?:ies|e?s|ed?|ing|y)$")


def stems(text: str) -> set[str]:
    """Return the stems of the content words in `text`; words of one meaning share a stem."""
    words = [word for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in _COMMON]
    return {_ENDINGS.sub("", "country" if word in COUNTRIES else _SAME.get(word, word))[:8] for word in words}

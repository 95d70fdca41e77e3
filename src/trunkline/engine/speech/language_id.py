"""Language identification by common words, for a voice that received no language."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENOUGH = 2
"""Number of common words that identify a language; a greeting counts as this many."""

# Words that English has too ("die", "was", "an", "in", "on") are omitted.
_COMMON_TEXTS: Mapping[str, str] = {
    "en": "the and you is i to of a that it for my your are we with on in was what this have can be not do me please",
    "de": """und ich nicht ist sie das der ein eine einen wir mit für auf zu sind haben kann können ihnen ihr ihre wie
        noch auch aber gern gerne es dem den im zum zur bei wenn dann hier etwas uns mir mich du dir dich wird werden
        habe vom über schon jetzt oder doch nur bis einer eines von als nach sich""",
    "fr": """je vous est les une des et pas pour que dans nous avec votre vos sur il elle ne du au aux c'est qui cette
        suis sont être avez avons très plus mais ou où mon ma mes""",
    "es": """el los las una que por para con está usted y su sus cómo qué puedo es en del al lo muy pero más mi tiene
        ser estoy son nos hay""",
    "it": """il che per una sono non della di è con suo sua posso gli le del nel alla anche più ma mio ha come questo
        questa lei siamo dei""",
}
_COMMON = {language: frozenset(words.split()) for language, words in _COMMON_TEXTS.items()}
_GREETINGS = {
    "hallo": "de", "guten": "de", "danke": "de", "bitte": "de", "tschüss": "de", "willkommen": "de",
    "bonjour": "fr", "bonsoir": "fr", "merci": "fr", "hola": "es", "gracias": "es", "buenos": "es", "grazie": "it",
    "buongiorno": "it", "buonasera": "it",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def detect_language(text: str) -> str | None:
    """Return "de", "fr", "es" or "it" for a text that is clearly in that language; None for English or in doubt."""
    words = [word.lower() for word in _WORD.findall(text.replace("’", "'"))]
    counts = {language: sum(word in common for word in words) for language, common in _COMMON.items()}
    for word in words:
        if language := _GREETINGS.get(word):
            counts[language] += _ENOUGH
    likeliest = max(counts, key=lambda language: counts[language])
    others = max(count for language, count in counts.items() if language != likeliest)
    is_clear = counts[likeliest] >= _ENOUGH and counts[likeliest] > others
    return likeliest if is_clear and likeliest != "en" else None

"""Counting the syllables of English words, by the rules in `syllables.txt` and the exceptions in `words.txt`.

The reference is the pronouncing dictionary of Carnegie Mellon University, in which each vowel phoneme is a syllable.
`tests/builtin_scenarios/test_syllables.py` measures the agreement.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from trunkline import number_words
from trunkline.builtin_scenarios.simple_handoff.word_lists import DATA

_TOKEN = re.compile(r"\d+(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?(?:st\b|nd\b|rd\b|th\b)?|[^\W\d_]+(?:['’][^\W\d_]+)*")
_PARTS = {"{first}": "silent first parts", "{second}": "second parts"}
_EXCEPTIONS = {word: count for count in range(1, 7) for word in DATA.words(f"syllables {count}")}
_PLAIN = str.maketrans(DATA.pairs("plain letters"))


def _rules(section: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the section's patterns with their replacements."""
    text = "\n".join(DATA.sections("syllables.txt")[section])
    for name, parts in _PARTS.items():
        text = text.replace(name, "|".join(DATA.words(parts)))
    rules = (line.partition(" =>") for line in text.split("\n"))
    return [(re.compile(pattern), new.strip()) for pattern, _, new in rules]


_CONTRACTED, _RESPELLED = _rules("contractions"), _rules("respelled")
_HIATUS, _SAID = _rules("hiatus"), _rules("said as words")


def syllables(text: str) -> int:
    """Return the number of syllables in `text`.

    Numbers count as words, abbreviations as letters, and accents are removed. Kana and Hangul count one syllable a
    sign, Cyrillic and Greek one a vowel.
    """
    return sum(map(_token, _TOKEN.findall(unicodedata.normalize("NFC", text))))


@lru_cache(maxsize=4096)
def _token(token: str) -> int:
    if token[0].isdecimal():
        return sum(map(_word, number_words(token)))
    if is_spelled(token):
        return sum(3 if letter in "Ww" else 1 for letter in token)
    latin = fold(token)
    return _word(latin.lower()) if latin.isascii() else max(1, sum(map(_foreign, token)))


def is_spelled(word: str) -> bool:
    """Return whether a word is read letter by letter, as "USB" and "tv", unlike "NASA" and "hmm"."""
    letters = word.lower()
    if not re.fullmatch("[a-z]{2,}", letters):
        return re.fullmatch("[b-df-hj-np-tv-xz]", letters) is not None
    (murmur, _), (acronym, _) = _SAID
    if not re.search("[aeiouy]", letters):
        return not murmur.fullmatch(letters)
    return word.isupper() and len(word) <= 5 and (len(word) < 4 or not acronym.fullmatch(letters))


def fold(text: str) -> str:
    """Return `text` without accents; a final é becomes "ey", as in café."""
    plain = unicodedata.normalize("NFKD", re.sub(r"[éÉ](?=s?$)", "ey", text.translate(_PLAIN)))
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).replace("’", "'")


def _foreign(letter: str) -> int:
    script, _, name = unicodedata.name(letter, "").partition(" ")
    if script in ("CYRILLIC", "GREEK", "ARABIC", "HEBREW"):
        return int(letter.lower() in "аеёиоуыэюяіїєѣαεηιουωάέήίόύώϊϋΐΰاوىيةאויה")
    return int("SMALL" not in name or letter in "っッ") if script in ("HIRAGANA", "KATAKANA") else 1


def _word(word: str) -> int:
    """Return the number of syllables of a lower-case ASCII word, which may have apostrophes."""
    shortened = next((rule.sub(new, word) for rule, new in _CONTRACTED if rule.match(word)), word)
    word, added = shortened.rstrip("#"), shortened.count("#")
    is_plural = word.endswith("s") and not re.search("([sxz]|[cs]h|[cgsz]e)s$", word)
    if known := _EXCEPTIONS.get(word) or (_EXCEPTIONS.get(word[:-1]) if is_plural else None):
        return known + added
    for pattern, replacement in _RESPELLED:
        word = pattern.sub(replacement, word)
    return max(1, len(re.findall("[aeiouy]+", word)) + sum(len(rule.findall(word)) for rule, _ in _HIATUS)) + added

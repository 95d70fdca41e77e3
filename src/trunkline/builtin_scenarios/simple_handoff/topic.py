"""Reading a topic: the caller's words become a noun phrase that fits into a line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from trunkline.builtin_scenarios.simple_handoff.nouns import Noun, find_noun
from trunkline.builtin_scenarios.simple_handoff.number_words import read_number
from trunkline.builtin_scenarios.simple_handoff.syllables import fold, is_spelled, syllables

MAX_SYLLABLES = 7
"""The maximum number of syllables of a topic's phrase: a whole second line."""

_MAX_WORDS = 60
_ARTICLES = {"a", "an", "the"}
_DETERMINERS = {
    *_ARTICLES, "this", "that", "these", "those", "my", "your", "his", "her", "its", "our", "their", "some", "any",
    "every", "each", "no", "another", "all", "many", "few", "both", "one",
}  # fmt: skip
_POSSESSIVES = {"my", "your", "his", "her", "our", "their"}
_BREAKS = {
    "of", "in", "on", "at", "with", "without", "for", "from", "by", "under", "over", "near", "behind", "between", "who",
    "that", "which", "when", "while", "where", "because", "if", "but", "as", "to", "than", "into", "through", "after",
    "before", "during", "against", "about", "like", "is", "are", "was", "were", "has", "have", "had", "will", "would",
    "can", "does", "do", "did", "i", "he", "she", "we", "they", "you", "it", "and", "or", "not", "so", "how", "what",
    "why", "am", "be", "been", "being", "there", "then", "very", "really", "just", "me", "us", "them", "him",
}  # fmt: skip
_PRONOUNS = {"i", "me", "you", "he", "him", "she", "her", "it", "we", "us", "they", "them", "myself", "yourself"}
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?(?:(?:st|nd|rd|th)\b)?")
_NUMBER_WORDS = frozenset(word for number in range(2, 101) for word in read_number(str(number)))
_SIGNS = {"&": "and", "+": "plus", "%": "percent", "@": "at", "=": "equals", "€": "euros", "$": "dollars"}
_ABSTRACT = re.compile(r"\w{2,}(?:ing|ness|ment|ity|ism|ship|hood|ance|ence|tion|sion|ics|logy|graphy|phobia|ware)")


@dataclass(frozen=True)
class Topic:
    """A topic as a noun phrase.

    Attributes:
        definite: the phrase as a subject, with its article or determiner: "the deep blue sea", "my cat Ludwig", "two
            dogs"; None if unknown words do not allow one.
        loose: the phrase with the grammar of a headline: "a deep blue sea", "gazebo".
        plural: True for a plural verb.
        theme: the theme of its known noun, if any.
        pronoun: True if "it" or "they" may replace it.
    """

    definite: str | None
    loose: str
    plural: bool = False
    theme: str | None = None
    pronoun: bool = True

    @property
    def words(self) -> frozenset[str]:
        """Its words in lower case, known nouns in the singular."""
        found = re.findall(r"\w+", self.loose.lower())
        return frozenset(noun[0].word.lower() if (noun := find_noun(word)) else word for word in found)


def read_topic(text: str) -> Topic | None:
    """Return the topic in a caller's words; None if the text has no words.

    A long topic is reduced to its essential words, at most `MAX_SYLLABLES` syllables.
    """
    words = _words(text)
    if not words:
        return None
    whole = _topic(words)
    if _fits(whole.loose):
        return whole
    return _topic(_essential(words))


def _words(text: str) -> list[str]:
    composed = unicodedata.normalize("NFKC", text[:2000])
    spelled = _NUMBER.sub(lambda number: f" {' '.join(read_number(number[0]))} ", composed)
    spread = "".join(map(_as_words, spelled))
    words = [word.strip("'-") for word in spread.split()]
    words = [word for word in words if any(sign.isalnum() for sign in word)]
    if not words:
        return []
    is_shouting = text.isupper() and (len(text.split()) > 1 or len(words[0]) > 5 or find_noun(words[0]) is not None)
    return [word.lower() if is_shouting or not _is_steady(word) else word for word in words[:_MAX_WORDS]]


def _is_steady(word: str) -> bool:
    """Return whether an initial capital leaves the number of syllables unchanged; for "aB" it does not."""
    return syllables(word[0].upper() + word[1:]) == syllables(word)


def _as_words(sign: str) -> str:
    category = unicodedata.category(sign)
    if category[0] in "LMN":
        return sign
    if sign in "'’-":
        return "'" if sign == "’" else sign
    if category == "So":  # an emoji has a name: a cat face, a snowman
        return f" {unicodedata.name(sign, '').split(' WITH ')[0].lower().removesuffix(' face')} "
    return f" {_SIGNS[sign]} " if sign in _SIGNS else " "


def _fits(phrase: str) -> bool:
    return 1 <= syllables(phrase) <= MAX_SYLLABLES and len(phrase) <= 50


def _topic(words: Sequence[str]) -> Topic:
    first, rest = words[0].lower(), list(words[1:])
    if first in ("a", "an", "the") and not rest:
        return Topic(None, f"the word {first}")
    known, is_plural = _known(words)
    theme = known.theme if known else None
    is_counted = first in _NUMBER_WORDS and not all(word in _NUMBER_WORDS for word in words)
    plural = is_plural or "and" in words or is_counted or first in ("these", "those")
    is_named = any(word[0].isupper() and not is_spelled(word) for word in words[1:]) and len(words) > 1
    is_own = theme is None and (first in _POSSESSIVES or first.endswith("'s"))  # "my boss" is a person, perhaps
    pronoun = plural or not (is_named or is_own or theme == "people" or first in _PRONOUNS)
    if first in _DETERMINERS and rest:
        words = [first, *rest]
    phrase = " ".join(words)
    if first in ("a", "an"):
        return Topic(f"the {' '.join(rest)}", phrase, plural, theme, pronoun)
    if (first in _DETERMINERS or first in _NUMBER_WORDS or first.endswith("'s")) and rest:
        return Topic(phrase, phrase, plural, theme, pronoun)
    return _undetermined(words, phrase, known if known and _is_head(known, words) else None, plural, theme, pronoun)


def _undetermined(
    words: Sequence[str], phrase: str, head: Noun | None, plural: bool, theme: str | None, pronoun: bool
) -> Topic:
    """Return the topic of a phrase without an article; a known noun gets one if it needs one."""
    if head and len(words) == 1 and not plural:
        phrase = head.word if head.kind != "mass" or head.word[0].isupper() else phrase.lower()
    if plural or (head and head.kind == "mass"):
        return Topic(phrase, phrase, plural, theme, pronoun)
    if head and (head.kind == "unique" or not _fits(f"a {phrase}")):
        return Topic(f"the {phrase}", f"the {phrase}" if _fits(f"the {phrase}") else phrase, plural, theme, pronoun)
    if head:
        return Topic(f"the {phrase}", f"{_article(phrase)} {phrase}", plural, theme, pronoun)
    last = words[-1]
    if last[0].isupper() and not is_spelled(last):  # a name
        return Topic(phrase, phrase, False, theme, False)
    if _ABSTRACT.fullmatch(fold(last).lower()):
        return Topic(phrase, phrase, False, theme, pronoun)
    if re.search(r"[^suiy']s$", last.lower()) and len(last) > 3:
        return Topic(phrase, phrase, True, theme, True)
    return Topic(None, phrase, False, theme, pronoun)


def _known(words: Sequence[str]) -> tuple[Noun | None, bool]:
    """Return the head noun if it is known, else the last known noun, and True if the head is a plural."""
    head = _head(words)
    if found := find_noun(head):
        return found
    for word in reversed(words):
        if found := find_noun(word):
            return found[0], False
    return None, False


def _head(words: Sequence[str]) -> str:
    """Return the last word before a preposition or a relative clause: the "cat" of "the cat on the roof"."""
    for place, word in enumerate(words):
        if place and word.lower() in _BREAKS:
            return words[place - 1]
    return words[-1]


def _is_head(noun: Noun, words: Sequence[str]) -> bool:
    found = find_noun(_head(words))
    return found is not None and found[0] == noun and words[0].lower() not in _BREAKS


def _article(phrase: str) -> str:
    sounds_like_vowel = re.match(r"(?!uni|eu|uk|ur|us[aeiou]|one)[aeiou]|hour|honest|heir", phrase.lower())
    return "an" if sounds_like_vowel else "a"


def _essential(words: Sequence[str]) -> list[str]:
    """Return the essential words of a long topic: its beginning, or one of its phrases, shortened until it fits."""
    breaks = [place for place, word in enumerate(words) if word.lower() in _BREAKS]
    beginnings = [list(words[:end]) for end in reversed(breaks) if 0 not in breaks and end - 1 not in breaks]
    whole = [phrase for phrase in beginnings if _holds(phrase) and _fits(_topic(phrase).loose)]
    cut = [phrase for part in _split(words, breaks) if _holds(phrase := _shortened(part))]
    for phrase in whole:
        if phrase[0].lower() in _DETERMINERS or _known(phrase)[0]:
            return phrase
    for phrase in cut:
        if find_noun(phrase[-1]):
            return phrase
    if whole or cut:
        return max(whole or cut, key=lambda phrase: len(" ".join(phrase)))
    return f"your very long {'word' if len(words) == 1 else 'words'}".split()


def _split(words: Sequence[str], breaks: Sequence[int]) -> list[Sequence[str]]:
    edges = [-1, *breaks, len(words)]
    parts = [words[start + 1 : end] for start, end in pairwise(edges)]
    return [part for part in parts if part]


def _holds(phrase: Sequence[str]) -> bool:
    """Return whether the phrase has words other than determiners."""
    return any(word.lower() not in _DETERMINERS for word in phrase)


def _shortened(phrase: Sequence[str]) -> list[str]:
    starts = [place for place, word in enumerate(phrase[:-1]) if word.lower() in _DETERMINERS]
    phrase = phrase[starts[-1] if starts else 0 :]  # the "my mother" of "love my mother"
    determiner = [phrase[0]] if starts and phrase[0].lower() not in ("a", "an") else []
    rest = list(phrase[1:] if starts else phrase)
    while rest and not _fits(_topic([*determiner, *rest]).loose):
        rest = rest[1:]
    return [*determiner, *rest] if rest else []

"""Reading a topic: the caller's words become a noun phrase that fits into a line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from trunkline import number_words
from trunkline.builtin_scenarios.simple_handoff.syllables import fold, is_spelled, syllables
from trunkline.builtin_scenarios.simple_handoff.word_lists import DATA, Noun, find_noun

_MAX_WORDS, MAX_SYLLABLES = 60, 7  # a whole second line
_ARTICLES, _POSSESSIVES = set(DATA.words("articles")), set(DATA.words("possessives"))
_DETERMINERS = _ARTICLES | set(DATA.words("determiners"))
_BREAKS, _PRONOUNS = set(DATA.words("breaks")), set(DATA.words("pronouns"))
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?(?:(?:st|nd|rd|th)\b)?")
_NUMBER_WORDS = frozenset(word for number in range(2, 101) for word in number_words(str(number)))
_SIGNS = DATA.pairs("signs")
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
    return whole if _fits(whole.loose) else _topic(_essential(words))


def _words(text: str) -> list[str]:
    composed = unicodedata.normalize("NFKC", text[:2000])
    spelled = _NUMBER.sub(lambda number: f" {' '.join(number_words(number[0]))} ", composed)
    split = [word.strip("'-") for word in "".join(map(_as_words, spelled)).split()]
    found = [word for word in split if any(sign.isalnum() for sign in word)][:_MAX_WORDS]
    is_loud = bool(found) and (len(text.split()) > 1 or len(found[0]) > 5 or find_noun(found[0]) is not None)
    if text.isupper() and is_loud:
        return [word.lower() for word in found]
    # A capital must leave the number of syllables unchanged; for "aB" it does not.
    return [word if syllables(word[0].upper() + word[1:]) == syllables(word) else word.lower() for word in found]


def _as_words(sign: str) -> str:
    category = unicodedata.category(sign)
    if category[0] in "LMN" or sign in "'-":
        return sign
    if category == "So":  # an emoji has a name: a cat face, a snowman
        return f" {unicodedata.name(sign, '').split(' WITH ')[0].lower().removesuffix(' face')} "
    return "'" if sign == "’" else f" {_SIGNS.get(sign, '')} "


def _fits(phrase: str) -> bool:
    return 1 <= syllables(phrase) <= MAX_SYLLABLES and len(phrase) <= 50


def _topic(words: Sequence[str]) -> Topic:
    first, rest = words[0].lower(), list(words[1:])
    if first in _ARTICLES and not rest:
        return Topic(None, f"the word {first}")
    known, is_plural = _known(words)
    theme = known.theme if known else None
    is_counted = first in _NUMBER_WORDS and not all(word in _NUMBER_WORDS for word in words)
    plural = is_plural or "and" in words or is_counted or first in ("these", "those")
    is_named, is_name = (any(w[0].isupper() and not is_spelled(w) for w in part) for part in (rest, words[-1:]))
    is_own = theme is None and (first in _POSSESSIVES or first.endswith("'s"))  # "my boss" is a person, perhaps
    pronoun = plural or not (is_named or is_own or theme == "people" or first in _PRONOUNS)
    phrase = " ".join([first, *rest] if first in _DETERMINERS and rest else words)
    is_determined = bool(rest) and (first in _DETERMINERS or first in _NUMBER_WORDS or first.endswith("'s"))
    if known and not is_determined and first not in _BREAKS and find_noun(_head(words)) == (known, is_plural):
        return Topic(*_with_articles(phrase, known, not rest, plural), plural, theme, pronoun)
    if is_determined or plural or is_name or _ABSTRACT.fullmatch(fold(words[-1]).lower()):
        definite = f"the {' '.join(rest)}" if first in ("a", "an") else phrase
        return Topic(definite, phrase, plural, theme, pronoun and (plural or not is_name))
    plural = len(words[-1]) > 3 and re.search(r"[^suiy']s$", words[-1].lower()) is not None
    return Topic(phrase if plural else None, phrase, plural, theme, plural or pronoun)


def _with_articles(phrase: str, head: Noun, alone: bool, plural: bool) -> tuple[str, str]:
    """Return the definite and the loose form of a phrase with a known noun, each with an article if it needs one."""
    if alone and not plural:
        phrase = head.word if head.kind != "mass" or head.word[0].isupper() else phrase.lower()
    if plural or head.kind == "mass":
        return phrase, phrase
    the = f"the {phrase}"
    if head.kind == "unique" or not _fits(f"a {phrase}"):
        return the, the if _fits(the) else phrase
    is_vowel = re.match(r"(?!uni|eu|uk|ur|us[aeiou]|one)[aeiou]|hour|honest|heir", phrase.lower())
    return the, f"{'an' if is_vowel else 'a'} {phrase}"


def _known(words: Sequence[str]) -> tuple[Noun | None, bool]:
    """Return the head noun if it is known, else the last known noun, and True if the head is a plural."""
    if found := find_noun(_head(words)):
        return found
    return next(((found[0], False) for word in reversed(words) if (found := find_noun(word))), (None, False))


def _head(words: Sequence[str]) -> str:
    """Return the last word before a preposition or a relative clause: the "cat" of "the cat on the roof"."""
    return next((words[place] for place, word in enumerate(words[1:]) if word.lower() in _BREAKS), words[-1])


def _essential(words: Sequence[str]) -> list[str]:
    """Return the essential words of a long topic: its beginning, or one of its phrases, shortened until it fits."""
    breaks = [place for place, word in enumerate(words) if word.lower() in _BREAKS]
    beginnings = [list(words[:end]) for end in reversed(breaks) if 0 not in breaks and end - 1 not in breaks]
    whole = [phrase for phrase in beginnings if _holds(phrase) and _fits(_topic(phrase).loose)]
    parts = [words[start + 1 : end] for start, end in pairwise([-1, *breaks, len(words)]) if end > start + 1]
    cut = [phrase for part in parts if _holds(phrase := _shortened(part))]
    good = [phrase for phrase in whole if phrase[0].lower() in _DETERMINERS or _known(phrase)[0]]
    good += [phrase for phrase in cut if find_noun(phrase[-1])]
    if good or whole or cut:
        return good[0] if good else max(whole or cut, key=lambda phrase: len(" ".join(phrase)))
    return f"your very long {'word' if len(words) == 1 else 'words'}".split()


def _holds(phrase: Sequence[str]) -> bool:
    return not _DETERMINERS.issuperset(word.lower() for word in phrase)


def _shortened(phrase: Sequence[str]) -> list[str]:
    starts = [place for place, word in enumerate(phrase[:-1]) if word.lower() in _DETERMINERS]
    phrase = phrase[starts[-1] if starts else 0 :]  # the "my mother" of "love my mother"
    determiner = [phrase[0]] if starts and phrase[0].lower() not in ("a", "an") else []
    rest = list(phrase[1:] if starts else phrase)
    while rest and not _fits(_topic([*determiner, *rest]).loose):
        del rest[0]
    return [*determiner, *rest] if rest else []

"""Detection of personal data in a text: numbers with their checksums or context, e-mail addresses, dates of birth."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import NamedTuple

from trunkline.store.redaction.checksums import MAX_CARD_DIGITS, iban_length, is_card_number
from trunkline.store.redaction.spoken_characters import (
    NUMBER_WORDS,
    Run,
    Word,
    character_runs,
    digit_runs,
    has_number,
    words_of,
)
from trunkline.store.redaction.topics import Topic, topics_in


class Kind(Enum):
    """Kind of redacted data; its value stands in place of the data."""

    CARD = "[card]"
    ACCOUNT = "[account]"
    PHONE = "[phone]"
    EMAIL = "[email]"
    BIRTH = "[date of birth]"
    IDENTITY = "[identity number]"
    CODE = "[code]"
    SENSITIVE = "[sensitive]"
    """A value that the scenario declares as sensitive."""
    OWN = "[redacted]"
    """A match of a pattern of the operator's or the scenario's."""
    WITHHELD = "[withheld]"
    """Words that are not decided yet."""


class Span(NamedTuple):
    """Characters of a text, from `start` to before `end`, that are redacted."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class _Rule:
    """Rule for digits in a context.

    Attributes:
        kind: the kind of the data.
        said: the least number of digits if the text itself has the context.
        asked: the least number of digits if the agent has asked for them.
    """

    kind: Kind
    said: int
    asked: int


_RULES: Mapping[Topic, _Rule] = {
    Topic.CARD: _Rule(Kind.CARD, said=4, asked=2),
    Topic.ACCOUNT: _Rule(Kind.ACCOUNT, said=4, asked=2),
    Topic.IDENTITY: _Rule(Kind.IDENTITY, said=4, asked=2),
    Topic.PHONE: _Rule(Kind.PHONE, said=7, asked=2),
    Topic.CODE: _Rule(Kind.CODE, said=3, asked=2),
    Topic.BIRTH: _Rule(Kind.BIRTH, said=6, asked=4),
}
_BEFORE_CHARS, _AFTER_CHARS = 70, 30
"""The distance from a context's words to its digits, before and after them."""

MONTHS = frozenset(
    """
    january february march april may june july august september october november december jan feb mar apr jun
    jul aug sep sept oct nov dec januar februar märz mai juni juli oktober dezember
    """.split()  # noqa: SIM905 - a list of words reads better as text
)
_ORDINALS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth ersten zweiten dritten vierten
    fünften sechsten siebten achten neunten zehnten elften zwölften
    """.split()  # noqa: SIM905 - a list of words reads better as text
_DATE_WORDS = frozenset({*_ORDINALS, *NUMBER_WORDS, "thousand"})
_DATE_JOINTS = frozenset(("the", "of", "and", "in", "der", "des"))

_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])", re.ASCII)
_TOP_LEVEL = "com|org|net|edu|gov|io|co|uk|de|at|ch|fr|es|it|nl|eu|us|info|biz|me|dev|app|ai|ca|au|ie|example|test"
_MAX_LOCAL_WORDS = 24
_NO_LOCAL_PART = frozenset(
    """
    look looked looking shop shopped order ordered found find us me is are it them site website page see
    check bought buy sign signed log logged available online here there
    """.split()  # noqa: SIM905 - a list of words reads better as text
)
_BEFORE_ADDRESS = frozenset(
    ("is", "it", "it's", "that's", "and", "email", "mail", "address", "to", "at", "was", "my", "me")
)
_JOINTS_OF_ADDRESS = frozenset(("dot", "punkt", "underscore", "unterstrich", "dash", "hyphen", "minus", "plus"))
_AT = re.compile(r"@|\b(?:at|ät)\b", re.IGNORECASE)
_IBAN_START = re.compile(r"(?=([A-Z][A-Z0]|0[A-Z])[0-9]{2})")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_NATIONAL_INSURANCE = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]")
_WRITTEN_INSURANCE = re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b")
_NORTH_AMERICAN = re.compile(r"1?[2-9][0-9]{2}[2-9][0-9]{6}")
_MIN_INTERNATIONAL, _MAX_INTERNATIONAL = 8, 15
_DATE_GROUPS = frozenset(((4, 2, 2), (2, 2, 4)))
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|[12][0-9]|3[01]){2}(?:19|20)[0-9]{2}"
)
_NATIONAL = re.compile(r"0[1-9][0-9]{8,10}")
"""A telephone number with the 0 of its country, as in Europe."""


def find_personal_data(
    text: str, asked: frozenset[Topic] = frozenset(), patterns: Sequence[re.Pattern[str]] = ()
) -> list[Span]:
    """Return the personal data in a text, in order, without overlaps.

    Args:
        text: the text, written or as a recogniser writes speech.
        asked: the topics that the agent has asked about: digits and dates in the answer belong to them.
        patterns: patterns of the user's. They also match numbers as they are said: `K\\d{3}` matches "K one two three".
    """
    found = list(_own(text, patterns)) if patterns else []
    is_birth_asked = Topic.BIRTH in asked
    numbers_matter, may_have_address = has_number(text), _AT.search(text) is not None
    if not (numbers_matter or may_have_address or is_birth_asked):
        return merged(text, found) if found else found
    words = words_of(text)
    if may_have_address:
        found += _addresses(text, words)
    if numbers_matter:
        numbers = digit_runs(text, words)
        found += _numbers(numbers)
        for written in (_SSN, _WRITTEN_INSURANCE):
            found += (Span(*match.span(), Kind.IDENTITY) for match in written.finditer(text))
        found += _spelled(character_runs(text, words), patterns)
        found += _in_context(numbers, topics_in(text), asked)
    if not MONTHS.isdisjoint(word.text for word in words):
        found += _dates(words, topics_in(text), is_asked=is_birth_asked)
    return merged(text, found) if found else found


def kind_asked(asked: Iterable[Topic]) -> Kind | None:
    """Return the kind of digits that answer a question about one of these topics; None if none has digits."""
    return next((rule.kind for topic, rule in _RULES.items() if topic in asked), None)


def merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, without overlaps. Spans of one kind with no word between them become one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        last = result[-1] if result else None
        if last is not None and (
            span.start < last.end or (span.kind is last.kind and not re.search(r"\w", text[last.end : span.start]))
        ):
            result[-1] = Span(last.start, max(last.end, span.end), last.kind)
        else:
            result.append(span)
    return result


def replaced(text: str, spans: Sequence[Span]) -> str:
    """Return the text with ordered, separate spans replaced by the names of their kinds."""
    if not spans:
        return text
    parts: list[str] = []
    end = 0
    for span in spans:
        parts += text[end : span.start], span.kind.value
        end = span.end
    return "".join([*parts, text[end:]])


def number_kind(digits: str, *, plus: bool = False) -> Kind | None:
    """Return the kind of a number that is personal without a context: a card or a telephone; None for any other."""
    if is_card_number(digits):
        return Kind.CARD
    is_international = plus and _MIN_INTERNATIONAL <= len(digits) <= _MAX_INTERNATIONAL
    if is_international or _NORTH_AMERICAN.fullmatch(digits) or _NATIONAL.fullmatch(digits):
        return Kind.PHONE
    return None


def _own(text: str, patterns: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    for pattern in patterns:
        yield from (Span(*found.span(), Kind.OWN) for found in pattern.finditer(text) if found[0])


def _numbers(runs: Sequence[Run]) -> Iterator[Span]:
    for run in (part for whole in runs for part in _without_dates(whole)):
        kind = number_kind(run.characters, plus=run.plus)
        if kind is not None:
            yield Span(*run.span(0, len(run.characters)), kind)
            continue
        yield from _parts(run)


def _without_dates(run: Run) -> Iterator[Run]:
    """Yield the parts of a run between its dates in figures: "2026-11-30 14:30" is not a telephone number."""
    first_group = first = place = 0
    for group, length in enumerate(run.groups):
        if tuple(run.groups[group : group + 3]) in _DATE_GROUPS and group >= first_group:
            last = place + sum(run.groups[group : group + 3])
            if _DATE.fullmatch(run.characters, place, last):
                if place > first:
                    yield _part(run, first, place, first_group, group)
                first, first_group = last, group + 3
        place += length
    if first < place:
        yield _part(run, first, place, first_group, len(run.groups))


def _part(run: Run, first: int, last: int, first_group: int, last_group: int) -> Run:
    groups = run.groups[first_group:last_group]
    return Run(run.characters[first:last], run.places[first:last], groups, run.plus and not first)


def _parts(run: Run) -> Iterator[Span]:
    """Yield cards and telephones that are whole groups of a longer run: "206 555 0123, extension 12"."""
    starts = [0, *accumulate(run.groups)]
    for place, first in enumerate(starts):
        for last in starts[place + 1 : place + 1 + MAX_CARD_DIGITS]:
            digits = run.characters[first:last]
            if len(digits) > MAX_CARD_DIGITS:
                break
            if is_card_number(digits):
                yield Span(*run.span(first, last), Kind.CARD)
            elif _NORTH_AMERICAN.fullmatch(digits):
                yield Span(*run.span(first, last), Kind.PHONE)


def _spelled(runs: Sequence[Run], patterns: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    for run in runs:
        yield from (
            Span(*run.span(*found.span()), Kind.IDENTITY) for found in _NATIONAL_INSURANCE.finditer(run.characters)
        )
        for found in _IBAN_START.finditer(run.characters):
            first = found.start()
            # The letter O in a country's code was read as zero, beside the digits.
            spelled = run.characters[:first] + found[1].replace("0", "O") + run.characters[first + 2 :]
            if length := iban_length(spelled, first):
                yield Span(*run.span(first, first + length), Kind.ACCOUNT)
        for pattern in patterns:
            yield from (
                Span(*run.span(*found.span()), Kind.OWN) for found in pattern.finditer(run.characters) if found[0]
            )


def _in_context(
    runs: Sequence[Run], topics: Sequence[tuple[Topic, int, int]], asked: frozenset[Topic]
) -> Iterator[Span]:
    ends = [last for _topic, _first, last in topics]
    for run in runs:
        start, end = run.span(0, len(run.characters))
        near = {topic for topic, _first, _last in _near(start, end, topics, ends)}
        for topic, rule in _RULES.items():
            least = rule.asked if topic in asked else rule.said if topic in near else len(run.characters) + 1
            if len(run.characters) >= least and (topic in asked or not _looks_like_year(run)):
                yield Span(start, end, rule.kind)
                break


def _near(
    start: int, end: int, topics: Sequence[tuple[Topic, int, int]], ends: Sequence[int]
) -> Iterator[tuple[Topic, int, int]]:
    """Yield the topics that are named near a part of a text. They are in order, and `ends` are their ends."""
    for place in range(bisect_left(ends, start - _BEFORE_CHARS), len(topics)):
        _topic, first, last = topics[place]
        if first - end > _AFTER_CHARS:
            return
        if last <= start or first >= end:
            yield topics[place]


def _looks_like_year(run: Run) -> bool:
    return len(run.characters) == 4 and len(run.groups) == 1 and run.characters[:2] in ("19", "20")


def _addresses(text: str, words: Sequence[Word]) -> Iterator[Span]:
    yield from (Span(*found.span(), Kind.EMAIL) for found in _EMAIL.finditer(text))
    for place, word in enumerate(words):
        if word.text not in ("at", "ät") or not place:
            continue
        end = _domain_end(text, words, place + 1)
        if end is not None and (first := _local_part(text, words, place)) is not None:
            yield Span(words[first].start, end, Kind.EMAIL)


def _domain_end(text: str, words: Sequence[Word], first: int) -> int | None:
    """Return the end of "example dot com" or "example.com"; None for other words."""
    dots = 0
    place = first
    while place + 1 < len(words) and place < first + 12:
        gap = text[words[place].end : words[place + 1].start]
        if words[place + 1].text in ("dot", "punkt") and place + 2 < len(words):
            dots, place = dots + 1, place + 2
        elif gap == ".":
            dots, place = dots + 1, place + 1
        elif words[place + 1].text in ("dash", "hyphen", "minus") and place + 2 < len(words):
            place += 2
        elif gap == "-":
            place += 1
        elif dots and words[place].text in _TOP_LEVELS:
            break
        elif not dots and (len(words[place].text) == 1 or words[place].is_number or place == first):
            place += 1  # a name that is spelled, or of two words
        else:
            break
    return words[place].end if dots and words[place].text in _TOP_LEVELS else None


def _local_part(text: str, words: Sequence[Word], at: int) -> int | None:
    """Return the first word of the name before "at"; None for other words."""
    first = at - 1
    if words[first].text in _NO_LOCAL_PART:
        return None
    while first and at - first < _MAX_LOCAL_WORDS:
        before = words[first - 1]
        is_joined = words[first].text in _JOINTS_OF_ADDRESS or before.text in _JOINTS_OF_ADDRESS
        is_touching = not text[before.end : words[first].start].strip("._+-")
        is_spelled = len(before.text) == 1 and before.text.isalpha() and before.text != "i"
        ends_in_digits = _is_digits(words[first]) and before.text not in _BEFORE_ADDRESS
        if not (is_joined or is_spelled or is_touching or ends_in_digits or _is_digits(before)):
            break
        first -= 1
    return first


def _is_digits(word: Word) -> bool:
    return word.is_number or word.text in NUMBER_WORDS


_TOP_LEVELS = frozenset(_TOP_LEVEL.split("|"))


def _dates(words: Sequence[Word], topics: Sequence[tuple[Topic, int, int]], *, is_asked: bool) -> Iterator[Span]:
    births = [one for one in topics if one[0] is Topic.BIRTH]
    ends = [last for _topic, _first, last in births]
    if not (is_asked or births):
        return
    for place, word in enumerate(words):
        if word.text not in MONTHS:
            continue
        first = last = place
        while first and _is_date_word(words[first - 1]) and place - first < 6:
            first -= 1
        while last + 1 < len(words) and _is_date_word(words[last + 1]) and last - place < 8:
            last += 1
        has_day_or_year = any(_is_number_of_date(one) for one in words[first : last + 1])
        start, end = words[first].start, words[last].end
        if (has_day_or_year or (is_asked and word.text != "may")) and (
            is_asked or any(True for _ in _near(start, end, births, ends))
        ):
            yield Span(start, end, Kind.BIRTH)


def _is_date_word(word: Word) -> bool:
    return word.text in _DATE_JOINTS or _is_number_of_date(word)


def _is_number_of_date(word: Word) -> bool:
    return word.text[0].isdecimal() or word.text in _DATE_WORDS

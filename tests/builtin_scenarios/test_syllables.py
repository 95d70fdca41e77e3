"""The syllable counter, compared with a pronouncing dictionary."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builtin_scenarios.pronunciations import counts, pronunciations
from trunkline import number_words
from trunkline.builtin_scenarios.simple_handoff.syllables import syllables
from trunkline.builtin_scenarios.simple_handoff.word_lists import nouns


def test_it_agrees_with_the_dictionary_on_nineteen_words_of_twenty() -> None:
    words = [word for word in pronunciations() if re.fullmatch(r"[a-z][a-z']*", word)]
    agreed = sum(syllables(word) in counts(word) for word in words)
    assert len(words) > 120_000
    assert agreed / len(words) > 0.95


def test_it_is_right_for_every_noun() -> None:
    known = [word for word in nouns() if word in pronunciations()]
    assert len(known) > 1050
    assert {word: syllables(word) for word in known if syllables(word) not in counts(word)} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("…!", 0),
        ("cat", 1),
        ("the deep blue sea", 4),
        ("quantum entanglement", 6),
        ("chocolate", 2),
        ("don't, won't, can't", 3),
        ("hadn't", 2),
        ("haven't", 2),
        ("the fox's houses'", 5),
        ("Ludwig's", 2),
        ("mother-in-law", 4),
        ("rhythm and prism", 5),
        ("hmm", 1),
    ],
)
def test_words(text: str, count: int) -> None:
    assert syllables(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("NASA", 2), ("UNESCO", 3), ("USB", 3), ("BBC", 3), ("WWW", 9), ("tv", 2), ("CIA", 3), ("HTML", 4)],
)
def test_capitals_are_read_as_a_word_where_they_make_one(text: str, count: int) -> None:
    assert syllables(text) == count


@pytest.mark.parametrize(
    ("text", "count"), [("naïve", 2), ("Café", 2), ("crème brûlée", 3), ("Øresund", 3), ("fiancé", 3), ("jalapeño", 4)]
)
def test_accents_are_folded(text: str, count: int) -> None:
    assert syllables(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("Москва", 2), ("θάλασσα", 3), ("さくら", 3), ("きょう", 2), ("사랑", 2), ("海", 1), ("سلام", 1)],
)
def test_other_scripts_are_counted_by_their_habits(text: str, count: int) -> None:
    assert syllables(text) == count


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("2", "two"),
        ("0", "zero"),
        ("13", "thirteen"),
        ("42", "forty two"),
        ("100", "one hundred"),
        ("1984", "nineteen eighty four"),
        ("1905", "nineteen oh five"),
        ("1900", "nineteen hundred"),
        ("2000", "two thousand"),
        ("2026", "twenty twenty six"),
        ("1,000", "one thousand"),
        ("1,250,000", "one million two hundred fifty thousand"),
        ("007", "zero zero seven"),
        ("3.14", "three point one four"),
        ("1st", "first"),
        ("2nd", "second"),
        ("20th", "twentieth"),
        ("33rd", "thirty third"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
    ],
)
def test_numbers_are_read_out(digits: str, words: str) -> None:
    assert " ".join(number_words(digits)) == words
    assert syllables(digits) == syllables(words)


@given(st.text())
def test_any_text_can_be_counted(text: str) -> None:
    assert 0 <= syllables(text) <= 12 * len(text)


@given(st.integers(0, 10**14))
def test_any_number_can_be_read(number: int) -> None:
    assert all(word.isalpha() for word in number_words(str(number)))

"""Words for the full-text search: equal on every database, without case, accents and punctuation."""

from __future__ import annotations

import pytest

from trunkline.store.search_words import MAX_CHARS, words_of

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Größe 3.5", ["grosse", "3", "5"]),
        ("Ça va, JOSÉ?", ["ca", "va", "jose"]),
        ("It's ORDER_no 17-B!", ["it", "s", "order", "no", "17", "b"]),
        ("", []),
    ],
)
def test_words_have_no_case_accents_or_punctuation(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("letter", ["a", "é"])
def test_the_words_of_a_very_long_text_are_cut(letter: str) -> None:
    (word,) = words_of(letter.upper() * (MAX_CHARS + 1))
    assert len(word) == MAX_CHARS

"""Guessed pronunciations: close to how the word is said, and always something that can be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.engine.speech.stt import pronunciation

LIST_OF_PHONES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONES = set(LIST_OF_PHONES.split())


@pytest.mark.speech
@pytest.mark.parametrize(
    ("word", "phones"),
    [("hello", "HH AH L OW"), ("cheese", "CH IY Z"), ("judge", "JH AH JH"), ("thing", "TH IH NG"), ("boy", "B OY")],
)
def test_words_that_the_dictionary_has_come_out_as_it_says(word: str, phones: str) -> None:
    assert pronunciation.guess(word) == phones


@pytest.mark.parametrize(
    ("word", "phones"), [("ship", "SH IH P"), ("bake", "B AE K"), ("Zoé", "Z AA EH"), ("42", "F AO R T UW")]
)
def test_without_espeak_the_spelling_must_do(word: str, phones: str) -> None:
    assert pronunciation.by_spelling(word) == phones


@pytest.mark.speech
@given(st.text(max_size=20))
def test_any_text_has_a_pronunciation_in_known_phones(word: str) -> None:
    assert set(pronunciation.guess(word).split()) <= PHONES
    assert pronunciation.guess(word)


@given(st.text(max_size=20))
def test_any_spelling_gives_known_phones(word: str) -> None:
    assert set(pronunciation.by_spelling(word).split()) <= PHONES

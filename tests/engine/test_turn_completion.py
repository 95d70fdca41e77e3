"""Endpointing by words: the silence that ends a turn."""

from __future__ import annotations

import pytest

from trunkline.engine.session.turn_completion import semantic_silence_ms

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("words", "silence_ms"),
    [
        ("Yes, please.", 400),
        ("Where is my order?", 400),
        ("yes please", 700),
        ("I want to return it", 700),
        ("thank you", 700),
        ("", 1300),
        ("My number is, ", 1500),
        ("I bought it in March...", 1500),
        ("Well -", 1500),
        ("I was born on the 5th of March.", 1500),
        ("it's june the twenty-first", 1500),
        ("It's March 5th.", 1500),
        ("It's March 5th, 1990.", 400),
        ("206.", 1500),
        ("my number is five five five", 1500),
        ("my number is five five five one two three four five six seven", 700),
        ("My number is 2006.", 1500),
        ("You can call me at 650-253", 1500),
        ("My zip code is 9810.", 1500),
        ("My zip code is 98101.", 400),
        ("It's 4321.", 400),
        ("The number on my card is 43.", 1500),
        ("My address is 420.", 2000),
        ("I live at seven hundred and twelve", 2000),
        ("My address is 420 Main Street.", 400),
        ("I want to return.", 1500),
        ("Can you tell me why?", 1500),
        ("Why?", 400),
        ("How much?", 400),
        ("You sent me the wrong.", 2000),
        ("Let me see.", 2000),
        ("I see.", 400),
        ("I'd.", 2000),
        ("I would like a haiku about", 2000),
        ("I would like a haiku about.", 2000),
        ("um", 2000),
        ("because", 2000),
        ("the address is", 2000),
    ],
)
def test_the_words_decide_about_the_silence(words: str, silence_ms: int) -> None:
    assert semantic_silence_ms(words, "auto") == silence_ms


@pytest.mark.parametrize(("complete", "silence_ms"), [(True, 400), (False, 2000), (None, 700)])
def test_an_expected_reply_decides_before_the_words(complete: bool | None, silence_ms: int) -> None:
    assert semantic_silence_ms("two oh six five", "auto", complete=complete) == silence_ms


@pytest.mark.parametrize(
    ("alternatives", "silence_ms"),
    [
        (["I'm calling him out!", "I'm calling him out"], 400),
        (["I'm calling him out...", "I'm calling him out,"], 400),
        (["I'm calling him out!", "I'm calling about."], 1500),
        (["I want to know why"], 1500),
        (["My number is 2006."], 400),
        (["My address is 420."], 1500),
    ],
)
def test_an_unfinished_phrase_among_the_likely_texts_is_waited_for(alternatives: list[str], silence_ms: int) -> None:
    assert semantic_silence_ms("I'm calling him out.", "auto", alternatives=alternatives) == silence_ms


def test_a_longer_wait_than_that_for_another_likely_text_stays() -> None:
    assert semantic_silence_ms("I'm calling about.", "auto", alternatives=["I think that."]) == 2000


def test_other_likely_texts_change_nothing_about_an_expected_reply() -> None:
    assert semantic_silence_ms("yes", "auto", complete=True, alternatives=["yes and"]) == 400


def test_without_words_nothing_is_complete() -> None:
    assert semantic_silence_ms("", "auto", complete=True) == 1300


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("low", 4000), ("medium", 2000), ("auto", 2000), ("high", 1200)])
def test_eagerness_scales_the_waits(eagerness: str, silence_ms: int) -> None:
    assert semantic_silence_ms("and", eagerness) == silence_ms

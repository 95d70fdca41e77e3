"""Rejection by phones: the grammar's words must explain the speech nearly as well as any phones do."""

from __future__ import annotations

import pytest

from trunkline.engine.speech.stt.phone_loop import MAX_ADVANTAGE, MAX_ADVANTAGE_OF_FRAME, WORD_PRICE, Segment, fits

pytestmark = pytest.mark.pure


# The limit for one word in a short utterance.
LIMIT = MAX_ADVANTAGE - WORD_PRICE


def path(*segments: tuple[int, int, float]) -> list[Segment]:
    return [Segment(start, end, nats, spoken=True) for start, end, nats in segments]


def test_words_that_are_nearly_as_likely_as_the_phones_fit() -> None:
    words = path((0, 49, -1000.0))
    assert fits(words, path((0, 24, -400.0), (25, 49, -600.0 + LIMIT)))


def test_words_that_are_much_less_likely_than_the_phones_do_not_fit() -> None:
    words = path((0, 49, -1000.0))
    assert not fits(words, path((0, 24, -400.0), (25, 49, -599.0 + LIMIT)))


def test_no_words_do_not_fit() -> None:
    assert not fits([], path((0, 49, -400.0)))


def test_the_same_speech_explained_by_more_words_fits_less() -> None:
    phones = path((0, 49, -1000.0 + LIMIT))
    assert fits(path((0, 49, -1000.0)), phones)
    assert not fits(path((0, 24, -500.0), (25, 49, -500.0)), phones)


def test_a_long_utterance_may_differ_more() -> None:
    limit = 400 * MAX_ADVANTAGE_OF_FRAME
    assert limit > MAX_ADVANTAGE
    words = path((0, 399, -5000.0))
    assert fits(words, path((0, 399, -5000.0 + limit - WORD_PRICE)))
    assert not fits(words, path((0, 399, -4999.0 + limit - WORD_PRICE)))


def test_pauses_do_not_make_an_utterance_long() -> None:
    pause = Segment(100, 399, 0.0, spoken=False)
    words = [*path((0, 99, -1000.0)), pause]
    assert fits(words, [*path((0, 99, -1000.0 + LIMIT)), pause])
    assert not fits(words, [*path((0, 99, -999.0 + LIMIT)), pause])


def test_phones_after_the_last_whole_word_do_not_count() -> None:
    words = path((0, 49, -1000.0))
    assert fits(words, path((0, 49, -1000.0 + LIMIT), (50, 79, -900.0)))
    assert not fits(words, path((0, 49, -999.0 + LIMIT), (50, 79, -900.0)))


def test_a_phone_across_the_end_of_the_last_word_counts_in_part() -> None:
    words = path((0, 49, -1000.0))
    assert fits(words, path((0, 99, 2 * (-1000.0 + LIMIT))))
    assert not fits(words, path((0, 99, 2 * (-999.0 + LIMIT))))

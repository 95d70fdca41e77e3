"""Judgements of a caller's words by the phrases that a rehearsal expects."""

from __future__ import annotations

import pytest

from trunkline import DateSlot, DigitGroups, Digits, Phrases, Words
from trunkline.scenario.expected_reply import ExpectedReply

pytestmark = pytest.mark.pure

YES = Phrases("[oh] yes [please]")
PHONE = Phrases("[it is] {phone}", phone=DigitGroups(3, 3, 4))
CARD = Phrases("{digits}", digits=Digits(4))
BORN = Phrases("[i was born] [on] {date}", date=DateSlot())
TOPIC = Phrases("about {topic}", topic=Words((), open=True))


@pytest.mark.parametrize(
    ("words", "expected", "whole"),
    [
        ("Yes, please.", [YES], True),
        ("um, yes", [YES], True),
        ("yes but", [YES], None),
        ("I am not sure", [YES], None),
        ("two oh six", [PHONE], False),
        ("206", [PHONE], False),
        ("it is two oh six five five five", [PHONE], False),
        ("it is two oh six five five five oh one two three", [PHONE], True),
        ("206-555-0123", [PHONE], True),
        ("two oh two eight", [PHONE], False),
        ("five five five oh one two three", [PHONE], False),
        ("double five", [PHONE], False),
        ("one two three", [CARD], False),
        ("one two three four", [CARD], True),
        ("hang on", [CARD], None),
        ("yes", [PHONE, YES], True),
        ("the fifth of March", [BORN], False),
        ("I was born on the fifth of March nineteen ninety", [BORN], True),
        ("about the sea", [TOPIC], None),
        ("two oh six", [YES], None),
        ("", [YES], None),
    ],
)
def test_words_are_whole_or_not_or_unknown(words: str, expected: list[Phrases], whole: bool | None) -> None:
    assert ExpectedReply(expected).is_complete(words) is whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("yes, yes and no", False),
        ("206 555 0100", True),
        ("555 0100", True),
        ("206 555", True),
        ("206 555 010", False),
        ("206 555 0100 0", False),
        ("the fifth of March 1990", True),
        ("", False),
    ],
)
def test_an_expected_reply_is_one_as_a_whole_with_as_many_digits_as_callers_say(text: str, expected: bool) -> None:
    number, date = Phrases("{number}", number=DigitGroups(3, 3, 4)), Phrases("{date}", date=DateSlot())
    assert ExpectedReply((Phrases("yes"), number, date)).is_expected(text) is expected

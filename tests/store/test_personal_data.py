"""Personal data in texts, written and as callers say it; and the numbers that are none."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.scenario.number_words import number_words
from trunkline.store.redaction.checksums import iban_length, is_card_number
from trunkline.store.redaction.detectors import find_personal_data, replaced
from trunkline.store.redaction.topics import Topic, topic_of_field, topics_asked

pytestmark = pytest.mark.pure


def redacted(text: str, *asked: Topic, patterns: tuple[str, ...] = ()) -> str:
    return replaced(text, find_personal_data(text, frozenset(asked), [re.compile(pattern) for pattern in patterns]))


REDACTED = {
    # Cards
    "My card is 4242 4242 4242 4242, thanks": "My card is [card], thanks",
    "4242-4242-4242-4242": "[card]",
    "it's 4242424242424242.": "it's [card].",
    "Amex 3782 822463 10005 please": "Amex [card] please",
    "four two four two, four two four two, four two four two, four two four two": "[card]",
    "forty two forty two, forty two 42, 4 2 4 2 forty two forty two": "[card]",
    "it's five five double five, five five double five, five five double five, double four double four": "it's [card]",
    "four two four two dash four two four two dash four two four two dash four two four two": "[card]",
    "vier zwei vier zwei vier zwei vier zwei vier zwei vier zwei vier zwei vier zwei": "[card]",
    "my credit card ends in 4242": "my credit card ends in [card]",
    "the security code on the card is one two three four": "the security code on the card is [card]",
    # Telephones
    "Call 206-555-0123 today": "Call [phone] today",
    "(206) 555 0123": "([phone]",
    "+1 206 555 0123": "+[phone]",
    "+49 30 123456 78": "+[phone]",
    "plus four nine three oh one two three four five six": "plus [phone]",
    "two oh six, five five five, oh one two three": "[phone]",
    "two o six double five five o one two three": "[phone]",
    "020 7946 0958": "[phone]",
    "you can call me back at 555 0123": "you can call me back at [phone]",
    # E-mail
    "write to jane.doe+shop@mail.example.com!": "write to [email]!",
    "it's john dot smith at example dot com": "it's [email]",
    "j o h n at gmail dot com": "[email]",
    "jane underscore doe at my hyphen shop dot co dot uk please": "[email] please",
    "jane five five at example.com": "[email]",
    "hans at beispiel punkt de": "[email]",
    # Accounts
    "DE89 3704 0044 0532 0130 00": "[account]",
    "my iban is GB82 WEST 1234 5698 7654 32": "my iban is [account]",
    "D E eight nine three seven oh four double oh four four oh five three two oh one three oh double oh": "[account]",
    "my account number is 12345678": "my account number is [account]",
    "routing number 021000021 and account number 987654": "routing number [account] and account number [account]",
    "the sort code is 20-00-00": "the sort code is [account]",
    # Identity numbers
    "078-05-1120": "[identity number]",
    "my social security number is 078 05 1120": "my social security number is [identity number]",
    "the last four of my social is one one two oh": "the last four of my social is [identity number]",
    "AB 12 34 56 C": "[identity number]",
    # Dates of birth
    "I was born on March 5th, 1990.": "I was born on [date of birth].",
    "I was born on the fifth of march nineteen ninety": "I was born on [date of birth]",
    "date of birth: 03/05/1990": "date of birth: [date of birth]",
    "dob 1990-03-05": "dob [date of birth]",
    "my birthday is the twenty first of June": "my birthday is [date of birth]",
    "ich bin am 5. März 1990 geboren": "ich bin am [date of birth] geboren",
    # Codes
    "my pin is four seven one one": "my pin is [code]",
}  # fmt: skip


@pytest.mark.parametrize(("said", "stored"), REDACTED.items(), ids=[text[:40] for text in REDACTED])
def test_personal_data_is_replaced(said: str, stored: str) -> None:
    assert redacted(said) == stored


KEPT = [
    "A table for two at half past seven, for the second of March, please.",
    "Your order 55012 from 2026-11-30 14:33:39 costs 1,250.00 dollars.",
    "The link is down since 2026-11-30T14:33:39.123456+00:00.",
    "It has 24000 samples, 1760000000000 ms, and the id call_3f2a99b8e7d6.",
    "550e8400-e29b-41d4-a716-446655440000",
    "4242 4242 4242 4241",  # the checksum is wrong
    "I was born ready, and may I have one of them?",
    "On March 5th 2026 we open at nine.",
    "Have a look at example dot com.",
    "We met at the airport, at ten.",
    "In nineteen ninety the two of us went to platform nine and three quarters.",
    "no one or two",
    "",
]


@pytest.mark.parametrize("said", KEPT, ids=[text[:40] for text in KEPT])
def test_other_numbers_and_words_stay(said: str) -> None:
    assert redacted(said) == said


ANSWERS = {
    (Topic.BIRTH, "March 5th 1990"): "[date of birth]",
    (Topic.BIRTH, "the fifth of march"): "[date of birth]",
    (Topic.BIRTH, "nineteen ninety"): "[date of birth]",
    (Topic.BIRTH, "03 05 1990"): "[date of birth]",
    (Topic.ACCOUNT, "one two three four five six seven eight"): "[account]",
    (Topic.PHONE, "five five five, oh one two three"): "[phone]",
    (Topic.CODE, "4711"): "[code]",
    (Topic.IDENTITY, "it's 1120"): "it's [identity number]",
}


@pytest.mark.parametrize(("topic", "said", "stored"), [(*key, stored) for key, stored in ANSWERS.items()])
def test_an_answer_to_a_question_for_personal_data_is_replaced(topic: Topic, said: str, stored: str) -> None:
    assert redacted(said) == said
    assert redacted(said, topic) == stored


def test_own_patterns_match_written_and_spoken_numbers() -> None:
    patterns = (r"\bKD-?\d{6}\b", "(?i)project swan")
    assert redacted("KD-123456 of Project Swan", patterns=patterns) == "[redacted] of [redacted]"
    assert redacted("it is K D one two three, four five six", patterns=patterns) == "it is [redacted]"
    assert redacted("KD-12345", patterns=patterns) == "KD-12345"


@pytest.mark.parametrize(
    ("question", "topics"),
    [
        ("What's your date of birth?", {Topic.BIRTH}),
        ("Please say the number of your card.", {Topic.CARD}),
        ("Could I have your phone number and the last four digits of your social?", {Topic.PHONE, Topic.IDENTITY}),
        ("Wie ist Ihre Telefonnummer?", {Topic.PHONE}),
        ("Your card was charged.", set()),
        ("How can I help you?", set()),
    ],
)
def test_the_topics_of_an_agents_question(question: str, topics: set[Topic]) -> None:
    assert topics_asked(question) == topics


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("phone_number", Topic.PHONE),
        ("cardNumber", Topic.CARD),
        ("dateOfBirth", Topic.BIRTH),
        ("customer-ssn", Topic.IDENTITY),
        ("order_id", None),
        ("discard", None),
    ],
)
def test_the_topic_of_a_fields_name(name: str, topic: Topic | None) -> None:
    assert topic_of_field(name) is topic


def with_luhn(digits: str) -> str:
    """Return digits with the digit that makes them a card number."""
    return next(digits + str(check) for check in range(10) if is_card_number(digits + str(check)))


cards = st.integers(13, 19).flatmap(
    lambda length: st.from_regex(rf"[3-6][0-9]{{{length - 2}}}", fullmatch=True).map(with_luhn)
)
separators = st.sampled_from(["", " ", "-", ", ", " - ", "."])


def spoken(digits: str, ways: list[int]) -> str:
    """Return digits in words: one by one, "double", "oh", or figures."""
    words, place = [], 0
    for way in ways * len(digits):
        if place >= len(digits):
            break
        digit = digits[place]
        if way == 1 and digits[place : place + 2] == digit * 2:
            words += ["double", *number_words(digit)]
            place += 2
            continue
        words += ["oh"] if way == 2 and digit == "0" else [digit] if way == 3 else number_words(digit)
        place += 1
    return " ".join(words)


@given(cards, separators, st.integers(2, 6))
def test_no_card_number_stays_however_it_is_grouped(card: str, separator: str, group: int) -> None:
    written = separator.join(card[place : place + group] for place in range(0, len(card), group))
    assert not re.search(r"\d", redacted(f"Yes, {written} it is."))


@given(cards, st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_no_card_number_stays_however_it_is_said(card: str, ways: list[int]) -> None:
    assert redacted(f"sure {spoken(card, ways)} thanks") == "sure [card] thanks"


@given(st.from_regex(r"[A-Z]{2}[A-NP-Z0-9]{11,30}", fullmatch=True), st.sampled_from(["", " "]))
def test_no_iban_stays(account: str, separator: str) -> None:
    country, rest = account[:2], account[2:]
    value = int("".join(str(int(one, 36)) for one in rest + country + "00"))
    iban = f"{country}{98 - value % 97:02}{rest}"
    assert iban_length(iban, 0) == len(iban)
    written = separator.join(iban) if separator else iban
    assert redacted(f"to {written}.") == "to [account]."


@given(st.text(max_size=300))
def test_redaction_takes_any_text_and_changes_only_what_it_reports(text: str) -> None:
    spans = find_personal_data(text, frozenset(Topic))
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))
    kept = replaced(text, spans)
    for span in spans:
        kept = kept.replace(span.kind.value, "", 1)
    assert len(kept) == len(text) - sum(span.end - span.start for span in spans)


def test_checksums_refuse_wrong_digits() -> None:
    assert is_card_number("4242424242424242")
    assert not is_card_number("4242424242424241")
    assert not is_card_number("0000000000000000")
    assert iban_length("DE89370400440532013000", 0) == 22
    assert iban_length("DE88370400440532013000", 0) == 0
    assert iban_length("89370400440532013000DE", 0) == 0


@pytest.mark.parametrize(
    "piece", ["card 1234 ", "born may 5 1990 ", "DE89 ", "A1", "a 1 ", "1 ", "one two ", "x at y dot "]
)
def test_the_time_grows_with_the_length_of_a_text_and_no_faster(piece: str) -> None:
    """A caller may type 16,000 characters, and a tool return more."""

    def steps(length: int) -> int:
        count = 0

        def count_calls(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        text = piece * (length // len(piece))
        sys.setprofile(count_calls)
        try:
            find_personal_data(text, frozenset(Topic))
        finally:
            sys.setprofile(None)
        return count

    assert steps(8_000) < 5 * steps(2_000)

"""Numbers and dates, typed and spoken."""

from __future__ import annotations

from datetime import date

import pytest

from trunkline import DateSlot, DigitGroups, Phrases, read_date, read_digits
from trunkline.scenario.spoken_numbers import read_date_parts

TODAY = date(2024, 12, 26)
PHONE = Phrases("[my number is | it's] {number}", number=DigitGroups(3, 3, 4))
BIRTHDAY = Phrases("[it's | I was born on] [the] {date}", date=DateSlot())


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("(206) 555-0100", "2065550100"),
        ("two oh six, five five five, oh one oh oh", "2065550100"),
        ("two zero six double five five O one double oh", "2065550100"),
        ("triple five", "555"),
        ("one eight hundred", "1800"),
        ("nineteen forty two", "1942"),
        ("twenty, then 7", "207"),
        ("my cat", ""),
        ("", ""),
    ],
)
def test_digits_are_read_in_figures_and_in_words(words: str, digits: str) -> None:
    assert read_digits(words) == digits


@pytest.mark.parametrize(
    "words",
    [
        "1990-03-05",
        "3/5/1990",
        "03051990",
        "March 5th 1990",
        "5 Mar 90",
        "the fifth of March, nineteen ninety",
        "March the fifth nineteen ninety",
        "I was born on the 5th of march 1990",
        "march five one nine nine oh",
    ],
)
def test_dates_are_read_in_figures_and_in_words(words: str) -> None:
    assert read_date(words, latest=TODAY) == date(1990, 3, 5)


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("the twenty first of november two thousand and one", date(2001, 11, 21)),
        ("July fourteenth, two thousand", date(2000, 7, 14)),
        ("thirty first of december nineteen oh five", date(1905, 12, 31)),
        ("June 1 twenty twelve", date(2012, 6, 1)),
        ("25/12/1980", date(1980, 12, 25)),
        ("May 1st 24", date(2024, 5, 1)),
        ("May 1st 25", date(1925, 5, 1)),
    ],
)
def test_days_and_years_have_many_forms(words: str, day: date) -> None:
    assert read_date(words, latest=TODAY) == day


@pytest.mark.parametrize(
    "words", ["", "31 february 1990", "the fifth of March", "may I ask you something", "12345", "2030-01-01", "1 2 3"]
)
def test_an_impossible_or_future_date_is_none(words: str) -> None:
    assert read_date(words, latest=TODAY) is None


def test_a_number_is_found_in_its_sentence() -> None:
    match = PHONE.match("No, it's two oh six, double five five, oh one double oh. Thanks!")
    assert match
    assert match.slots == {"number": "2065550100"}


def test_a_number_that_is_too_short_is_a_number_all_the_same() -> None:
    match = PHONE.match("555 0100")
    assert match
    assert match.slots["number"] == "5550100"


@pytest.mark.parametrize("words", ["one moment", "just a second", "I am ten"])
def test_a_single_word_is_not_a_number(words: str) -> None:
    assert PHONE.match(words) is None


def test_a_date_is_found_in_its_sentence() -> None:
    match = BIRTHDAY.match("No no, it's March 5th 1990.")
    assert match
    assert read_date(match.slots["date"]) == date(1990, 3, 5)


@pytest.mark.parametrize("words", ["may I speak to a human", "my number is 206 555", "march on"])
def test_a_month_alone_is_not_a_date(words: str) -> None:
    match = BIRTHDAY.match(words)
    assert match is None or read_date(match.slots["date"]) is None


def test_the_recogniser_accepts_one_group_or_more_in_a_row() -> None:
    one = "( zero | oh | one | two | three | four | five | six | seven | eight | nine )"
    assert DigitGroups(1).jsgf() == f"( {one} )"
    assert DigitGroups(1, 1).jsgf() == f"( ( {one} ) [ ( {one} ) ] | ( {one} ) )"
    assert f"double {one}" in DigitGroups(2).jsgf()


@pytest.mark.parametrize(
    ("digits", "is_likely"),
    [
        ("2065550142", True),
        ("206", True),
        ("2006555142", False),
        ("1235550142", False),
        ("4115550142", False),
        ("8005550142", True),
        ("2060550142", False),
    ],
)
def test_a_caller_is_likely_to_say_a_possible_telephone_number(digits: str, is_likely: bool) -> None:
    assert DigitGroups(3, 3, 4).is_likely(digits) is is_likely


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("oh four, twelve, nineteen eighty three", date(1983, 4, 12)),
        ("it's seven, nine, seventy one", date(1971, 7, 9)),
        ("twenty one five ninety", date(1990, 5, 21)),
        ("the twelfth of the fourth, nineteen fifty two", date(1952, 4, 12)),
        ("5th of the 3rd 1990", date(1990, 3, 5)),
        ("one one two thousand and four", date(2004, 1, 1)),
        ("the first of... of May, nineteen sixty two", date(1962, 5, 1)),
        ("July 4th, '76", date(1976, 7, 4)),
        ("7/4/'76", date(1976, 7, 4)),
    ],
)
def test_dates_of_hesitant_and_brief_callers(said: str, day: date) -> None:
    assert read_date(said, latest=date(2024, 12, 26)) == day


@pytest.mark.parametrize(
    "said",
    [
        "May nineteen eighty four",
        "two oh six five five five oh one double nine",
        "one two three four",
        "two one ninety one two",
    ],
)
def test_words_that_may_mean_something_else_are_no_date(said: str) -> None:
    assert read_date(said, latest=date(2024, 12, 26)) is None


@pytest.mark.parametrize(
    ("said", "parts"),
    [("May nineteen eighty four", (1984, 5, None)), ("it was in 1971, in August", (1971, 8, None))],
)
def test_a_month_and_a_year_are_parts_of_a_date(said: str, parts: tuple[int, int, None]) -> None:
    assert read_date_parts(said, latest=date(2024, 12, 26)) == parts

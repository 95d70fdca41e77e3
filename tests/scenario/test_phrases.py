"""Phrases: patterns matched against typed words and written as a grammar for the recogniser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.scenario.phrases import Digits, PatternError, Phrases, Words, best_match, grammar, normalise

YES = Phrases("yes [please]", "(sure | of course)")
NO = Phrases("no [thanks | thank you]")
TOPIC = Phrases("[a haiku] [about] {topic}", topic=Words(["mountains", "the sea"], open=True))
COLOUR = Phrases("[the] {colour} one", colour=Words(["red", "dark red", "blue"]))
PHONE = Phrases("[it's] {number}", number=Digits(7))


@pytest.mark.parametrize("text", ["yes", "Yes, please!", "  YES   please. ", "um, yes", "sure", "of course"])
def test_a_pattern_fits_however_it_is_typed(text: str) -> None:
    match = YES.match(text)
    assert match
    assert match.whole


@pytest.mark.parametrize("text", ["", "yesterday", "please", "of", "course", "surely"])
def test_a_pattern_does_not_fit_parts_of_words_or_missing_words(text: str) -> None:
    assert YES.match(text) is None


def test_a_pattern_may_match_a_part_of_the_text() -> None:
    match = YES.match("well yes please my friend")
    assert match
    assert not match.whole
    assert match.length == len("yes please")


def test_an_open_slot_takes_the_rest_as_it_is() -> None:
    match = TOPIC.match("A haiku about my cat, Ludwig!")
    assert match
    assert match.slots == {"topic": "my cat ludwig"}


def test_an_open_slot_never_matches_a_part() -> None:
    first = Phrases("about {topic}", topic=Words([], open=True))
    assert first.match("tell me about cats") is None


def test_a_closed_slot_takes_the_longest_of_its_words() -> None:
    match = COLOUR.match("the dark red one")
    assert match
    assert match.slots == {"colour": "dark red"}
    assert COLOUR.match("the green one") is None


@pytest.mark.parametrize(
    "text", ["555-1234", "5551234", "five five five, one two three four", "It's 555 1 2 3 4", "five 5 five 12 three 4"]
)
def test_digits_are_typed_or_said(text: str) -> None:
    match = PHONE.match(text)
    assert match
    assert match.slots == {"number": "5551234"}


def test_oh_is_zero() -> None:
    match = Phrases("{n}", n=Digits(3)).match("oh zero 7")
    assert match
    assert match.slots == {"n": "007"}


def test_digits_of_other_scripts_count_as_their_own() -> None:
    match = Phrases("{n}", n=Digits(2)).match("٤٢")
    assert match
    assert match.slots == {"n": "42"}


@pytest.mark.parametrize("text", ["55512345", "555 1234 5", "555123", "five five five one two three"])
def test_more_or_fewer_digits_are_not_taken(text: str) -> None:
    assert PHONE.match(text) is None


def test_the_last_of_too_many_spoken_digits_are_taken_as_in_a_number_with_its_country() -> None:
    match = PHONE.match("one five five five one two three four")
    assert match
    assert match.slots == {"number": "5551234"}


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("yes [please", "'[' is not closed"),
        ("(a | b", "'(' is not closed"),
        ("(a]", "'(' is not closed"),
        ("a)", "')' closes nothing"),
        ("a ] b", "']' closes nothing"),
        ("about {topic}", "add topic="),
        ("about {the topic}", "cannot be read from"),
    ],
)
def test_a_pattern_that_cannot_be_read_says_why(pattern: str, says: str) -> None:
    with pytest.raises(PatternError) as error:
        Phrases(pattern)
    assert says in str(error.value)
    assert repr(pattern) in str(error.value)


def test_a_slot_stands_once_in_a_pattern() -> None:
    with pytest.raises(PatternError, match="twice"):
        Phrases("(about {topic} | {topic} please)", topic=Words(["sea"]))


def test_brackets_nest() -> None:
    nested = Phrases("[oh [well]] (yes | (sure [thing]))")
    assert all(nested.match(text) for text in ("yes", "oh sure", "oh well sure thing"))
    assert nested.match("well") is None
    assert nested.match("oh") is None


def test_the_better_meaning_is_understood() -> None:
    assert best_match("no thanks", [TOPIC, NO]) == (TOPIC, TOPIC.match("no thanks"))  # of equals, the first
    assert best_match("no thanks", [NO, TOPIC]) == (NO, NO.match("no thanks"))
    chosen = best_match("no wait, yes please", [NO, YES])
    assert chosen
    assert chosen[0] is YES  # the longer part
    assert best_match("", [YES, NO, TOPIC]) is None


def test_the_grammar_has_the_speakable_phrases() -> None:
    text = grammar([YES, COLOUR])
    assert text
    assert text.startswith("#JSGF V1.0;\ngrammar caller;\npublic <said> = [ um | uh ] (")
    assert "yes [ please ]" in text
    assert "( red | dark red | blue )" in text
    assert text.endswith(";\n")


def test_the_grammar_omits_phrases_for_typed_words() -> None:
    meaning = Phrases("yes", too=["by all means [please]"])
    assert meaning.match("by all means")
    assert meaning.jsgf() == Phrases("yes").jsgf()


def test_the_grammar_omits_unspeakable_patterns() -> None:
    typed_only = Words([], open=True)
    assert Phrases("about {topic}", topic=typed_only).jsgf() == ""
    assert Phrases("yes [about {topic}]", topic=typed_only).jsgf() == "( yes )"
    assert Phrases("(about {topic} | yes)", topic=typed_only).jsgf() == "( ( yes ) )"
    assert grammar([Phrases("{topic}", topic=typed_only)]) is None
    assert grammar([]) is None


def test_digits_are_spoken_one_by_one() -> None:
    assert Digits(2).jsgf().count("seven") == 2


def test_the_recogniser_accepts_the_beginning_of_a_long_number() -> None:
    one = "( " + " | ".join(["zero", "oh", *"one two three four five six seven eight nine".split()]) + " )"  # noqa: SIM905 - ten words
    assert Digits(5).jsgf() == f"{one} {one} {one} [ {one} [ {one} ] ]"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("option two", "Option 2."),
        ("the first one", "The 1st one"),
        ("forty two minutes", "42 minutes"),
        ("okay", "OK."),
        ("ok then", "Okay, then"),
        ("all right", "Alright!"),
        ("where is my order", "Where's my order?"),
        ("i am fine", "I'm fine."),
    ],
)
def test_a_recognisers_spelling_matches_as_the_typed_one_does(pattern: str, text: str) -> None:
    match = Phrases(pattern).match(text)
    assert match
    assert match.whole


@pytest.mark.parametrize(
    "text", ["let me talk to a human", "Let me talk to human.", "let me talk to the human", "I grew a haiku"]
)
def test_an_article_before_a_word_may_be_missing_or_another_one(text: str) -> None:
    match = Phrases("let me talk to a human", "i grew haiku").match(text)
    assert (match is not None and match.whole) is (text != "I grew a haiku")


def test_other_articles_must_be_said() -> None:
    colour = Words(["red", "blue"], open=True)
    assert Phrases("option (a | b)").match("option") is None
    assert Phrases("the {colour}", colour=colour).match("red") is None


def test_figures_stay_figures_where_the_pattern_has_them() -> None:
    match = Phrases("room {number}", number=Digits(2)).match("Room 42")
    assert match
    assert match.slots == {"number": "42"}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Don’t  STOP!", "don't stop"),
        ("um, the umbrella, uh", "the umbrella"),
        ("a_b-c\n\td", "a b c d"),
        ("¡Olé!", "olé"),
    ],
)
def test_words_are_compared_in_one_form(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(st.text())
def test_any_text_can_be_matched(text: str) -> None:
    best_match(text, [YES, NO, COLOUR, PHONE, TOPIC])
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet="ab []()|{}", max_size=12))
def test_a_pattern_is_read_or_refused(pattern: str) -> None:
    try:
        phrases = Phrases(pattern)
    except PatternError:
        return
    phrases.match("a b ab")
    assert phrases.jsgf().count("(") == phrases.jsgf().count(")")

"""Forms: fields that a caller fills in any order, corrects, confirms, and may ask about."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenario.rehearsal_driver import Stage, spoke
from trunkline import NO, YES, Caller, Field, Form, Lines, Partial, Phrases, Rehearsal, Reply
from trunkline.scenario.phrases import grammar

pytestmark = pytest.mark.pure

NAME = Field(
    "What is your name?",
    read=lambda said, _before: said.split()[-1].title() if len(said.split()) < 5 else None,
    named=Phrases("(my name is | call me)"),
    thanks="Thank you, {}.",
)
PHONE = Field(
    "What is your phone number, please?",
    digits=(3, 3, 4),
    confirm=True,
    again="What is your number?",
    named=Phrases("[my | the] (phone [number] | telephone number)", "my number"),
    why="We call you when it is ready.",
)
BORN = Field(
    "When were you born?",
    between=(date(1900, 1, 1), date(2024, 12, 26)),
    confirm=True,
    named=Phrases("[my] (birthday | date of birth)", "born"),
)
SIZE = Field("Small or large?", choices={"small": Phrases("small"), "large": Phrases("[a] (large | big) one", "large")})
HOURS = Phrases("when are you open", "opening hours")
READY = "All set"


class Filling:
    """A caller of a part with one form."""

    def __init__(self, *settle: str, **fields: Field) -> None:
        self.values: dict[str, Any] = {}
        rehearsal = Rehearsal()

        @rehearsal.plays("clerk")
        async def clerk(caller: Caller) -> Lines:
            yield "Hello."
            form = Form(caller, asides={HOURS: "From nine to five."}, otherwise=None, offer="Or say: human.", **fields)
            self.values = await form.fill(*settle)
            yield READY
            self.values = dict(form.values)
            await caller.says()

        self.stage = Stage(rehearsal, "clerk")
        self.greeting = self.stage.plays("hi")

    def says(self, *lines: str) -> str:
        answer = ""
        for line in lines:
            answer = self.stage.plays(line)
        return answer

    @property
    def grammar(self) -> str:
        return grammar(self.stage.turn().expects) or ""


@pytest.fixture
def filling() -> Filling:
    return Filling(name=NAME, phone=PHONE, born=BORN, size=SIZE)


ANSWERS = ["Dana", "206 555 0100", "yes", "March 5th 1990", "yes", "large"]
VALUES = {"name": "Dana", "phone": "2065550100", "born": date(1990, 3, 5), "size": "large"}


def test_fields_are_asked_for_in_order(filling: Filling) -> None:
    assert filling.greeting == "Hello. What is your name?"
    assert filling.says("Dana") == "Thank you, Dana. What is your phone number, please?"
    assert filling.says("206 555 0100") == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"
    assert filling.says("yes") == "Thank you. When were you born?"
    assert filling.says("March 5th 1990") == "I have March 5, 1 9 9 0. Is that right?"
    assert filling.says("yes") == "Thank you. Small or large?"
    assert filling.says("a big one") == READY
    assert filling.values == VALUES


def test_several_values_may_come_at_once(filling: Filling) -> None:
    said = "my name is Dana, my number is 206 555 0100 and I was born on March 5th 1990"
    assert (
        filling.says(said) == "Thank you, I'll come to that in a moment. I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"
    )
    assert filling.says("yes") == "Thank you. I have March 5, 1 9 9 0. Is that right?"
    assert filling.says("yes", "small") == READY
    assert filling.values == {**VALUES, "size": "small"}


@pytest.mark.parametrize(
    "early",
    [
        "206 555 0100",
        "my number is 206 555 0100",
        "it's two oh six, double five five, oh one double oh",
        "206 555 0100 is my phone number",
        "you can reach me at 206-555-0100",
        "1 206 555 0100",
    ],
)
def test_a_value_that_is_given_early_is_kept_and_confirmed_in_its_turn(filling: Filling, early: str) -> None:
    assert filling.says(early).endswith("What is your name?")
    assert filling.says("Dana") == "Thank you, Dana. I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


@pytest.mark.parametrize(
    "correction",
    [
        "actually my phone number is 206 555 7777",
        "sorry, my phone number is 206-555-7777",
        "wait, the phone number should be 206 555 7777",
        "no, 206 555 7777 is my phone number",
        "my phone number ends in 7777",
        "I gave you the wrong number, it's 206 555 7777",
        "206 555 7777",
    ],
)
@pytest.mark.parametrize("settled", range(3, 6))
def test_an_earlier_value_may_be_corrected_at_any_later_question(
    filling: Filling, correction: str, settled: int
) -> None:
    filling.says(*ANSWERS[:settled])
    assert filling.says(correction).endswith("I have 2 0 6, 5 5 5, 7 7 7 7. Is that right?")
    filling.says("yes", *ANSWERS[settled:])
    assert filling.values == {**VALUES, "phone": "2065557777"}


@pytest.mark.parametrize(
    "complaint", ["my phone number is wrong", "no, you got my phone number wrong", "can I change my phone number?"]
)
def test_a_value_that_is_called_wrong_is_asked_for_again(filling: Filling, complaint: str) -> None:
    filling.says(*ANSWERS[:3])
    assert filling.says(complaint) == "All right. What is your number?"
    filling.says("206 555 7777", "yes", *ANSWERS[3:])
    assert filling.values == {**VALUES, "phone": "2065557777"}


def test_a_settled_value_that_is_said_again_changes_nothing(filling: Filling) -> None:
    filling.says(*ANSWERS[:3])
    assert filling.says("my number is 206 555 0100").endswith("When were you born?")
    filling.says(*ANSWERS[3:])
    assert filling.values == VALUES


@pytest.mark.parametrize(
    "reply", ["206 555 0100", "yes, 206 555 0100", "two oh six five five five oh one oh oh", "yep, correct", "um, yes"]
)
def test_a_value_is_confirmed_by_a_yes_or_by_repeating_it(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply) == "Thank you. When were you born?"


@pytest.mark.parametrize(
    "reply",
    ["no, it's 206 555 0199", "no 206 555 0199", "sorry, 0199", "it ends in 0199", "yes, 206 555 0199", "206 555 0199"],
)
def test_a_corrected_value_is_read_back_again(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply) == "I have 2 0 6, 5 5 5, 0 1 9 9. Is that right?"


@pytest.mark.parametrize(
    "reply",
    [
        "no, it's 206 555 0199, not 0100",
        "no, not 0100, it's 0199",
        "it's not 206-555-0100, it's 206-555-0199",
        "no it's two oh six five five five oh one double nine not oh one oh oh",
        "0199, not 0100",
    ],
)
def test_a_denied_value_beside_the_right_one_is_not_taken(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply) == "I have 2 0 6, 5 5 5, 0 1 9 9. Is that right?"


@pytest.mark.parametrize("reply", ["no, not 0100", "it's not 206 555 0100", "that's not my number, not 0100"])
def test_a_denied_value_alone_is_asked_for_again(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply) == "Then let's try again. What is your number?"


@pytest.mark.parametrize(
    "reply", ["no, that's right", "nothing wrong with that", "my number is correct", "all correct, thank you very much"]
)
def test_a_value_is_confirmed_in_other_words(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply) == "Thank you. When were you born?"


@pytest.mark.parametrize("reply", ["206 555 0100 no sorry 206 555 0199", "206 555 0100, I mean 206 555 0199"])
def test_of_two_values_in_a_sentence_the_corrected_one_counts(filling: Filling, reply: str) -> None:
    filling.says("Dana")
    assert filling.says(reply) == "I have 2 0 6, 5 5 5, 0 1 9 9. Is that right?"


@pytest.mark.parametrize(
    "reply",
    [
        "let me ask my wife about that",
        "hang on, someone is at the door",
        "what about boots",
        "no problem",
        "blah",
        "hmm",
        "maybe",
        "zero oh oh eight is a funny thing to say",
    ],
)
def test_other_words_do_not_confirm(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply).endswith("Is that right?")
    assert "phone" not in filling.values


def test_a_denied_value_is_asked_for_again(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says("no, that's wrong") == "Then let's try again. What is your number?"


def test_a_denied_value_that_is_heard_again_is_not_accepted(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100", "no, that's wrong")
    answer = filling.says("206 555 0100")
    assert answer.startswith(
        "I heard 2 0 6, 5 5 5, 0 1 0 0 again, and you said that is wrong. Please say the 10 digits"
    )
    assert (
        filling.says("206 555 0100") == "I keep hearing 2 0 6, 5 5 5, 0 1 0 0. Is it really that? Please say yes or no."
    )
    assert "Is it really that?" in filling.says("206 555 0100")
    assert "phone" not in filling.values
    assert filling.says("no") == (
        "Then let's try again. Please say the 10 digits one by one, or use the keys. Or say: human. "
        "What is your number?"
    )


def test_only_a_yes_takes_a_denial_back(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100", "no", "206 555 0100", "206 555 0100")
    assert filling.says("yes it is") == "Thank you. When were you born?"


def test_a_no_with_the_same_value_denies_it(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100")
    assert "you said that is wrong" in filling.says("no, 206 555 0100")


@pytest.mark.parametrize("pieces", [["206", "555", "0100"], ["two oh six", "five five five oh one", "oh oh"]])
def test_a_number_may_come_in_pieces(filling: Filling, pieces: list[str]) -> None:
    filling.says("Dana")
    for piece in pieces[:-1]:
        assert "so far, and need 10 digits. Please go on." in filling.says(piece)
    assert filling.says(pieces[-1]) == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


def test_digits_may_come_one_by_one(filling: Filling) -> None:
    filling.says("Dana")
    words = "two oh six five five five oh one oh zero"
    assert filling.says(*words.split()).startswith("I have 2 0 6, 5 5 5, 0 1 0 0.")


def test_a_number_after_a_piece_may_be_the_whole(filling: Filling) -> None:
    filling.says("Dana", "206 555")
    assert filling.says("206 555 0100") == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


def test_too_many_digits_are_reported(filling: Filling) -> None:
    assert "too many digits" in filling.says("Dana", "206 555 0100 99")


@pytest.mark.parametrize("words", ["one moment", "I have two phones", "just a second"])
def test_a_number_word_in_a_sentence_is_not_a_piece(filling: Filling, words: str) -> None:
    filling.says("Dana")
    assert "so far" not in filling.says(words)


@pytest.mark.parametrize(
    ("said", "born"),
    [
        ("I was born on the 5th of March in 1990", date(1990, 3, 5)),
        ("3/5/1990", date(1990, 3, 5)),
        ("March 5th 1990, no, March 6th 1990", date(1990, 3, 6)),
        ("March 5th, no, the sixth, 1990", date(1990, 3, 6)),
        ("in 1990, on March 5th 1990", date(1990, 3, 5)),
    ],
)
def test_dates_have_many_forms(filling: Filling, said: str, born: date) -> None:
    filling.says(*ANSWERS[:3], said, "yes", "small")
    assert filling.values["born"] == born


@pytest.mark.parametrize(
    ("correction", "born"),
    [
        ("no, the fifth of march", date(1990, 3, 5)),
        ("no, March 5th", date(1990, 3, 5)),
        ("no, the fifth", date(1990, 4, 5)),
        ("no, 1991", date(1991, 4, 6)),
        ("it was nineteen ninety one", date(1991, 4, 6)),
        ("not the sixth, sorry, the seventh", date(1990, 4, 7)),
        ("the seventh, not the sixth", date(1990, 4, 7)),
        ("no, not April but May", date(1990, 5, 6)),
    ],
)
def test_a_part_of_a_date_corrects_the_date(filling: Filling, correction: str, born: date) -> None:
    filling.says(*ANSWERS[:3], "April 6th 1990", correction, "yes", "small")
    assert filling.values["born"] == born


def test_a_missing_year_is_asked_for(filling: Filling) -> None:
    assert filling.says(*ANSWERS[:3], "the fifth of March") == "And the year?"
    assert filling.says("1990") == "I have March 5, 1 9 9 0. Is that right?"


@pytest.mark.parametrize("said", ["31 February 1990", "the first of May 2031", "May 1st 1850"])
def test_an_impossible_date_is_not_accepted(filling: Filling, said: str) -> None:
    assert filling.says(*ANSWERS[:3], said) == (
        "I need a day, a month and a year, such as: May 1st, 1985. When were you born?"
    )


@pytest.mark.parametrize("reply", ["say that again", "what?", "sorry?", "can you repeat that please", "pardon me"])
def test_the_question_is_repeated(filling: Filling, reply: str) -> None:
    filling.says("Dana")
    assert filling.says(reply) == "What is your phone number, please?"
    filling.says("206 555 0100")
    assert filling.says(reply) == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


@pytest.mark.parametrize(
    "reply", ["why do you ask?", "why?", "what for?", "and why do you need that", "why are you asking"]
)
def test_the_reason_is_given(filling: Filling, reply: str) -> None:
    filling.says("Dana")
    assert filling.says(reply) == "We call you when it is ready. What is your number?"


@pytest.mark.parametrize("reply", ["when are you open?", "what are your opening hours, please"])
def test_a_side_question_is_answered_and_the_point_returns(filling: Filling, reply: str) -> None:
    filling.says("Dana")
    assert filling.says(reply) == "From nine to five. What is your number?"
    assert filling.says("206 555 0100", reply) == "From nine to five. I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


def test_a_side_question_beside_a_value_is_answered(filling: Filling) -> None:
    filling.says("Dana")
    assert filling.says("206 555 0100, and when are you open?") == (
        "From nine to five. I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"
    )


@pytest.mark.parametrize("reply", ["yes, and when are you open?", "that's right. When are you open?"])
def test_a_side_question_beside_a_yes_is_answered(filling: Filling, reply: str) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says(reply) == "From nine to five. Thank you. When were you born?"


def test_a_side_question_beside_the_last_value_is_answered(filling: Filling) -> None:
    filling.says(*ANSWERS[:-1])
    assert filling.says("large, and when are you open?") == f"From nine to five. {READY}"


@pytest.mark.parametrize("reply", ["I wonder what it looks like", "I am sorry for you"])
def test_a_word_of_a_repeat_in_another_sentence_does_not_repeat(filling: Filling, reply: str) -> None:
    filling.says("Dana")
    assert filling.says(reply) == "I'm sorry, I didn't get that. What is your number?"


@pytest.mark.parametrize("reply", ["hold on", "just a second please", "let me look", "wait, let me think"])
def test_a_caller_may_take_time(filling: Filling, reply: str) -> None:
    filling.says("Dana")
    assert filling.says(reply) == "Of course, take your time. What is your number?"


@pytest.mark.parametrize("words", ["it's 2006 555 0100", "it's 2016 55501 double o"])
def test_a_recogniser_may_write_two_oh_six_as_a_year(filling: Filling, words: str) -> None:
    filling.says("Dana")
    assert filling.says(words) == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


@pytest.mark.parametrize("words", ["206, 555, go 100", "2 0 6 5 5 5 or 1 0 0"])
def test_a_recogniser_may_write_another_word_for_oh(filling: Filling, words: str) -> None:
    filling.says("Dana")
    assert filling.says(words) == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


def test_a_word_between_digits_adds_none_to_a_complete_number(filling: Filling) -> None:
    filling.says("Dana")
    assert filling.says("206 555 or 0100") == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


def test_a_correction_that_begins_the_number_again_does_not_replace_its_end(filling: Filling) -> None:
    filling.says("Dana", "206 555 1442")
    assert "2 0 6 5 5 5 so far" in filling.says("No, it's 206 555")
    assert filling.says("0142") == "I have 2 0 6, 5 5 5, 0 1 4 2. Is that right?"


@pytest.mark.parametrize("words", ["no, 42", "no, 0142", "no, 555 0142"])
def test_a_correction_replaces_the_last_digits(filling: Filling, words: str) -> None:
    filling.says("Dana", "206 555 0155")
    assert "2 0 6, 5 5 5, 0 1 4 2. Is that right?" in filling.says(words)


def test_a_number_that_begins_with_the_digits_of_a_year_stays(filling: Filling) -> None:
    filling.says("Dana")
    assert filling.says("it's 2016 555 010") == "I have 2 0 1, 6 5 5, 5 0 1 0. Is that right?"


def test_a_caller_who_begins_an_incomplete_number_again_is_helped(filling: Filling) -> None:
    filling.says("Dana")
    assert filling.says("206 55 0100") == "I have 2 0 6 5 5 0 1 0 0 so far, and need 10 digits. Please go on."
    assert filling.says("206 555") == (
        "I have 2 0 6 5 5 5 so far, and need 10 digits. Please say the 10 digits one by one, or use the keys."
    )
    assert filling.says("0100") == "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"


def test_a_second_misunderstanding_is_helped_differently(filling: Filling) -> None:
    filling.says("Dana")
    assert filling.says("blah blah") == "I'm sorry, I didn't get that. What is your number?"
    assert filling.says("blah blah") == (
        "I'm sorry, I didn't get that. Please say the 10 digits one by one, or use the keys. Or say: human. "
        "What is your number?"
    )
    assert "one by one" not in filling.says("206 555 0100", "blah")


def test_the_help_is_not_said_twice(filling: Filling) -> None:
    filling.says(*ANSWERS[:3], "31 February 1990", "blah")
    assert filling.says("blah").count("I need a day, a month and a year") == 1


def test_choices_are_listed_after_a_second_misunderstanding(filling: Filling) -> None:
    filling.says(*ANSWERS[:5])
    assert "You can say: small or large. Or say: human." in filling.says("medium", "medium")


def test_a_second_misunderstanding_of_a_read_back_asks_for_yes_or_no(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says("blah", "blah") == (
        "I'm sorry, I didn't get that. Please say yes or no. Or say: human. "
        "I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?"
    )


def test_the_recogniser_listens_for_the_offer_after_a_second_misunderstanding_of_a_read_back(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100", "blah")
    assert HOURS not in filling.stage.turn().expects
    filling.says("blah")
    assert HOURS in filling.stage.turn().expects


def test_a_second_denied_value_is_helped_differently(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100")
    assert filling.says("no") == "Then let's try again. What is your number?"
    assert filling.says("206 555 0101", "no") == (
        "Then let's try again. Please say the 10 digits one by one, or use the keys. Or say: human. "
        "What is your number?"
    )


def test_silence_is_not_a_misunderstood_word(filling: Filling) -> None:
    filling.says("Dana")
    assert filling.says("") == "I'm sorry, I didn't hear anything. What is your number?"


def test_a_declined_value_is_asked_for_unless_it_is_optional() -> None:
    must = Filling(phone=PHONE)
    assert must.says("I'd rather not say") == "I can't go on without it. What is your number?"
    optional = Filling(size=Field("Small or large?", choices={"small": Phrases("small")}, optional=True))
    assert optional.says("no thanks") == READY
    assert optional.values == {"size": None}


def test_a_read_back_listens_for_yes_no_and_whole_numbers_alone(filling: Filling) -> None:
    filling.says("Dana", "206 555 0100")
    assert set(filling.stage.turn().expects) == {YES, NO, *PHONE.whole}
    assert "opening hours" not in filling.grammar
    digit = "( zero | oh | one | two | three | four | five | six | seven | eight | nine )"
    assert f"{digit} {digit} [" not in filling.grammar


def test_a_question_listens_for_its_answers_and_for_asides(filling: Filling) -> None:
    filling.says("Dana")
    for words in ("opening hours", "double", "rather not", "march", "why"):
        assert words in filling.grammar


def test_a_field_says_how_many_digits_are_expected() -> None:
    assert (PHONE.digits, NAME.digits, Field("Pin?", digits=4).digits) == (10, None, 4)


@pytest.mark.parametrize("given", [{}, {"digits": 4, "choices": {"a": Phrases("a")}}])
def test_a_field_needs_one_kind(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Field("What?", **given)


def test_a_partial_value_asks_for_the_rest() -> None:
    def read(said: str, before: Any) -> Any:
        words = [*(before or []), *said.split()]
        return words if len(words) > 1 else Partial(words, "And the second word?")

    filling = Filling(pair=Field("Two words?", read=read))
    assert filling.says("one") == "And the second word?"
    assert filling.says("more") == READY
    assert filling.values == {"pair": ["one", "more"]}


def test_only_the_named_fields_are_asked_for() -> None:
    filling = Filling("phone", name=NAME, phone=PHONE)
    assert filling.greeting == "Hello. What is your phone number, please?"
    assert filling.says("206 555 0100", "yes") == READY


@pytest.mark.parametrize("murmur", ["mm-hm", "uh-huh", "I see", "oh", "yeah", "right", "sure"])
def test_a_murmur_in_a_long_question_is_not_an_answer(murmur: str) -> None:
    rehearsal = Rehearsal()
    answers: list[Reply] = []

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Hello."
        question = "This is the first sentence. This is the second. Do you agree?"
        answers[:] = [await Form(caller).ask(question, YES, NO, again="Do you agree? Say yes or no.")]
        yield READY
        await caller.says()

    stage = Stage(rehearsal, "clerk")
    stage.plays("hi")
    stage.items[-1] = spoke("Hello. This is the first sentence. This")
    assert stage.plays(murmur) == "This is the second. Do you agree?"
    assert not answers
    assert stage.plays("yes please") == READY
    assert answers[0].meant is YES


def test_an_explicit_answer_ends_a_long_question() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        reply = await Form(caller).ask("The first sentence. The second. Do you agree?", YES, NO)
        yield "No." if reply.meant is NO else "Yes."
        await caller.says()

    stage = Stage(rehearsal, "clerk")
    stage.plays("hi")
    stage.items[-1] = spoke("The first")
    assert stage.plays("no thanks") == "No."


REPLIES = [
    "yes",
    "no",
    "no, that's wrong",
    "206 555 0100",
    "206 555 0199",
    "no, 206 555 0199",
    "it ends in 0142",
    "206",
    "what?",
    "blah",
    "my phone number is wrong",
    "March 5th 1990",
    "uh-huh",
    "",
]


@given(st.lists(st.sampled_from(REPLIES), max_size=10))
@settings(max_examples=60, deadline=None)
def test_a_value_is_only_settled_by_the_callers_consent(replies: list[str]) -> None:
    filling = Filling(phone=PHONE, born=BORN)
    for reply in replies:
        before = filling.stage.last_beat
        answer = filling.says(reply)
        if answer.startswith("Thank you. ") or answer == READY:
            assert "Is that right?" in before or "Is it really that?" in before
            assert not reply.startswith("no")
            assert reply == "yes" or "Is it really that?" not in before
        if answer == READY:
            break


@given(st.lists(st.text(max_size=30), max_size=4))
@settings(max_examples=40, deadline=None)
def test_any_words_get_an_answer(replies: list[str]) -> None:
    filling = Filling(name=NAME, phone=PHONE, born=BORN, size=SIZE)
    for reply in replies:
        assert filling.says(reply)
        if filling.stage.last_beat == READY:
            break


@settings(deadline=None)
@given(st.permutations(["206 555 0100", "I was born on March 5th 1990", "my name is Dana"]))
def test_the_order_does_not_matter(given_: list[str]) -> None:
    filling = Filling(name=NAME, phone=PHONE, born=BORN)
    filling.says(*given_)
    while filling.stage.last_beat != READY:
        assert "Is that right?" in filling.stage.last_beat
        filling.says("yes")
    assert filling.values == {name: VALUES[name] for name in ("name", "phone", "born")}


def test_a_correction_at_another_question_is_confirmed_and_the_question_returns() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Hello."
        form = Form(caller, phone=PHONE)
        await form.fill()
        await form.ask("Shall we call you?", YES, NO)
        yield f"We call {form['phone']}."
        await caller.says()

    stage = Stage(rehearsal, "clerk")
    for line in ("hi", "206 555 0100", "yes"):
        stage.plays(line)
    assert stage.plays("oh wait, my number is 206 555 0199").endswith("0 1 9 9. Is that right?")
    assert stage.plays("yes").endswith("Shall we call you?")
    assert stage.plays("sure") == "We call 2065550199."


def test_words_that_nothing_matches_may_be_answered_otherwise() -> None:
    rehearsal = Rehearsal()

    async def look_up(reply: Reply) -> str | None:
        return f"{reply.text} is nice." if reply.text.startswith("Paris") else None

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Hello."
        await Form(caller, otherwise=look_up, phone=PHONE).fill()

    stage = Stage(rehearsal, "clerk")
    stage.plays("hi")
    assert stage.plays("Paris") == "Paris is nice. What is your number?"
    assert stage.plays("blah") == "I'm sorry, I didn't get that. What is your number?"

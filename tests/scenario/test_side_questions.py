"""Forms: questions and requests beside the point are answered, and then the question comes again."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.scenario.rehearsal_driver import Stage
from trunkline import NO, YES, Caller, Field, Form, Lines, Phrases, Rehearsal
from trunkline.scenario.field_readings import readings
from trunkline.scenario.form import SLOW
from trunkline.scenario.moves import say
from trunkline.scenario.phrases import grammar
from trunkline.scenario.side_questions import SIDES, side_question

pytestmark = pytest.mark.pure

SIZE = Field("Small or large?", choices={"small": Phrases("small"), "large": Phrases("[a] large [one]")})
PHONE = Field(
    "What is your number?", digits=(3, 3, 4), confirm=True, why="We call you.", named=Phrases("[my] number", "phone")
)
EMAIL = Field(
    "May I have your address for letters?",
    read=lambda said, _before: found if "@" in (found := said.split()[-1]) else None,
    optional=True,
)
CHECK = "Is that all?"


class Ordering:
    """A caller of a part with three fields and a last question."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.order: bool | None = None
        rehearsal = Rehearsal()

        @rehearsal.plays("clerk")
        async def clerk(caller: Caller) -> Lines:
            yield "Hello."
            form = Form(caller, size=SIZE, phone=PHONE, email=EMAIL)
            await form.fill()
            reply = await form.ask(lambda: f"A {form['size']} one for {form['phone']}. {CHECK}", YES, NO)
            self.values, self.order = form.values, reply.meant is YES
            yield "Goodbye!"
            await caller.says()

        self.stage = Stage(rehearsal, "clerk")
        self.stage.plays("hi")

    def says(self, *turns: str) -> str:
        """Say each of the turns; return the last answer."""
        answer = ""
        for words in turns:
            answer = self.stage.plays(words)
        return answer


@pytest.fixture
def caller() -> Ordering:
    return Ordering()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("so who are you exactly?", Form.ASSISTANT),
        ("Hang on, is this a bot?", Form.ASSISTANT),
        ("am I speaking with a human", Form.ASSISTANT),
        ("oh brilliant, another machine", Form.ASSISTANT),
        ("you're not a real person, are you a computer?", Form.ASSISTANT),
        ("what can I say?", Form.HELP),
        ("how does this work", Form.HELP),
        ("ok, before that, will this take long?", Form.QUESTIONS_LEFT.format(3)),
        ("how many more questions are there", Form.QUESTIONS_LEFT.format(3)),
        ("hello? do you speak english please", Form.ENGLISH),
        ("can we speak Polish?", Form.ONLY_ENGLISH),
        ("oh never mind", Form.STOP),
        ("please cancel the whole thing", Form.STOP),
        ("I have to go now, goodbye", Form.GOODBYE),
        ("okay, cheerio then", Form.GOODBYE),
        ("just a sec", Form.PATIENCE),
        ("hang on a tick, let me get my glasses", Form.PATIENCE),
        ("sorry, I need to look it up", Form.PATIENCE),
        ("someone's at the door, one moment", Form.PATIENCE),
        ("who do you work for, is there a human on the line?", Form.ASSISTANT),
        ("whom am I talking to?", Form.ASSISTANT),
        ("hello, who's this I'm speaking with?", Form.ASSISTANT),
        ("who do I have the pleasure of talking to", Form.ASSISTANT),
        ("can you continue in Polish?", Form.ONLY_ENGLISH),
        ("before anything else: are you a bot?", Form.ASSISTANT),
        ("my bus leaves at noon, how long will it take?", Form.QUESTIONS_LEFT.format(3)),
        ("oh never mind, I'll ring my brother", Form.STOP),
        ("that will do, catch you later", Form.GOODBYE),
    ],
)
def test_a_side_question_is_answered_before_the_question_comes_again(caller: Ordering, words: str, answer: str) -> None:
    assert caller.says(words) == f"{answer} {SIZE.question}"
    assert "number" in caller.says("small")


@pytest.mark.parametrize(
    "words", ["are you a robot", "ok, how long will this take?", "fine, what can you do?", "one sec"]
)
def test_a_side_question_does_not_confirm_a_value(caller: Ordering, words: str) -> None:
    assert caller.says("large", "206 555 0142", words).endswith("I have 2 0 6, 5 5 5, 0 1 4 2. Is that right?")


def test_the_remaining_questions_are_counted(caller: Ordering) -> None:
    assert caller.says("small", "how long will it take?").startswith(Form.QUESTIONS_LEFT.format(2))
    assert caller.says("206 555 0142", "yes", "is it going to take long?").startswith(Form.NOT_LONG)


@pytest.mark.parametrize(
    "words",
    ["small. how long will this take?", "a small one please, but are you a robot?", "who are you? small please"],
)
def test_a_side_question_beside_a_value_is_answered_and_the_value_is_kept(caller: Ordering, words: str) -> None:
    answer = caller.says(words)
    assert answer.startswith((Form.ASSISTANT, Form.QUESTIONS_LEFT.format(2)))
    assert answer.endswith(PHONE.question)


@pytest.mark.parametrize(
    "words",
    ["start over", "oh forget it, let's start over", "can we begin again please", "go back to the start", "restart"],
)
def test_a_caller_starts_over(caller: Ordering, words: str) -> None:
    assert caller.says("large", "206 555 0142", words) == f"{Form.START_AGAIN} {SIZE.question}"
    assert caller.says("small") == f"Thank you. {PHONE.question}"
    assert caller.says("206 555 0199", "yes", "no") == f"A small one for 2065550199. {CHECK}"


@pytest.mark.parametrize("words", ["wait, can we start from the beginning?", "hm, scratch it, start again"])
def test_a_caller_starts_over_at_a_later_question_with_values(caller: Ordering, words: str) -> None:
    caller.says("large", "206 555 0142", "yes", "no thanks")
    assert caller.says(words) == f"{Form.START_AGAIN} {SIZE.question}"
    assert caller.says("small", "206 555 0199", "yes", "no") == f"A small one for 2065550199. {CHECK}"


def test_a_later_question_has_the_corrected_values(caller: Ordering) -> None:
    caller.says("large", "206 555 0142", "yes", "no thanks")
    caller.says("no, my number is 206 555 0199")
    assert caller.says("yes").endswith(f"A large one for 2065550199. {CHECK}")


@pytest.mark.parametrize(
    "words",
    [
        "never mind",
        "never mind, I'll come by myself",
        "oh forget about it",
        "no, please cancel that",
        "you know what, leave it",
    ],
)
def test_a_withdrawal_is_a_no_to_a_question_of_yes_or_no(caller: Ordering, words: str) -> None:
    caller.says("large", "206 555 0142", "yes", "no thanks", words)
    assert caller.values
    assert caller.order is False


@pytest.mark.parametrize(
    "words", ["a bit slower please", "can you say that again more slowly?", "you speak too fast", "not so fast, please"]
)
def test_a_question_is_repeated_more_slowly(caller: Ordering, words: str) -> None:
    turn = caller.stage.turn(words)
    assert [(move.text, move.speed) for move in turn.does if isinstance(move, say)] == [(SIZE.question, SLOW)]
    caller.says(words)
    turn = caller.stage.turn("what?")
    assert [move.speed for move in turn.does if isinstance(move, say)] == [1.0]


@pytest.mark.parametrize(
    "words",
    [
        "why on earth would you need my number?",
        "what are you going to do with that?",
        "why should I tell you that",
        "what happens with it?",
    ],
)
def test_the_reason_of_a_question_is_given(caller: Ordering, words: str) -> None:
    assert caller.says("small", words) == f"{PHONE.why} {PHONE.question}"


@pytest.mark.parametrize(
    "words", ["what does large mean?", "is the large one heavy?", "which is bigger, the large one?", "how big is small"]
)
def test_a_question_about_a_choice_does_not_choose(caller: Ordering, words: str) -> None:
    assert caller.says(words).endswith(SIZE.question)


@pytest.mark.parametrize(
    "words", ["could I have the large one?", "is it heavy? large then", "how about a large one?", "is large possible?"]
)
def test_a_request_for_a_choice_chooses(caller: Ordering, words: str) -> None:
    assert caller.says(words).endswith(PHONE.question)


def test_a_withdrawal_of_everything_is_not_one_of_an_optional_value(caller: Ordering) -> None:
    caller.says("small", "206 555 0142", "yes")
    assert caller.says("forget the whole thing") == f"{Form.STOP} {EMAIL.question}"
    assert caller.says("never mind").endswith(CHECK)


def test_a_yes_to_an_optional_field_is_not_its_value(caller: Ordering) -> None:
    assert caller.says("small", "206 555 0142", "yes", "yes please") == f"{Form.GO_AHEAD} {EMAIL.question}"
    assert caller.says("a@b.example").endswith(CHECK)


def test_a_wait_that_corrects_something_is_not_a_wait(caller: Ordering) -> None:
    assert caller.says("small", "wait, make that another one").startswith(Form.SORRY)


@pytest.mark.parametrize(
    "words",
    [
        "206 555 0142",
        "small please",
        "good evening",
        "a lovely evening",
        "yes",
        "no thanks",
        "that's right",
        "is the shop open?",
        "my name is Robert",
        "mm-hm",
    ],
)
def test_words_with_a_point_are_no_side_question(words: str) -> None:
    assert side_question(words) is None


def test_side_questions_are_not_in_the_grammar_of_the_recogniser(caller: Ordering) -> None:
    spoken = grammar(caller.stage.turn("small").expects)
    assert spoken is not None
    assert "robot" not in spoken
    assert grammar(SIDES) is not None


@pytest.mark.parametrize("words", ["on December 5th please, a small one", "small, for the fifth of December"])
def test_a_day_is_taken_early_if_the_bounds_determine_its_year(words: str) -> None:
    fields = {"size": SIZE, "day": Field("Which day?", between=(date(2026, 12, 1), date(2027, 3, 31)))}
    assert readings(words, "size", fields, {}) == {"size": "small", "day": date(2026, 12, 5)}


@pytest.mark.parametrize(("words", "year"), [("December 5th", 2026), ("the fifth of January", 2027)])
def test_a_year_that_the_bounds_determine_is_not_asked_for(words: str, year: int) -> None:
    day = Field("Which day?", between=(date(2026, 12, 1), date(2027, 3, 31)))
    assert day.read(words) == date(year, 1 if year == 2027 else 12, 5)


def test_a_year_is_asked_for_if_several_are_possible() -> None:
    assert Field("Which day?", between=(date(2026, 1, 1), date(2027, 12, 31))).read("December 5th") is None


@pytest.mark.parametrize("words", ["cancel my contract", "who is the owner", "how long will the small one last"])
def test_a_part_of_the_words_is_no_side_question(words: str) -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        sides = (Form.CANCEL, Form.WHO, Form.HOW_LONG)
        reply = await Form(caller).ask("Yes?", *sides, accepts=bool)
        yield "Understood." if reply.meant is None else "Beside the point."

    stage = Stage(rehearsal, "clerk")
    stage.plays()
    assert stage.plays(words) == "Understood."


@pytest.mark.parametrize("words", ["why do you want to know it? Oh well, large", "what is that for? The large one"])
def test_an_answer_after_a_question_for_the_reason_counts(caller: Ordering, words: str) -> None:
    assert caller.says(words).endswith(PHONE.question)


@pytest.mark.parametrize("words", ["hold on, I need to find my glasses", "one sec, I have to get my phone"])
def test_a_caller_who_looks_for_something_may_take_time(caller: Ordering, words: str) -> None:
    assert caller.says("small", words).startswith(Form.PATIENCE)


@pytest.mark.parametrize("words", ["good day, I need a large one", "good evening"])
def test_a_greeting_is_no_goodbye(caller: Ordering, words: str) -> None:
    assert Form.GOODBYE not in caller.says(words)

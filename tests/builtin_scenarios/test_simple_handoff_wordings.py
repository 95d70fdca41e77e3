"""simpleHandoff: wordings of callers, which are topics only where a topic is meant."""

from __future__ import annotations

import pytest

from tests.builtin_scenarios.test_simple_handoff import Typed, haiku_in
from trunkline import Question
from trunkline.builtin_scenarios import simple_handoff
from trunkline.builtin_scenarios.simple_handoff.rehearsal import SAID, topic_in
from trunkline.scenario.phrases import grammar
from trunkline.scenario.text_answers import answer

pytestmark = pytest.mark.pure


@pytest.fixture
def guest() -> Typed:
    """A caller who has heard a haiku about rain."""
    typed = Typed()
    for words in ("hi", "yes please"):
        typed.type(words)
    assert "rain" in " ".join(haiku_in(typed.type("rain"))).lower()
    return typed


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("no wait, about rain", "rain"),
        ("a haiku about rain please", "rain"),
        ("I said mountains", "mountains"),
        ("I meant the moon", "the moon"),
        ("no, about snow", "snow"),
        ("sorry, I mean my cat Ludwig", "my cat Ludwig"),
        ("um, the sea", "the sea"),
        ("actually, how about elephants instead", "elephants"),
        ("can you please write me one about Łódź, thanks", "Łódź"),
        ("wait, let's try the USB stick", "the USB stick"),
        ("yes please, a haiku about two dogs", "two dogs"),
        ("I'd like a poem about my mother-in-law please", "my mother-in-law"),
        ("okay, make it the deep blue sea", "the deep blue sea"),
        ("the cat on the roof", "the cat on the roof"),
        ("🐱", "🐱"),
        ("no wait", ""),
        ("um", ""),
        ("uh, hmm", ""),
        ("yes please", ""),
        ("", ""),
    ],
)
def test_a_topic_is_found_in_its_sentence(words: str, topic: str) -> None:
    assert topic_in(words) == topic


@pytest.mark.parametrize("words", ["no wait, about snow", "a haiku about snow please", "I said snow", "no, snow"])
def test_a_corrected_topic_gets_a_haiku(guest: Typed, words: str) -> None:
    lines = " ".join(haiku_in(guest.type(words))).lower()
    assert "snow" in lines
    assert "please" not in lines
    assert "said" not in lines


@pytest.mark.parametrize("words", ["Yes please, a haiku about snow please", "a haiku about snow please", "about snow"])
def test_a_topic_for_the_greeter_is_as_clean(words: str) -> None:
    typed = Typed()
    typed.type("hi")
    said = typed.type(words)
    assert "snow please" not in said.lower()
    assert "snow" in " ".join(haiku_in(said.partition("\n")[2])).lower()


@pytest.mark.parametrize(
    "words",
    ["that was terrible", "that's boring", "I don't like it", "I hate that one", "that makes no sense"],
)
def test_criticism_is_not_a_topic(guest: Typed, words: str) -> None:
    assert guest.type(words).startswith("I'm sorry that you didn't like it.")


@pytest.mark.parametrize("words", ["shut up", "be quiet please", "stop it", "oh shut up", "enough"])
def test_a_request_for_quiet_is_not_a_topic(guest: Typed, words: str) -> None:
    assert guest.type(words).startswith("All right, I'll be quiet.")


@pytest.mark.parametrize("words", ["um", "uh", "hmm", "uh-huh", "mm-hm", "er"])
def test_a_murmur_is_not_a_topic(guest: Typed, words: str) -> None:
    assert "didn't catch that" in guest.type(words)


@pytest.mark.parametrize(
    "words",
    ["say that again", "can you repeat that please", "read it again", "what did you say?", "say it again please"],
)
def test_a_haiku_is_repeated(guest: Typed, words: str) -> None:
    first = guest.type("the sea")
    assert guest.type(words) == first


@pytest.mark.parametrize(
    ("words", "answer_"),
    [
        ("I love it", "very kind"),
        ("hang on", "Take your time"),
        ("no wait", "Take your time"),
        ("forget it", "Goodbye!"),
    ],
)
def test_small_talk_is_not_a_topic(guest: Typed, words: str, answer_: str) -> None:
    assert answer_ in guest.type(words)


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("Just rain—\nthe whole street goes on walking,\nnot looking at it.", "NONE"),
        ("You idiot—", "OFFENSIVE"),
        ("I will kill you softly,", "VIOLENCE"),
        ("Haikus are boring.", "OFF_BRAND"),
    ],
)
def test_the_moderation_is_rehearsed(said: str, category: str) -> None:
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": said}]}]
    assert simple_handoff.rehearsal
    verdict = answer(simple_handoff.rehearsal, Question("moderation", items=items))
    assert isinstance(verdict, dict)
    assert verdict["category"] == category


def test_the_default_scenario_is_moderated() -> None:
    assert [guardrail.get_name() for guardrail in simple_handoff.guardrails] == ["moderation"]


@pytest.mark.parametrize("words", ["a haiku", "one please", "yes, that please", "I'd love that", "please, a haiku"])
def test_an_order_of_a_haiku_is_a_yes(words: str) -> None:
    typed = Typed()
    typed.type("hi")
    assert "hand you over" in typed.type(words)


@pytest.mark.parametrize(
    "words",
    [
        "that train leaves at a quarter past",
        "it is raining again",
        "one of them is at the door",
        "did that dog eat it",
    ],
)
def test_a_small_word_in_a_sentence_about_something_else_is_not_a_yes(words: str) -> None:
    typed = Typed()
    typed.type("hi")
    assert "didn't catch that" in typed.type(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gladly", "yes it please"),
        ("gladly", "oh yes please that"),
        ("gladly", "of course please"),
        ("done", "no very much"),
        ("done", "no maybe later very much that's fine for today"),
        ("what", "what is that do you mean"),
        ("thanks", "how very so wow"),
        ("critic", "it was it's very terrible really"),
        ("another", "more haiku"),
    ],
)
def test_a_recogniser_cannot_hear_what_nobody_says(name: str, words: str) -> None:
    match = SAID[name].match(words)
    assert match is None or not match.whole


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("could you maybe write me something about the mountains please", "the mountains"),
        ("I want have a nice little poem about my uncle", "my uncle"),
        ("about winter, no wait, spring", "spring"),
        ("the desert… sorry, no, the jungle", "the jungle"),
        ("fine, do elephants then", "elephants"),
        ("one more about tea if you like", "tea"),
        ("no, the OCEAN, like ships and whales", "the OCEAN"),
        ("how about the moon, as I said", "the moon"),
        ("somewhere over the rainbow", "somewhere over the rainbow"),
        ("about trains, I'm an engine driver", "trains"),
        ("people like us", "people like us"),
        ("seagulls, I guess", "seagulls"),
        ("let me think… old books", "old books"),
        ("one more haiku, please: the wind", "the wind"),
        ("make it about fireflies", "fireflies"),
        ("about you", "you"),
        ("the day I met you", "the day I met you"),
        ("no I wanted autumn", "autumn"),
        ("how old are bees", ""),
        ("well, that was not what I said", ""),
        ("okay, I have to feed the dog", ""),
        ("can you sing?", ""),
    ],
)
def test_a_topic_is_found_among_other_words(words: str, topic: str) -> None:
    assert topic_in(words) == topic


@pytest.mark.parametrize(
    ("words", "answer_"),
    [
        ("okay then, bye bye now", "Goodbye!"),
        ("I have to go, cheerio", "Goodbye!"),
        ("not this one again", "What shall it be about?"),
        ("something a bit funnier please", "What shall it be about?"),
        ("forget that, let's begin again", "from the beginning"),
        ("and now a short one", "What shall it be about?"),
        ("gracias, that's all", "Goodbye!"),
        ("right, I'm off", "Goodbye!"),
        ("sorry, I've got to dash", "Goodbye!"),
        ("okay, all done", "Goodbye!"),
        ("a bit sadder", "What shall it be about?"),
        ("oh, that's too dark", "What shall it be about?"),
        ("how can you do that so fast", "didn't catch that. Name a topic"),
        ("no, that's not for me", "What shall it be about?"),
        ("who built you?", "not a human"),
        ("thank you so much, see you", "Goodbye!"),
        ("are you a machine?", "not a human"),
        ("will this take long?", "no time at all"),
        ("do you speak German?", "only speak English"),
    ],
)
def test_words_beside_the_point_are_not_a_topic(guest: Typed, words: str, answer_: str) -> None:
    assert answer_ in guest.type(words)


@pytest.mark.parametrize(
    "words",
    [
        "that was beautiful, one more please",
        "oh that's great, make me another",
        "very nice, thanks, give me another one",
    ],
)
def test_praise_and_another_one_is_another_one(guest: Typed, words: str) -> None:
    assert "rain" in " ".join(haiku_in(guest.type(words))).lower()


@pytest.mark.parametrize(
    "words",
    [
        "what was that again?",
        "sorry, can you read it a little slower?",
        "too fast",
        "let me hear it again",
        "slower, I want to learn it",
    ],
)
def test_a_haiku_is_repeated_slowly(guest: Typed, words: str) -> None:
    first = guest.type("the sea")
    assert guest.type(words) == first


@pytest.mark.parametrize(
    "words", ["I have no idea", "whatever you like", "I don't mind, you decide", "choose for me, I'm terrible at that"]
)
def test_the_writer_chooses_a_topic(guest: Typed, words: str) -> None:
    haiku = " ".join(haiku_in(guest.type(words))).lower()
    assert "idea" not in haiku
    assert "whatever" not in haiku


@pytest.mark.parametrize(
    ("words", "answer_"),
    [
        ("is this a robot?", "automatic greeter"),
        ("is it a machine?", "automatic greeter"),
        ("hi, what's this all about?", "a poem in three short lines"),
        ("and what's the point of that?", "nobody else has it"),
        ("sorry, do you speak English", "I speak English"),
        ("give me a sec", "take your time"),
    ],
)
def test_a_side_question_to_the_greeter_is_answered(words: str, answer_: str) -> None:
    typed = Typed()
    typed.type("hi")
    said = typed.type(words)
    assert answer_ in said
    assert said.endswith("Would you like a haiku? Say: yes please, or: no thanks.")


@pytest.mark.parametrize(
    ("words", "topic"), [("haiku: bees", "bees"), ("Haiku! The night train, please", "night train")]
)
def test_a_haiku_is_ordered_with_its_topic_in_a_word(words: str, topic: str) -> None:
    typed = Typed()
    typed.type("hi")
    assert topic in typed.type(words).lower()


def test_typed_wordings_are_not_in_the_grammar_of_the_recogniser() -> None:
    spoken = grammar(SAID.values())
    assert spoken is not None
    assert "funnier" not in spoken
    assert SAID["else"].match("something funnier")

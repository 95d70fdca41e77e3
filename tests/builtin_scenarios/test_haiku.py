"""The haiku composer: lines of five, seven and five syllables about any topic."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builtin_scenarios.pronunciations import Phones, counts_of_line, pronunciations
from trunkline.builtin_scenarios.simple_handoff.haiku import LINES, compose
from trunkline.builtin_scenarios.simple_handoff.syllables import syllables
from trunkline.builtin_scenarios.simple_handoff.topic import read_topic
from trunkline.builtin_scenarios.simple_handoff.word_lists import find_noun, nouns, spoken_nouns

FORM = [5, 7, 5]
IMAGES_OF = {name.removeprefix("images of "): LINES[name] for name in LINES if name.startswith("images of ")}


def haikus(topic: str, count: int) -> list[str]:
    """`count` haikus on one topic, as one caller would hear them."""
    written: list[str] = []
    for _ in range(count):
        haiku = compose(topic, written)
        assert haiku, topic
        written.append(haiku)
    return written


def form(haiku: str) -> list[int]:
    return [syllables(line) for line in haiku.split("\n")]


def test_there_are_a_thousand_nouns() -> None:
    assert len(set(spoken_nouns())) >= 1000


def test_the_recogniser_knows_every_noun_that_may_be_spoken() -> None:
    assert {noun.lower() for noun in spoken_nouns()} <= set(pronunciations())


def test_no_two_spoken_nouns_sound_alike() -> None:
    heard: dict[Phones, str] = {}
    for word in spoken_nouns():
        for phones in pronunciations()[word.lower()]:
            assert heard.setdefault(phones, word) == word


def test_each_noun_has_a_theme_with_images() -> None:
    assert {noun.theme for noun in nouns().values()} == set(IMAGES_OF)


@pytest.mark.parametrize("theme", sorted(IMAGES_OF))
def test_haikus_about_nouns_are_right_by_the_dictionary_too(theme: str) -> None:
    for noun in nouns().values():
        if noun.theme == theme and noun.word.lower() in pronunciations():
            for haiku in haikus(noun.word, 6):
                assert form(haiku) == FORM, haiku
                lines = haiku.split("\n")
                assert all(n in counts_of_line(line) for n, line in zip(FORM, lines, strict=True)), haiku
                assert re.search(rf"\b{noun.word}\b", haiku, re.IGNORECASE), haiku


def test_each_line_of_the_images_is_right_by_the_dictionary_in_singular_and_plural() -> None:
    for topic in ("it", "they"):
        for pair in (*LINES["images"], *(pair for pairs in IMAGES_OF.values() for pair in pairs)):
            middle, last = agreeing(pair, topic).split(" / ")
            assert 7 in counts_of_line(middle), middle
            assert 5 in counts_of_line(last), last


def agreeing(line: str, subject: str) -> str:
    return re.sub(r"\{(\w*)\|(\w*)\}", r"\2" if subject == "they" else r"\1", line)


@pytest.mark.parametrize(
    ("topic", "contains"),
    [
        ("the deep blue sea", "the deep blue sea"),
        ("my cat Ludwig", "my cat Ludwig"),
        ("quantum entanglement", "quantum entanglement"),
        ("2 dogs", "two dogs"),
        ("NASA", "NASA"),
        ("USB", "USB"),
        ("a big red balloon", "big red balloon"),
        ("crème brûlée", "crème brûlée"),
        ("Łódź", "Łódź"),
        ("Москва", "Москва"),
        ("日本の秋", "日本の秋"),
        ("क्षमा", "क्षमा"),
        ("pizza & beer", "pizza and beer"),
        ("🐱", "cat"),
        ("asdf qwer", "asdf qwer"),
        ("THE SEA", "the sea"),
        ("1984", "nineteen eighty four"),
        ("my mother-in-law", "my mother-in-law"),
        ("the end of the world as we know it", "the end of the world"),
        ("the smell of fresh bread in the early morning", "the smell of fresh bread"),
        ("my grandmother's garden in the south of France", "my grandmother's garden"),
        ("I love my mother and she is in the hospital now because of the long winter", "my mother"),
        ("please, oh please, something really really long about an old elephant who forgot everything", "elephant"),
    ],
)
def test_typed_topics_are_in_their_haikus(topic: str, contains: str) -> None:
    for haiku in haikus(topic, 8):
        assert form(haiku) == FORM, haiku
        assert contains.lower() in haiku.lower(), haiku


@pytest.mark.parametrize("topic", ["", "   ", "!!!", "…", "—", "'", "\n\t", "\u200d"])
def test_no_words_make_no_haiku(topic: str) -> None:
    assert compose(topic) is None


@pytest.mark.parametrize(
    "topic",
    [
        "antidisestablishmentarianism",
        "a" * 5000,
        "na " * 2000,
        "1" * 500,
        "the " * 50,
        "of of of",
        "Donaudampfschiff" * 4,
    ],
)
def test_a_long_topic_still_gets_a_haiku(topic: str) -> None:
    for haiku in haikus(topic, 8):
        assert form(haiku) == FORM, haiku
        assert len(haiku) < 200


@given(st.text(max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_with_a_word_in_it_gets_a_haiku(topic: str) -> None:
    haiku = compose(topic)
    assert (haiku is None) == (read_topic(topic) is None)
    assert haiku is None or form(haiku) == FORM


@given(
    st.lists(
        st.sampled_from([*list(nouns())[::7], "the", "my", "of", "and", "who", "is", "I", "2", "old", "Ludwig"]),
        min_size=1,
        max_size=9,
    )
)
@settings(max_examples=400, deadline=None)
def test_any_words_in_any_order_get_a_haiku(words: list[str]) -> None:
    for haiku in haikus(" ".join(words), 4):
        assert form(haiku) == FORM


def test_a_haiku_depends_on_nothing_but_topic_and_earlier_ones() -> None:
    assert haikus("the moon", 5) == haikus("the moon", 5)


@pytest.mark.parametrize("topic", ["rain", "my cat Ludwig", "quantum entanglement"])
def test_haikus_for_one_caller_do_not_share_lines(topic: str) -> None:
    lines = [line for haiku in haikus(topic, 8) for line in haiku.lower().split("\n")]
    assert len(set(lines)) == len(lines)


def test_a_thousand_nouns_give_well_over_a_thousand_lines() -> None:
    lines = {line for word in nouns() for line in haikus(word, 2)[1].split("\n")}
    assert len(lines) > 1000


def test_lines_without_a_topic_are_many_by_themselves() -> None:
    pairs = [*LINES["images"], *LINES["leads"], *(pair for pairs in IMAGES_OF.values() for pair in pairs)]
    assert (
        len({line for pair in pairs for line in pair.split(" / ")}) + len(LINES["settings"]) + len(LINES["closings"])
        > 300
    )


def test_the_voice_pauses_where_a_line_ends() -> None:
    for word in list(nouns())[::5]:
        for haiku in haikus(word, 6):
            assert all(re.search(r"[—,;:.?!]$", line) for line in haiku.split("\n")), haiku


def test_sentences_begin_with_a_capital() -> None:
    for haiku in haikus("rain", 8):
        assert re.match(r"[A-Z]", haiku)
        assert not re.search(r"[.?]\n[a-z]", haiku)


@pytest.mark.parametrize(
    ("topic", "definite", "loose", "plural"),
    [
        ("elephant", "the elephant", "an elephant", False),
        ("unicorn", "the unicorn", "a unicorn", False),
        ("rain", "rain", "rain", False),
        ("moon", "the moon", "the moon", False),
        ("scissors", "scissors", "scissors", True),
        ("mice", "mice", "mice", True),
        ("an old violin", "the old violin", "an old violin", False),
        ("two cats and a dog", "two cats and a dog", "two cats and a dog", True),
        ("Tokyo", "Tokyo", "Tokyo", False),
        ("gazebo", None, "gazebo", False),
        ("stargazing", "stargazing", "stargazing", False),
        ("the cat in the hat", "the cat in the hat", "the cat in the hat", False),
        ("my boss", "my boss", "my boss", False),
    ],
)
def test_a_topic_becomes_a_noun_phrase(topic: str, definite: str | None, loose: str, plural: bool) -> None:
    read = read_topic(topic)
    assert read
    assert (read.definite, read.loose, read.plural) == (definite, loose, plural)


def test_people_and_names_are_not_called_it() -> None:
    assert [bool(t and t.pronoun) for t in map(read_topic, ("my mother", "Anna Lee", "my boss", "me", "the sea"))] == [
        False
    ] * 4 + [True]


def test_a_plural_is_known_by_its_singular() -> None:
    found = [find_noun(word) for word in ("cats", "leaves", "cherries", "peaches", "cat", "xyzs")]
    assert [bool(noun and noun[1]) for noun in found] == [True, True, True, True, False, False]

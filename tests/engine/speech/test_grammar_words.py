"""Words of a grammar that hint at a recogniser's vocabulary."""

from __future__ import annotations

from trunkline.engine.speech.stt.grammar_words import MAX_KEYWORDS, keywords_of, words_of
from trunkline.scenario.phrases import Phrases, Words, grammar
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups


def test_the_words_of_a_grammar_are_those_that_can_be_said() -> None:
    text = "#JSGF V1.0;\ngrammar caller;\n// a comment\npublic <said> = /2/ yes [please] {tag} | <other>;\n"
    assert list(words_of(text)) == ["yes", "please"]


def test_keywords_are_the_uncommon_words_without_numbers() -> None:
    text = grammar(
        [
            Phrases("i want to return my snowboard boots", "a haiku please"),
            Phrases("{number}", number=DigitGroups(3, 3, 4)),
            Phrases("{date}", date=DateSlot()),
        ]
    )
    assert keywords_of(text or "") == ("return", "snowboard", "boots", "haiku", "please")


def test_a_long_list_of_words_gives_no_keywords() -> None:
    words = [f"word{number}" for number in range(MAX_KEYWORDS + 1)]
    assert keywords_of(grammar([Phrases("{word}", word=Words(words))]) or "") == ()

"""The default detector: stop words, questions and content interrupt; backchannels and murmurs do not."""

from __future__ import annotations

import pytest

from trunkline.scenario.interruption import HeardWords, Interrupt, OverlappingSpeech, Resume
from trunkline.scenario.word_detector import WordDetector, lexicon, words_of

pytestmark = pytest.mark.pure

SURE = -0.4
BACKCHANNELS = [
    "Mm-hmm.", "Uh-huh.", "Yeah.", "Yes.", "Right.", "Okay.",
    "Sure.", "I see.", "Got it.", "Go on.", "Oh.", "All right.",
]  # fmt: skip
"""The kinds of backchannels that callers give; each also with a spelling of Whisper for a murmur below."""
SPELLINGS = ["Mm.", "M&H.", "Mh.", "I", "Icy.", "Bye.", "You", "Thank you.", "Hmmm.", "Mhm, yeah.", "Oh, okay, right."]


def decide(
    *texts: str, paused: bool = False, ms: float = 600.0, sure: float | None = SURE, no_speech: float | None = 0.1
) -> Interrupt | Resume | None:
    """Return the decision after the recogniser has heard each of these texts in turn."""
    words = tuple(HeardWords(text, sure, no_speech) for text in texts)
    return WordDetector().decide(OverlappingSpeech(words, ms, paused))


@pytest.mark.parametrize("text", [*BACKCHANNELS, *SPELLINGS])
def test_a_backchannel_lets_the_agent_continue_when_it_has_ended(text: str) -> None:
    assert decide(text, text, paused=True) == Resume("backchannel", text)


@pytest.mark.parametrize("text", [*BACKCHANNELS, *SPELLINGS])
def test_a_backchannel_that_may_go_on_decides_nothing(text: str) -> None:
    assert decide(text, text) is None


@pytest.mark.parametrize("text", ["Ja.", "Genau.", "Mhm.", "Ach so.", "Alles klar.", "Ja, genau.", "Ich verstehe."])
def test_german_backchannels_are_known(text: str) -> None:
    assert decide(text, paused=True, sure=None, no_speech=None) == Resume("backchannel", text)


@pytest.mark.parametrize(
    "text", ["No.", "Wait", "Stop!", "Hold on", "Hang on", "Sorry", "Excuse me", "Nein", "Moment", "Warte mal"]
)
def test_a_stop_word_interrupts_at_once_even_if_it_is_unsure(text: str) -> None:
    assert decide(text, sure=-2.5, no_speech=0.9) == Interrupt("stop_word", text)


def test_a_very_unsure_stop_word_is_a_murmur() -> None:
    assert decide("No.", sure=-2.7) is None
    assert decide("No.", sure=-2.7, paused=True) == Resume("backchannel", "No.")


@pytest.mark.parametrize("text", ["Oh, wait.", "Um, sorry", "Yeah no"])
def test_a_stop_word_after_a_backchannel_interrupts(text: str) -> None:
    assert decide(text) == Interrupt("stop_word", text)


@pytest.mark.parametrize(
    "text", ["What", "Why?", "How much", "Um, where is it", "The blue?", "Warum", "Okay, and mine?"]
)
def test_a_question_interrupts(text: str) -> None:
    assert isinstance(decide(text), Interrupt)


@pytest.mark.parametrize("text", ["Really?", "Oh, yeah?", "Right?"])
def test_a_backchannel_that_is_asked_does_not_interrupt(text: str) -> None:
    assert decide(text, paused=True) == Resume("backchannel", text)


@pytest.mark.parametrize("text", ["I need my bill", "Cancel my order", "Yeah, my number is", "The second order"])
def test_two_words_of_content_interrupt(text: str) -> None:
    assert decide(text) == Interrupt("content", text)


@pytest.mark.parametrize("text", ["But", "Actually", "Don't", "Not", "One", "Let", "Yeah, but", "Aber", "Nicht"])
def test_an_opener_interrupts_alone(text: str) -> None:
    assert decide(text) == Interrupt("content", text)


def test_a_single_other_word_needs_a_second_look() -> None:
    assert decide("Goggles") is None
    assert decide("Goggles", "Goggles") == Interrupt("content", "Goggles")
    assert decide("Mm", "Goggles") is None


def test_a_single_other_word_interrupts_at_the_end() -> None:
    assert decide("Goggles", paused=True) == Interrupt("content", "Goggles")


@pytest.mark.parametrize(
    ("sure", "no_speech"), [(-1.0, 0.1), (-0.4, 0.71)], ids=["an unsure recogniser", "no speech in the audio"]
)
def test_words_that_are_likely_made_up_do_not_interrupt(sure: float, no_speech: float) -> None:
    assert decide("I'll be back", sure=sure, no_speech=no_speech, paused=True) == Resume("backchannel", "I'll be back")


@pytest.mark.parametrize(
    "text", ["I'm a little bit, I'm a little bit", "the man the man the man the man", "hey hey hey hey"]
)
def test_a_loop_is_a_murmur(text: str) -> None:
    assert decide(text, text) is None


def test_a_word_of_more_than_14_letters_is_a_murmur() -> None:
    assert decide("Ohmygoodnessgracious yes indeed", "Ohmygoodnessgracious yes indeed") is None


def test_long_words_of_a_services_transcript_count() -> None:
    assert decide("Die Kundennummernliste bitte", sure=None, no_speech=None) is not None


@pytest.mark.parametrize("texts", [(), ("",), ("", "")])
def test_speech_that_ends_without_words_lets_the_agent_continue(texts: tuple[str, ...]) -> None:
    assert decide(*texts, paused=True) == Resume("no_words", "")


@pytest.mark.parametrize("texts", [(), ("",), ("Yeah.",), ("I'll be back",)])
def test_speech_over_1300_ms_interrupts_whatever_its_words(texts: tuple[str, ...]) -> None:
    last = texts[-1] if texts else ""
    assert decide(*texts, ms=1299, sure=-1.5) is None
    assert decide(*texts, ms=1300, sure=-1.5) == Interrupt("long_speech", last)


def test_a_services_words_count_without_probabilities() -> None:
    assert decide("I need my bill", sure=None, no_speech=None) == Interrupt("content", "I need my bill")


def test_an_own_lexicon_replaces_the_words() -> None:
    english = WordDetector(lexicon("en"))
    assert english.decide(OverlappingSpeech((HeardWords("Genau"),), 500.0, paused=True)) == Interrupt(
        "content", "Genau"
    )


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'fr'. Choose from: en, de"):
        lexicon("fr")


def test_words_with_hyphens_and_apostrophes_are_one_word() -> None:
    assert words_of("Mm-hmm, I don’t… know!") == ["mmhmm", "i", "don't", "know"]

"""Pronunciations: the voice gets another spelling, and the marks stay those of the text."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from trunkline.engine.speech import PreparingTts, SpeechChunk, SpeechMark
from trunkline.engine.speech.tts.pronouncing import PronouncingTts

NAMES = {"Snowy Peak": "snow-ee peek", "Snowy": "snoh-wee", "C++": "see plus plus"}


class Voice:
    """A voice that says nothing and marks each character."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.prepared: list[str] = []

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        self.said.append(text)
        yield SpeechChunk(b"", tuple(SpeechMark(index, index) for index in range(len(text) + 1)))

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        self.prepared.append(text)

    async def aclose(self) -> None:
        raise AssertionError("The voice belongs to the engine.")


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Welcome to Snowy Peak!", "Welcome to snow-ee peek!"),
        ("SNOWY  PEAK and snowy hills", "snow-ee peek and snoh-wee hills"),
        ("Snowy Peaks, snowyish", "snoh-wee Peaks, snowyish"),
        ("Is C++ hard?", "Is see plus plus hard?"),
        ("Nothing here.", "Nothing here."),
        ("", ""),
    ],
)
def test_names_are_respelled_as_whole_words_in_any_case(text: str, spoken: str) -> None:
    assert PronouncingTts(Voice(), NAMES).respell(text).text == spoken


async def test_marks_count_the_characters_of_the_original_text() -> None:
    voice = Voice()
    text = "At Snowy Peak, now."
    (chunk,) = [chunk async for chunk in PronouncingTts(voice, NAMES).speak(text)]
    assert voice.said == ["At snow-ee peek, now."]
    said = [text[: mark.text_end] for mark in chunk.marks]
    assert said[:4] == ["", "A", "At", "At "]
    assert set(said[4:15]) == {"At "}, "a name counts when all of it was spoken"
    assert said[15:17] == ["At Snowy Peak", "At Snowy Peak,"]
    assert said[-1] == text


async def test_a_prepared_text_is_respelled_too() -> None:
    voice = Voice()
    tts = PronouncingTts(voice, NAMES)
    assert isinstance(tts, PreparingTts)
    await tts.prepare("Snowy Peak?")
    assert voice.prepared == ["snow-ee peek?"]
    await tts.aclose()

"""Pronunciations of names: the voice gets another spelling, and the transcript stays as it was written."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from trunkline.engine.speech import PreparingTts, SpeechChunk, SpeechMark, Tts


@dataclass(frozen=True)
class Respelling:
    """A text with other spellings of some words.

    Attributes:
        text: the text for the voice.
        source_ends: for each length of `text`, the length of the original text that it speaks.
    """

    text: str
    source_ends: tuple[int, ...]


class PronouncingTts:
    """A voice that pronounces some names as a scenario says. It does not own `tts`.

    Args:
        pronunciations: another spelling for each name. Names are whole words in any case.
    """

    def __init__(self, tts: Tts, pronunciations: Mapping[str, str]) -> None:
        self._tts = tts
        self._spellings = {_normal(name): spelling for name, spelling in pronunciations.items()}
        names = sorted(self._spellings, key=len, reverse=True)
        words = "|".join(r"\s+".join(map(re.escape, name.split())) for name in names)
        self._names = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """Return the audio of `text`, with marks in the original text; see `Tts.speak`."""
        respelled = self.respell(text)
        audio = self._tts.speak(respelled.text, voice=voice, speed=speed, language=language)
        async with aclosing(audio) as chunks:  # type: ignore[type-var]  # every voice is a generator
            async for chunk in chunks:
                marks = tuple(SpeechMark(mark.at_ms, respelled.source_ends[mark.text_end]) for mark in chunk.marks)
                yield SpeechChunk(chunk.pcm, marks)

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        """Make the beginning of `text` ahead, if the voice can."""
        if isinstance(self._tts, PreparingTts):
            await self._tts.prepare(self.respell(text).text, voice=voice, speed=speed, language=language)

    async def aclose(self) -> None:
        """Do nothing: the voice is ended by its owner."""

    def respell(self, text: str) -> Respelling:
        """Return `text` with the other spellings."""
        spoken, ends, done = "", [0], 0
        for found in self._names.finditer(text):
            spelling = self._spellings[_normal(found.group())]
            spoken += text[done : found.start()] + spelling
            ends += range(done + 1, found.start() + 1)
            ends += [found.start()] * (len(spelling) - 1)
            ends.append(found.end())
            done = found.end()
        ends += range(done + 1, len(text) + 1)
        return Respelling(spoken + text[done:], tuple(ends))


def _normal(name: str) -> str:
    return " ".join(name.lower().split())

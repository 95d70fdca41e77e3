"""Fakes of brain, speech recognition, speech synthesis and voice activity, which the test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta
from trunkline.engine.speech import SpeechChunk, SpeechError, SpeechMark, Transcript
from trunkline.realtime.events import text_of

LOUD = (12_000).to_bytes(2, "little", signed=True)
SILENCE = b"\0\0"


def loud(ms: int) -> bytes:
    """Return PCM16 at 24 kHz that `FakeActivity` takes for speech."""
    return LOUD * (24 * ms)


def silence(ms: int) -> bytes:
    """Return PCM16 silence at 24 kHz."""
    return SILENCE * (24 * ms)


class FakeActivity:
    """Voice activity that takes loud audio for speech."""

    def probability(self, frame: bytes) -> float:
        samples = memoryview(frame).cast("h")
        return 1.0 if sum(abs(sample) > 3000 for sample in samples) > len(samples) // 2 else 0.0

    def reset(self) -> None:
        pass


def echo(request: BrainRequest) -> list[BrainOutput]:
    """Repeat the last user message."""
    users = [item for item in request.items if item.get("role") == "user"]
    return [TextDelta(f"You said: {text_of(users[-1]) if users else 'nothing'}.")]


@dataclass
class FakeBrain:
    """Brain that answers by a function of the request, one output at a time, with `delay` seconds before each."""

    answer: Callable[[BrainRequest], list[BrainOutput]] = echo
    delay: float = 0.0
    requests: list[BrainRequest] = field(default_factory=list)
    closed_early: int = 0
    error: Exception | None = None

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        self.requests.append(request)
        complete = False
        try:
            for output in self.answer(request):
                await asyncio.sleep(self.delay)
                yield output
            if self.error is not None:
                raise self.error
            complete = True
        finally:
            self.closed_early += not complete

    def grammar(self, request: BrainRequest) -> str | None:
        return None

    async def aclose(self) -> None:
        pass


WORD_MS = 100


def sound_of(text: str) -> list[SpeechChunk]:
    """100 ms of sound a word, with a mark at the end of each."""
    chunks, end = [], 0
    for index, word in enumerate(text.split()):
        end = text.index(word, end) + len(word)
        chunks.append(SpeechChunk(loud(WORD_MS), (SpeechMark((index + 1) * WORD_MS, end),)))
    return chunks


@dataclass
class FakeTts:
    """Speech synthesis with 100 ms a word, and `delay` seconds before each."""

    delay: float = 0.0
    broken: bool = False
    mistake: Exception | None = None
    said: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        if self.broken:
            raise SpeechError("No voice is installed.")
        if self.mistake is not None:
            raise self.mistake
        self.said.append((text, voice, language))
        for chunk in sound_of(text):
            await asyncio.sleep(self.delay)
            yield chunk

    async def aclose(self) -> None:
        pass


class FakeUtterance:
    def __init__(self, recogniser: FakeStt) -> None:
        self.fed = bytearray()
        self.pauses: list[bool] = []
        self.abandoned = False
        self._recogniser = recogniser

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    def pause(self) -> None:
        self.pauses.append(True)

    def resume(self) -> None:
        self.pauses.append(False)

    async def finish(self) -> Transcript:
        await asyncio.sleep(self._recogniser.delay)
        if self._recogniser.broken:
            raise SpeechError("The recogniser died.")
        return Transcript(self._recogniser.words)

    def abandon(self) -> None:
        self.abandoned = True


@dataclass
class FakeStt:
    """Speech recognition with the transcript `words` for each utterance."""

    words: str = "hello there"
    delay: float = 0.0
    broken: bool = False
    utterances: list[FakeUtterance] = field(default_factory=list)

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> FakeUtterance:
        self.utterances.append(FakeUtterance(self))
        return self.utterances[-1]

    async def aclose(self) -> None:
        pass

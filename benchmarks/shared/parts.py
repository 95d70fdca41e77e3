"""Engine parts with constant behaviour and almost no cost, so that a benchmark measures the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta
from trunkline.engine.speech import SpeechChunk, Transcript


class FixedBrain:
    """A brain that gives the same answer to everything and expects the words of its grammar."""

    def __init__(self, answer: str, grammar: str | None = None) -> None:
        self._answer = answer
        self._grammar = grammar

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        yield TextDelta(self._answer)

    def prepare(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        return self.respond(request)

    def grammar(self, request: BrainRequest) -> str | None:
        return self._grammar

    async def aclose(self) -> None:
        pass


class FixedStt:
    """A recogniser that returns its words at once and ignores the audio."""

    def __init__(self, words: str = "") -> None:
        self._words = words

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> FixedStt:
        return self

    def feed(self, pcm: bytes) -> None:
        pass

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    async def finish(self) -> Transcript:
        return Transcript(self._words)

    def abandon(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class PreparedTts:
    """A voice that returns one second of prepared audio at once."""

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        yield SpeechChunk(bytes(48_000))

    async def aclose(self) -> None:
        pass

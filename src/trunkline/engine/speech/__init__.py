"""Speech behind two small protocols: an `Stt` that turns sound into words and a `Tts` that does the reverse.

All sound here is PCM16 little-endian mono at 24 kHz (`SAMPLE_RATE`), the Realtime protocol's own format; an
implementation that wants another rate resamples for itself. Times are milliseconds of that sound, never of the
wall clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

SAMPLE_RATE = 24_000


class SpeechError(Exception):
    """Recognising or speaking failed; the message says what to do about it."""


@dataclass(frozen=True)
class Transcript:
    """What was said. `text` is empty when there was sound but no words were recognised."""

    text: str


class Utterance(Protocol):
    """One stretch of speech on its way to becoming words. Decoding goes on while sound arrives."""

    def feed(self, pcm: bytes) -> None:
        """Takes more sound; returns at once."""

    async def finish(self) -> Transcript:
        """The words, once all that was fed has been decoded.

        Raises:
            SpeechError: the recogniser died or gave up; a later utterance may work again.
        """

    def abandon(self) -> None:
        """Gives up the utterance. Harmless after `finish`, and twice."""


class Stt(Protocol):
    """Opens utterances; several may be open at once, from different sessions."""

    def open(
        self,
        *,
        grammar: str | None = None,
        language: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Utterance:
        """Begins an utterance.

        Args:
            grammar: JSGF text of what the caller may say; None means free dictation.
            language: a hint such as "en" or "de"; None means the recogniser's own default.
            on_partial: called on the event loop with the words so far, whenever they change.
        """

    async def aclose(self) -> None:
        """Ends the recogniser and whatever process it keeps."""


@dataclass(frozen=True)
class SpeechMark:
    """At `at_ms` into an utterance's sound, the first `text_end` characters of its text have been said."""

    at_ms: int
    text_end: int


@dataclass(frozen=True)
class SpeechChunk:
    """Some sound of an utterance, with the marks that fall within it (times count from the utterance's start)."""

    pcm: bytes
    marks: tuple[SpeechMark, ...] = ()


class Tts(Protocol):
    """Says text aloud."""

    def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """The sound of `text`, in chunks as they are made. Ending the iteration early stops the work.

        Args:
            text: what to say, plain text.
            voice: a Realtime voice name such as "sage"; an unknown one gets the default voice.
            speed: 0.25 to 1.5, as the protocol has it.
            language: "en", "de"…; None leaves it to the voice to tell from the text, or to speak English.

        Raises:
            SpeechError: the voice is not there or failed.
        """

    async def aclose(self) -> None:
        """Ends the voice. Harmless when done twice."""

"""Speech behind two small protocols: `Stt` turns audio into words, `Tts` turns words into audio.

All audio here is PCM16 little-endian mono at 24 kHz (`SAMPLE_RATE`), the Realtime protocol's own format; an
implementation that needs another rate resamples. Times are milliseconds of that audio, never of the wall clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

SAMPLE_RATE = 24_000


class SpeechError(Exception):
    """A recogniser or a voice failed; the message says how to repair it."""


@dataclass(frozen=True)
class Transcript:
    """The words of an utterance. `text` is empty when no words were recognised in its audio."""

    text: str


class Utterance(Protocol):
    """One stretch of a caller's speech. Decoding may begin while its audio arrives."""

    def feed(self, pcm: bytes) -> None:
        """Take more audio; return at once."""

    def pause(self) -> None:
        """Take note that the caller has stopped speaking, so that the utterance may end within a few 100 ms.

        A slow recogniser decodes the audio so far ahead of `finish`.
        """

    def resume(self) -> None:
        """Take note that the caller speaks again: an earlier `pause` was not the end.

        The words of the next pause go to `on_partial` also if they are the same.
        """

    async def finish(self) -> Transcript:
        """Return the words, once all audio has been decoded.

        Raises:
            SpeechError: the recogniser failed or is overloaded; a later utterance may work again.
        """

    def abandon(self) -> None:
        """Give up the utterance. Does nothing after `finish`, and when called again."""


@runtime_checkable
class ProbingUtterance(Protocol):
    """An utterance whose words can be had early, while the caller speaks over the agent."""

    def probe(self) -> None:
        """Recognise the words so far at once, and pass them to `on_partial`; likely ones only."""

    async def paused_words(self) -> str:
        """Return the words up to the last `pause`, "" for none. A `resume` may leave it waiting: then cancel it.

        Raises:
            SpeechError: the recogniser failed.
        """


@runtime_checkable
class AlternativesUtterance(Protocol):
    """An utterance of a recogniser that considers several texts for the same audio."""

    def alternatives(self) -> tuple[str, ...]:
        """Return the texts that are almost as likely as the words that `on_partial` had last."""


class Stt(Protocol):
    """A recogniser. It opens utterances; several may be open at once, from different sessions."""

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Utterance:
        """Begin an utterance.

        Args:
            grammar: JSGF text of the sentences that the caller may say; None means free dictation. A recogniser that
                hears anything ignores it.
            expects: returns whether a text is an expected reply. A recogniser that considers several texts for the same
                audio prefers an expected one among the likely ones.
            language: a hint such as "en" or "de"; None means the recogniser's own default.
            prompt: names and terms that are likely to be said, as the Realtime protocol's transcription prompt.
            session_id: the session of the caller, by which the recogniser shares its work fairly and remembers the
                caller's line.
            on_partial: called on the event loop with all words so far, when they have changed.

        Raises:
            SpeechError: the recogniser is closed.
        """

    async def aclose(self) -> None:
        """End the recogniser and the processes that it keeps. A second call does nothing."""


@dataclass(frozen=True)
class ProbedWords:
    """The words of a short piece of speech, with the recogniser's doubts.

    Attributes:
        text: the words, also unlikely ones.
        log_probability: the mean log probability of the words' tokens, 0 for certain.
        no_speech: the probability that the audio holds no speech.
    """

    text: str
    log_probability: float
    no_speech: float


@runtime_checkable
class ProbingStt(Protocol):
    """A recogniser that can look at a piece of speech at once, while the caller speaks on."""

    async def probe(self, pcm: bytes, *, session_id: str) -> ProbedWords:
        """Return the words of a piece of speech of at most a few seconds: PCM16 at 24 kHz.

        Raises:
            SpeechError: the recogniser failed or is overloaded.
        """


@dataclass(frozen=True)
class SpeechMark:
    """The time at which the first `text_end` characters of a text have been spoken: `at_ms` into its audio."""

    at_ms: int
    text_end: int


@dataclass(frozen=True)
class SpeechChunk:
    """Some audio of a spoken text, with the marks that fall within it; times count from the start of the text."""

    pcm: bytes
    marks: tuple[SpeechMark, ...] = ()


class Tts(Protocol):
    """A voice, which speaks text."""

    def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """Return the audio of `text`, in chunks as they are made. Ending the iteration early stops the work.

        Args:
            text: plain text.
            voice: a Realtime voice name such as "sage"; an unknown one gets the default voice.
            speed: 0.25 to 1.5, as in the protocol.
            language: "en", "de"…; with None the voice detects the language of the text, or speaks English.

        Raises:
            SpeechError: the voice is not installed or failed.
        """

    async def aclose(self) -> None:
        """End the voice. A second call does nothing."""


@runtime_checkable
class PreparingTts(Protocol):
    """A voice that can make the beginning of a text ahead, so that `speak` then begins at once."""

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        """Make the beginning of `text`. To cancel it stops the work.

        Raises:
            SpeechError: the voice is not installed or failed.
        """

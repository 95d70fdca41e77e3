"""A voice made of two: one speaks English, the other speaks all other languages."""

from __future__ import annotations

from collections.abc import AsyncIterator

from trunkline.engine.speech import SpeechChunk, Tts
from trunkline.engine.speech.language_id import detect_language
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.piper import PiperTts


class LanguageDispatchTts:
    """Speaks each text with the voice for its language. It owns both voices."""

    def __init__(self, english: PiperTts, other: EspeakTts) -> None:
        self._english = english
        self._other = other

    def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """Return the audio of `text`; see `Tts.speak`. Without `language`, the text decides."""
        tts: Tts = self._english if _is_english(text, language) else self._other
        return tts.speak(text, voice=voice, speed=speed, language=language)

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        """Make the beginning of an English text ahead; the other voice is quick enough.

        Raises:
            SpeechError: the English voice is missing or failed.
        """
        if _is_english(text, language):
            await self._english.prepare(text, voice=voice, speed=speed)

    async def warm(self) -> None:
        """Load both voices.

        Raises:
            SpeechError: one of them is missing or does not load.
        """
        await self._english.warm()
        await self._other.warm()

    async def aclose(self) -> None:
        """End both voices. A second call does nothing."""
        await self._english.aclose()
        await self._other.aclose()


def _is_english(text: str, language: str | None) -> bool:
    language = language or detect_language(text) or "en"
    return language.lower().partition("-")[0] == "en"

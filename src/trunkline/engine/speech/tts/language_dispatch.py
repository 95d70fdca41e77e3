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
        language = language or detect_language(text) or "en"
        is_english = language.lower().partition("-")[0] == "en"
        tts: Tts = self._english if is_english else self._other
        return tts.speak(text, voice=voice, speed=speed, language=language)

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

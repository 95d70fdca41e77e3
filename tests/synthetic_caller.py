"""Sentences of synthetic callers, from one worker process for all tests and each voice."""

from __future__ import annotations

import atexit
import functools

from trunkline.settings import Settings
from trunkline.testing.caller_voice import CallerVoices


@functools.cache
def _voices() -> CallerVoices:
    voices = CallerVoices(Settings().models_dir)
    atexit.register(voices.close)
    return voices


async def said(text: str, *, voice: str = "cedar", speed: float = 1.0, language: str | None = None) -> bytes:
    """Return a text in eSpeak's voice: PCM16 at 24 kHz. PocketSphinx understands the voice "cedar" best."""
    return await said_by(f"espeak:{voice}", text, speed=speed, language=language)


async def said_by(caller_voice: str, text: str, *, speed: float = 1.0, language: str | None = None) -> bytes:
    """Return a text in a voice of the testing kit, "joe" or `espeak:…`: PCM16 at 24 kHz."""
    tts, name = _voices().voice(caller_voice)
    return b"".join([chunk.pcm async for chunk in tts.speak(text, voice=name, speed=speed, language=language)])

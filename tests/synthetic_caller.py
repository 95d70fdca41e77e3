"""Sentences in eSpeak's voice, from one worker process for all tests."""

from __future__ import annotations

import atexit
import functools
from pathlib import Path

from trunkline.testing.caller_voice import CallerVoices


@functools.cache
def _voices() -> CallerVoices:
    voices = CallerVoices(Path())
    atexit.register(voices.close)
    return voices


async def said(text: str, *, voice: str = "cedar", speed: float = 1.0, language: str | None = None) -> bytes:
    """Return a spoken text: PCM16 at 24 kHz. PocketSphinx understands the voice "cedar" best."""
    tts, name = _voices().voice(f"espeak:{voice}")
    return b"".join([chunk.pcm async for chunk in tts.speak(text, voice=name, speed=speed, language=language)])

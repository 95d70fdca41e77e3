"""Synthetic callers: sentences in the local voice, as a microphone would give them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from trunkline.engine.speech.tts.espeak import EspeakTts

Says = Callable[..., Awaitable[bytes]]


@pytest.fixture
def says() -> Says:
    """`await says(text, voice=…, speed=…)`: PCM16 at 24 kHz with a bit of a room's noise before, in and after it."""

    async def sound_of(text: str, *, voice: str = "cedar", speed: float = 1.0) -> bytes:  # it is understood best
        mouth = EspeakTts()
        said = b"".join([chunk.pcm async for chunk in mouth.speak(text, voice=voice, speed=speed)])
        await mouth.aclose()
        sound = np.concatenate((np.zeros(7200), np.frombuffer(said, "<i2"), np.zeros(9600)))
        sound += np.random.default_rng(1).normal(0, 6, sound.size)
        return sound.clip(-32768, 32767).astype("<i2").tobytes()

    return sound_of

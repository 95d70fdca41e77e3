"""Synthetic callers: sentences in the local voice, as a microphone would give them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from tests.synthetic_caller import said

Says = Callable[..., Awaitable[bytes]]


@pytest.fixture
def says() -> Says:
    """`await says(text, …)`: PCM16 at 24 kHz with a room's noise (RMS `noise`) before, in and after the words."""

    # The voice cedar is recognised best.
    async def sound_of(text: str, *, voice: str = "cedar", speed: float = 1.0, noise: float = 6) -> bytes:
        pcm = await said(text, voice=voice, speed=speed)
        sound = np.concatenate((np.zeros(7200), np.frombuffer(pcm, "<i2"), np.zeros(9600)))
        sound += np.random.default_rng(1).normal(0, noise, sound.size)
        return sound.clip(-32768, 32767).astype("<i2").tobytes()

    return sound_of

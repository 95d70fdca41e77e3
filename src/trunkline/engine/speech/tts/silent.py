"""Speech synthesis that returns silence, as long as speech at an even pace."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator

from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.audio import ms_to_bytes

MS_PER_CHARACTER = 60
"""About 165 English words a minute."""


class SilentTts:
    """Voice that speaks silence, `ms_per_character` for each character.

    It reports no word timings: the engine then derives them from the spelling, which is exact for this voice.
    """

    def __init__(self, ms_per_character: int = MS_PER_CHARACTER) -> None:
        self._ms_per_character = ms_per_character

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """See `Tts.speak`."""
        yield _silence(round(len(text) * self._ms_per_character / speed))

    async def aclose(self) -> None:
        """Return at once: the voice has no resources."""


@functools.lru_cache(64)
def _silence(ms: int) -> SpeechChunk:
    """Return silence from a cache, since its allocation is the slowest step here."""
    return SpeechChunk(bytes(ms_to_bytes(ms)))

"""A voice that makes no sound worth hearing, only as much of it as somebody would who speaks at an even pace."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator

from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.audio import ms_to_bytes

MS_PER_CHARACTER = 60
"""About 165 English words a minute."""


class SilentTts:
    """Speaks silence, `ms_per_character` for each character.

    It tells no marks: the engine then takes words to be as long as they are spelled, which they are here.
    """

    def __init__(self, ms_per_character: int = MS_PER_CHARACTER) -> None:
        self._ms_per_character = ms_per_character

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """See `Tts.speak`."""
        yield _silence(round(len(text) * self._ms_per_character / speed))

    async def aclose(self) -> None:
        """Nothing to end."""


@functools.lru_cache(64)
def _silence(ms: int) -> SpeechChunk:
    """Kept, because so much memory takes longer to get than anything else here."""
    return SpeechChunk(bytes(ms_to_bytes(ms)))

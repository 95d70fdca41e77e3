"""Audio of fillers: spoken by a voice of this machine, or from the recordings in the package."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from trunkline.engine.speech import SpeechError, Tts
from trunkline.realtime.audio import FORMATS
from trunkline.scenario.fillers import RECORDED_TEXTS, FillerKind, FillerLanguage, Fillers

logger = logging.getLogger(__name__)
RECORDINGS = Path(__file__).parent / "filler_recordings"
"""G.711 μ-law at 8 kHz, without a header; `scripts/record_fillers.py` makes them."""
SPEAK_TIMEOUT_S = 1.0
"""Longest wait for the voice before the recording plays instead."""
MAX_SPOKEN = 200
"""Fillers that are kept."""


class FillerAudio:
    """Audio of the fillers of all calls on a server. Each text is spoken once.

    Args:
        voice: returns the voice of this machine, None without one. It is asked when the first filler is due.
    """

    def __init__(self, voice: Callable[[], Tts | None] = lambda: None) -> None:
        self._voice = voice
        self._spoken: dict[tuple[str, FillerLanguage, str | None], bytes] = {}

    async def get(self, fillers: Fillers, kind: FillerKind, voice: str | None) -> tuple[str, bytes]:
        """Return the words of a filler and their audio, PCM16 little-endian, mono, 24 kHz.

        The words are those of the recording if no voice can speak the filler.

        Args:
            voice: a Realtime voice name.
        """
        text, language = fillers.text(kind), fillers.language
        key = (text, language, voice)
        if key not in self._spoken:
            pcm = await self._speak(text, language, voice)
            if not pcm:
                return RECORDED_TEXTS[language][kind], recording(language, kind)
            if len(self._spoken) >= MAX_SPOKEN:
                self._spoken.pop(next(iter(self._spoken)))
            self._spoken[key] = pcm
        return text, self._spoken[key]

    async def _speak(self, text: str, language: FillerLanguage, voice: str | None) -> bytes:
        """Return the spoken text; nothing without a voice, or if it fails or takes too long."""
        tts = self._voice()
        if tts is None:
            return b""
        try:
            async with asyncio.timeout(SPEAK_TIMEOUT_S):
                return b"".join([chunk.pcm async for chunk in tts.speak(text, voice=voice, language=language)])
        except (SpeechError, TimeoutError) as error:
            logger.warning("a filler is played from its recording, since the voice failed: %r", error)
            return b""


@lru_cache
def recording(language: FillerLanguage, kind: FillerKind) -> bytes:
    """Return a recording in the package as PCM16 at 24 kHz."""
    decoder = FORMATS["audio/pcmu"].decoder()
    stored = (RECORDINGS / f"{language}_{kind.value}.ulaw").read_bytes()
    return decoder.feed(stored) + decoder.flush()

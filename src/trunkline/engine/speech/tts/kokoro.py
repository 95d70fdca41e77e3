"""A better voice: Kokoro by `kokoro-onnx`, for whoever has fetched its weights.

It makes a sentence at a time, in a thread. Neither its speed nor its sound was measured here, because its weights could
not be fetched: what was tried is this module, with a stand-in for the library.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trunkline.engine.speech import SAMPLE_RATE, SpeechChunk, SpeechError
from trunkline.engine.speech.tts.word_timing import EstimatedMarks, WordTiming
from trunkline.engine.speech.weights import KOKORO_MODEL, KOKORO_VOICES
from trunkline.extras import install_command
from trunkline.realtime.audio import Resampler, bytes_to_ms

if TYPE_CHECKING:
    from kokoro_onnx import Kokoro

CHUNK_BYTES = 48_000
"""What is passed on at once: a second."""

_VOICES = {
    "alloy": "af_alloy",
    "ash": "am_michael",
    "ballad": "bm_george",
    "cedar": "am_fenrir",
    "coral": "af_bella",
    "echo": "am_echo",
    "marin": "af_heart",
    "sage": "af_sarah",
    "shimmer": "af_nicole",
    "verse": "am_puck",
}
_LANGUAGES = {"en": "en-us", "en-gb": "en-gb", "es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt": "pt-br"}
_SLOWEST, _FASTEST = 0.5, 2.0


class KokoroTts:
    """Speaks with Kokoro. Sentences are made one after another, of all sessions together.

    When which word is said is an estimate, in proportion to the words' length.

    Args:
        weights: the folder with its two files, as `trunkline models fetch kokoro` makes it.
        voice: the voice for everything, such as "af_heart"; None goes by the Realtime voice's name.
    """

    def __init__(self, weights: Path, *, voice: str | None = None) -> None:
        self._weights = weights
        self._voice = voice
        self._kokoro: Kokoro | None = None
        self._thread = ThreadPoolExecutor(1, "kokoro")
        self._closed = False

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """The sound of `text`.

        Raises:
            SpeechError: the package or the weights are not there, or it failed; or the voice is closed.
        """
        if self._closed:
            raise SpeechError("The voice is closed.")
        if not text.strip():
            return
        making = self._thread.submit(self._make, text, voice, speed, language)
        try:
            sound = await asyncio.wrap_future(making)
        except asyncio.CancelledError:
            if self._closed:
                raise SpeechError("The voice was closed.") from None
            raise
        marks = EstimatedMarks(text, WordTiming(bytes_to_ms(len(sound)) * speed / len(text)), speed)
        for start in range(0, len(sound), CHUNK_BYTES):
            end = min(start + CHUNK_BYTES, len(sound))
            yield SpeechChunk(sound[start:end], marks.within(bytes_to_ms(end)))
        yield SpeechChunk(b"", marks.rest(bytes_to_ms(len(sound))))

    async def warm(self) -> None:
        """Loads the weights ahead of the first sentence.

        Raises:
            SpeechError: the package or the weights are not there.
        """
        await asyncio.wrap_future(self._thread.submit(self._loaded))

    async def aclose(self) -> None:
        """Drops what waits, and ends when the sentence under way has been made. Harmless when done twice."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._kokoro = None

    def _loaded(self) -> Kokoro:
        if self._kokoro is None:
            try:
                from kokoro_onnx import Kokoro
            except ImportError as error:
                raise SpeechError(f"Kokoro is not installed. Install it with: {install_command('kokoro')}") from error
            model, voices = self._weights / KOKORO_MODEL, self._weights / KOKORO_VOICES
            if not (model.is_file() and voices.is_file()):
                raise SpeechError(
                    f"Kokoro's weights are not in {self._weights}. Fetch them with: trunkline models fetch kokoro"
                )
            try:
                self._kokoro = Kokoro(str(model), str(voices))
            except (RuntimeError, ValueError, OSError) as error:
                raise SpeechError(f"Kokoro does not load from {self._weights}: {error}") from error
        return self._kokoro

    def _make(self, text: str, voice: str | None, speed: float, language: str | None) -> bytes:
        kokoro = self._loaded()
        name = self._voice or _VOICES.get(voice or "sage", "af_sarah")
        tag = (language or "en").lower()
        lang = _LANGUAGES.get(tag) or _LANGUAGES.get(tag.partition("-")[0], "en-us")
        try:
            samples, rate = kokoro.create(text, voice=name, speed=min(max(speed, _SLOWEST), _FASTEST), lang=lang)
        except (RuntimeError, ValueError, KeyError, AssertionError, IndexError) as error:
            raise SpeechError(f"Kokoro could not say it: {error!r}") from error
        sound: bytes = (np.asarray(samples) * 32767).clip(-32768, 32767).astype("<i2").tobytes()
        if rate == SAMPLE_RATE:
            return sound
        resampler = Resampler(rate, SAMPLE_RATE)
        return resampler.feed(sound) + resampler.flush()

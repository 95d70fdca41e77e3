"""A better recogniser: Whisper by `faster-whisper`, for whoever has fetched its weights.

It decodes an utterance when it has ended, in a thread; the library lets the interpreter go meanwhile. Neither the
library's speed nor its accuracy was measured here, because its weights could not be fetched: what was tried is this
module, with a stand-in for the library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trunkline.engine.speech import SAMPLE_RATE, SpeechError, Transcript
from trunkline.engine.speech.stt.non_streaming import NonStreamingUtterance
from trunkline.extras import install_command
from trunkline.realtime.audio import Resampler

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_RATE = 16_000


class WhisperStt:
    """Recognises many languages. Utterances are decoded one after another, in the order in which they end.

    Args:
        weights: the folder of a model in CTranslate2's format, as `trunkline models fetch whisper-small` makes it.
        device: "cpu", "cuda" or "auto".
    """

    def __init__(self, weights: Path, *, device: str = "auto") -> None:
        self._weights = weights
        self._device = device
        self._model: WhisperModel | None = None
        self._thread = ThreadPoolExecutor(1, "whisper")
        self._closed = False

    def open(
        self,
        *,
        grammar: str | None = None,
        language: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> NonStreamingUtterance:
        """Begins an utterance. The grammar plays no part, and there are no partial words.

        Raises:
            SpeechError: the recogniser is closed.
        """
        self._refuse_if_closed()
        return NonStreamingUtterance(lambda pcm: self._transcribe(pcm, language))

    async def warm(self) -> None:
        """Loads the weights ahead of the first utterance.

        Raises:
            SpeechError: the package or the weights are not there.
        """
        await asyncio.wrap_future(self._thread.submit(self._loaded))

    async def aclose(self) -> None:
        """Drops what waits, and ends when the utterance under way has been decoded. Harmless when done twice."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._model = None

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise SpeechError("The recogniser is closed.")

    async def _transcribe(self, pcm: bytes, language: str | None) -> Transcript:
        self._refuse_if_closed()
        decoding = self._thread.submit(self._decode, pcm, language)
        try:
            return Transcript(await asyncio.wrap_future(decoding))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task and task.cancelling()):  # it waited for its turn, which will not come
                raise SpeechError("The recogniser was closed.") from None
            raise

    def _loaded(self) -> WhisperModel:
        if self._model is None:
            try:
                from faster_whisper import WhisperModel
            except ImportError as error:
                raise SpeechError(f"Whisper is not installed. Install it with: {install_command('whisper')}") from error
            if not (self._weights / "model.bin").is_file():
                raise SpeechError(
                    f"There are no weights in {self._weights}. "
                    f"Fetch them with: trunkline models fetch {self._weights.name}"
                )
            try:
                self._model = WhisperModel(str(self._weights), device=self._device, local_files_only=True)
            except (RuntimeError, ValueError, OSError) as error:
                raise SpeechError(f"Whisper does not load from {self._weights}: {error}") from error
        return self._model

    def _decode(self, pcm: bytes, language: str | None) -> str:
        model = self._loaded()
        resampler = Resampler(SAMPLE_RATE, _RATE)
        sound = np.frombuffer(resampler.feed(pcm) + resampler.flush(), "<i2").astype(np.float32) / 32768
        try:
            segments, _about = model.transcribe(
                sound, language=language, beam_size=1, without_timestamps=True, condition_on_previous_text=False
            )
            return "".join(segment.text for segment in segments).strip()  # only now it is decoded
        except (RuntimeError, ValueError) as error:
            raise SpeechError(f"Whisper gave up: {error}") from error

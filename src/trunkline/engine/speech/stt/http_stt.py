"""A recogniser behind an OpenAI-compatible endpoint: each utterance is sent as one WAV file after its end.

The words are unknown while the caller speaks. So this recogniser sends no partial transcripts, and `semantic_vad` uses
time only.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Callable
from typing import TYPE_CHECKING

from trunkline.engine.speech import SAMPLE_RATE, SpeechError, Transcript
from trunkline.engine.speech.http_endpoint import Endpoint
from trunkline.engine.speech.stt.non_streaming import NonStreamingUtterance

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_REQUESTS = 16
"""Requests at once; further ones wait."""


class HttpStt:
    """Sends utterances to `POST {base_url}/audio/transcriptions`.

    Args:
        base_url: address of the API, up to and with `/v1`.
        model: the endpoint's name of the model.
        api_key: None for an endpoint that needs no key.
        timeout: seconds that an answer may take.
    """

    def __init__(self, base_url: str, model: str, api_key: str | None = None, *, timeout: float = 20.0) -> None:
        self._endpoint = Endpoint(base_url, api_key, timeout, "recogniser", "TRUNKLINE_STT_BASE_URL")
        self._model = model
        self._requests = asyncio.Semaphore(MAX_REQUESTS)

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> NonStreamingUtterance:
        """Begin an utterance. The endpoint gets language and prompt, but no grammar, and nothing before the end.

        Raises:
            SpeechError: the recogniser is closed.
        """
        self._endpoint.client()
        return NonStreamingUtterance(lambda pcm: self._transcribe(pcm, language, prompt))

    async def aclose(self) -> None:
        """Close the connections; open requests fail. A second call does nothing."""
        await self._endpoint.aclose()

    async def _transcribe(self, pcm: bytes, language: str | None, prompt: str) -> Transcript:
        from openai import omit

        client: AsyncOpenAI = self._endpoint.client()
        async with self._requests:
            with self._endpoint.errors():
                answer = await client.audio.transcriptions.create(
                    file=("speech.wav", wav(pcm), "audio/wav"),
                    model=self._model,
                    language=language or omit,
                    prompt=prompt or omit,
                )
        text = getattr(answer, "text", None)
        if not isinstance(text, str):
            raise SpeechError("The recogniser's endpoint answered without a text. Check TRUNKLINE_STT_BASE_URL.")
        return Transcript(text.strip())


def wav(pcm: bytes) -> bytes:
    """Return PCM16 mono at 24 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm)
    return file.getvalue()

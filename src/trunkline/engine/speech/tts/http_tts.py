"""A voice behind an OpenAI-compatible endpoint, streamed as PCM during synthesis."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from trunkline.engine.speech import SpeechChunk
from trunkline.engine.speech.http_endpoint import Endpoint
from trunkline.engine.speech.tts.word_timing import EstimatedMarks, WordTiming
from trunkline.realtime.audio import bytes_to_ms

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CHUNK_BYTES = 4800
"""Size of a piece of audio: 100 ms."""


class HttpTts:
    """A voice at `POST {base_url}/audio/speech`, which must answer with PCM16 mono at 24 kHz (`response_format: pcm`).

    The endpoint reports no word times, so the marks are estimates: in proportion to the length of the words, at a pace
    that is learned from sentence to sentence.

    Args:
        base_url: address of the API, up to and with `/v1`.
        model: name of the model at the endpoint.
        api_key: None if the endpoint needs no key.
        voice: the endpoint's voice for everything; None uses the Realtime voice's name, or "sage" without one.
        timeout: seconds that the endpoint may be silent.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        voice: str | None = None,
        timeout: float = 20.0,
    ) -> None:
        self._endpoint = Endpoint(base_url, api_key, timeout, "voice", "TRUNKLINE_TTS_BASE_URL")
        self._model = model
        self._voice = voice
        self._timings: dict[str, WordTiming] = {}

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Yield the audio of `text` as it arrives. The endpoint detects the language from the text.

        Raises:
            SpeechError: the endpoint did not answer, failed, or disconnected; or the voice is closed.
        """
        client: AsyncOpenAI = self._endpoint.client()
        name = self._voice or voice or "sage"
        marks = EstimatedMarks(text, self._timings.setdefault(name, WordTiming()), speed)
        size, odd = 0, b""
        with self._endpoint.errors():
            async with client.audio.speech.with_streaming_response.create(
                input=text, model=self._model, voice=name, response_format="pcm", speed=speed
            ) as answer:
                async for came in answer.iter_bytes(CHUNK_BYTES):
                    whole = odd + came
                    odd = whole[len(whole) & ~1 :]
                    sound = whole[: len(whole) & ~1]
                    size += len(sound)
                    if sound:
                        yield SpeechChunk(sound, marks.within(bytes_to_ms(size)))
        if size:
            yield SpeechChunk(b"", marks.rest(bytes_to_ms(size)))

    async def aclose(self) -> None:
        """Close the connections. A second call has no effect."""
        await self._endpoint.aclose()

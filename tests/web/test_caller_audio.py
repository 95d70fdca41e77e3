"""A microphone that stops in the middle of a call, over real sockets, with a synthetic voice and a recogniser."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.model_fake import FakeModel
from tests.web.web_server import Socket, client, listening
from trunkline.calls.machine.caller_audio_watch import COMMIT_AFTER_MS, MISSING_AFTER_MS
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.realtime.audio import ms_to_bytes
from trunkline.settings import Settings
from trunkline.web import create_app

pytestmark = [pytest.mark.realtime, pytest.mark.speech]
FRAME_MS = 20


async def spoken(words: str) -> bytes:
    """Return the words, spoken without silence after them."""
    voice = EspeakTts()
    try:
        return b"".join([chunk.pcm async for chunk in voice.speak(words, voice="cedar")]).rstrip(b"\0")
    finally:
        await voice.aclose()


async def sends_audio(page: Socket, pcm: bytes) -> None:
    """Send audio in real time."""
    loop, step = asyncio.get_running_loop(), ms_to_bytes(FRAME_MS)
    due = loop.time()
    for start in range(0, len(pcm), step):
        await page.sends(pcm[start : start + step].ljust(step, b"\0"))
        due += FRAME_MS / 1000
        await asyncio.sleep(due - loop.time())


async def test_words_before_the_microphone_stops_are_answered_and_so_is_the_next_turn() -> None:
    words = await spoken("yes please")
    settings = Settings.model_validate({"provider": "local", "stt": "sphinx", "tts": "espeak"})
    async with (
        listening(create_app((), settings), settings) as url,
        client(url, FakeModel()) as caller,
        caller.calling(scenario="simpleHandoff") as (_started, page),
    ):
        await sends_audio(page, words)
        stopped = await page.kind("speech.stopped")
        (begun,) = [frame for frame in page.frames if frame["kind"] == "speech.started"]
        latest_ms = len(words) / 48 + MISSING_AFTER_MS + COMMIT_AFTER_MS
        assert stopped["at_ms"] - begun["at_ms"] < latest_ms + 1000
        assert any(frame.get("code") == "caller_audio_stopped" for frame in page.frames)
        heard = await page.until(lambda frame: frame["kind"] == "message.done" and frame["role"] == "user")
        assert heard["text"].lower().startswith("yes")
        assert await page.answer()
        await page.sends({"type": "say", "text": "coffee"})
        await page.until(lambda frame: frame["kind"] == "message.done" and "coffee" in frame["text"].lower())
        await page.until(lambda frame: frame["kind"] == "message.done" and frame["role"] == "assistant")

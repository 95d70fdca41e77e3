"""A recogniser and a voice behind somebody's endpoint, over real HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.engine.speech_endpoint import SpeechEndpoint, serving
from trunkline.engine.speech import SpeechChunk, SpeechError
from trunkline.engine.speech.stt.http_stt import HttpStt
from trunkline.engine.speech.tts.http_tts import HttpTts

SECOND = bytes(range(256)) * 187 + bytes(128)
WORDS = json.dumps({"text": " Yes, please.\n"}).encode()


@asynccontextmanager
async def ears(endpoint: SpeechEndpoint, *, timeout: float = 5.0) -> AsyncIterator[HttpStt]:
    recogniser = HttpStt(endpoint.url, "whisper-1", "a-key", timeout=timeout)
    try:
        yield recogniser
    finally:
        await recogniser.aclose()


@asynccontextmanager
async def mouth(endpoint: SpeechEndpoint, *, voice: str | None = None, timeout: float = 5.0) -> AsyncIterator[HttpTts]:
    speaker = HttpTts(endpoint.url, "tts-1", "a-key", voice=voice, timeout=timeout)
    try:
        yield speaker
    finally:
        await speaker.aclose()


async def words(recogniser: HttpStt, pcm: bytes = SECOND, language: str | None = None) -> str:
    utterance = recogniser.open(language=language)
    utterance.feed(pcm)
    return (await utterance.finish()).text


async def said(voice: HttpTts, text: str) -> list[SpeechChunk]:
    return [chunk async for chunk in voice.speak(text)]


def unused_url() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


# ---------------------------------------------------------------------- recogniser


async def test_an_endpoint_on_this_machine_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", unused_url())
    async with serving(body=[WORDS]) as endpoint, ears(endpoint) as recogniser:
        assert await words(recogniser) == "Yes, please."


async def test_an_utterance_is_sent_whole_as_wav() -> None:
    async with serving(body=[WORDS]) as endpoint, ears(endpoint) as recogniser:
        utterance = recogniser.open(language="de")
        utterance.feed(SECOND[:24_000])
        utterance.feed(SECOND[24_000:])
        assert not endpoint.asked
        assert (await utterance.finish()).text == "Yes, please."
        assert (await utterance.finish()).text == "Yes, please."
    (asked,) = endpoint.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.headers["authorization"] == "Bearer a-key"
    assert b'name="model"\r\n\r\nwhisper-1' in asked.body
    assert b'name="language"\r\n\r\nde' in asked.body
    start = asked.body.index(b"RIFF")
    with wave.open(io.BytesIO(asked.body[start:])) as sent:
        assert (sent.getframerate(), sent.getnchannels(), sent.getsampwidth()) == (24_000, 1, 2)
        assert sent.readframes(24_000) == SECOND


async def test_hardly_any_sound_asks_nobody() -> None:
    async with serving() as endpoint, ears(endpoint) as recogniser:
        assert await words(recogniser, bytes(960)) == ""
    assert not endpoint.asked


async def test_a_refusal_is_an_error_that_says_what_to_check_and_keeps_the_key_to_itself() -> None:
    refusal = json.dumps({"error": {"message": "a-key is no good"}}).encode()
    async with serving(status=401, body=[refusal]) as endpoint, ears(endpoint) as recogniser:
        with pytest.raises(SpeechError, match=r"401.*TRUNKLINE_STT_API_KEY") as caught:
            await words(recogniser)
    assert "a-key" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"not json at all", b"[]", b'{"words": []}', b'{"text": null}'])
async def test_an_answer_without_a_text_is_an_error(answer: bytes) -> None:
    async with serving(body=[answer]) as endpoint, ears(endpoint) as recogniser:
        with pytest.raises(SpeechError):
            await words(recogniser)


async def test_an_endpoint_that_is_silent_is_given_up() -> None:
    async with serving(pause=5) as endpoint, ears(endpoint, timeout=0.2) as recogniser:
        with pytest.raises(SpeechError, match=r"silent for 0\.2 s"):
            await words(recogniser)


async def test_an_endpoint_that_is_not_there_is_an_error() -> None:
    recogniser = HttpStt(unused_url(), "whisper-1")
    with pytest.raises(SpeechError, match="TRUNKLINE_STT_BASE_URL"):
        await words(recogniser)
    await recogniser.aclose()


async def test_an_answer_that_breaks_off_is_an_error() -> None:
    async with serving(body=[b'{"te'], breaks_off=True) as endpoint, ears(endpoint) as recogniser:
        with pytest.raises(SpeechError):
            await words(recogniser)


async def test_abandoning_stops_the_request() -> None:
    async with serving(body=[b" ", WORDS], pause=2) as endpoint, ears(endpoint) as recogniser:
        utterance = recogniser.open()
        utterance.feed(SECOND)
        finishing = asyncio.create_task(utterance.finish())
        async with asyncio.timeout(2):
            while not endpoint.asked:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        utterance.abandon()
        with pytest.raises(SpeechError, match="abandoned"):
            await finishing
        async with asyncio.timeout(1):
            while not endpoint.hung_up:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)


async def test_a_closed_recogniser_opens_nothing() -> None:
    async with serving() as endpoint:
        async with ears(endpoint) as recogniser:
            pass
        await recogniser.aclose()
        with pytest.raises(SpeechError, match="closed"):
            recogniser.open()


# ---------------------------------------------------------------------- voice


async def test_the_sound_is_passed_on_while_it_is_made() -> None:
    async with serving(body=[SECOND[:9600], SECOND[9600:]], pause=0.3) as endpoint, mouth(endpoint) as voice:
        loop = asyncio.get_running_loop()
        began = loop.time()
        first, sound = 0.0, b""
        async for chunk in voice.speak("Hello there, and welcome.", voice="marin", speed=1.25):
            first = first or loop.time() - began
            sound += chunk.pcm
        took = loop.time() - began
    assert sound == SECOND
    assert first < took - 0.2
    (asked,) = endpoint.asked
    assert asked.path == "/v1/audio/speech"
    given = json.loads(asked.body)
    assert given == {
        "input": "Hello there, and welcome.",
        "model": "tts-1",
        "voice": "marin",
        "response_format": "pcm",
        "speed": 1.25,
    }


async def test_one_voice_may_be_set_for_everything() -> None:
    async with serving(body=[SECOND]) as endpoint, mouth(endpoint, voice="af_heart") as voice:
        async for _ in voice.speak("Hello.", voice="marin"):
            pass
    assert json.loads(endpoint.asked[0].body)["voice"] == "af_heart"


async def test_a_sample_may_be_cut_in_two_on_the_way() -> None:
    pieces = [SECOND[:4801], SECOND[4801:9603], SECOND[9603:]]
    async with serving(body=pieces, pause=0.05) as endpoint, mouth(endpoint) as voice:
        chunks = await said(voice, "Hello.")
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)
    assert b"".join(chunk.pcm for chunk in chunks) == SECOND


async def test_words_are_marked_in_proportion_and_the_last_at_the_end() -> None:
    text = "One two three four five."
    async with serving(body=[SECOND, SECOND]) as endpoint, mouth(endpoint) as voice:
        for _ in range(9):
            await said(voice, text)  # it learns how fast this voice speaks
        chunks = await said(voice, text)
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [text[: mark.text_end].split()[-1] for mark in marks] == ["One", "two", "three", "four", "five."]
    assert [mark.at_ms for mark in marks] == sorted(mark.at_ms for mark in marks)
    assert marks[-1].at_ms == 2000
    for mark in marks[:-1]:
        assert mark.at_ms == pytest.approx(2000 * mark.text_end / len(text), abs=60)


async def test_a_voice_that_breaks_off_is_an_error_after_what_it_said() -> None:
    async with serving(body=[SECOND], breaks_off=True) as endpoint, mouth(endpoint) as voice:
        sound = voice.speak("Hello.")
        assert (await anext(sound)).pcm == SECOND[:4800]
        with pytest.raises(SpeechError, match="failed"):
            await _rest(sound)


async def _rest(sound: AsyncIterator[SpeechChunk]) -> None:
    async for _ in sound:
        pass


async def test_a_voice_that_falls_silent_is_given_up() -> None:
    async with serving(body=[SECOND, SECOND], pause=1) as endpoint, mouth(endpoint, timeout=0.3) as voice:
        with pytest.raises(SpeechError, match="silent"):
            await said(voice, "Hello.")


async def test_a_voice_that_refuses_says_why() -> None:
    refusal = json.dumps({"error": {"message": "no such voice"}}).encode()
    async with serving(status=400, body=[refusal]) as endpoint, mouth(endpoint) as voice:
        with pytest.raises(SpeechError, match="no such voice"):
            await said(voice, "Hello.")


async def test_ending_the_iteration_ends_the_request() -> None:
    async with serving(body=[SECOND] * 50, pause=0.05) as endpoint, mouth(endpoint) as voice:
        async with aclosing(voice.speak("Hello.")) as chunks:
            async for _ in chunks:
                break
        async with asyncio.timeout(2):
            while not endpoint.hung_up:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)

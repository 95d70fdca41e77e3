"""WebRTC in the preview, of Azure and of OpenAI: its keys, its offers, and its dialect on the data channel."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2 as httpx
import pytest
from aiortc import RTCSessionDescription

from tests.engine.engine_fakes import FakeBrain
from tests.engine.rtc.rtc_caller import KEY, PLAUSIBLE_OFFER, engine, hang_up, offering, post_offer, tone
from tests.official_preview_events import check
from trunkline.engine.brains import TextDelta
from trunkline.engine.server import EngineServer


def root(server: EngineServer) -> str:
    return f"http://127.0.0.1:{server.port}"


AZURE, OPENAI = "/v1/realtimertc", "/v1/realtime"


async def ephemeral(server: EngineServer, **session: Any) -> str:
    url = f"{root(server)}/openai/realtimeapi/sessions?api-version=2025-04-01-preview"
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, json={"model": "m", **session}, headers={"api-key": KEY})
    value: str = answer.json()["client_secret"]["value"]
    return value


async def test_a_call_in_the_preview() -> None:
    brain = FakeBrain(lambda request: [TextDelta("One two three.")])
    async with engine(brain) as server:
        secret = await ephemeral(server, voice="sage", input_audio_transcription={"model": "whisper-1"})
        caller = await offering(judge=check)
        try:
            offer = caller.connection.localDescription.sdp
            answer = await post_offer(f"{root(server)}/v1/realtimertc?model=m", offer, secret)
            assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (201, "application/sdp")
            await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            session = (await caller.receive("session.created"))[-1]["session"]
            assert (session["voice"], session["modalities"]) == ("sage", ["audio", "text"])

            caller.send(
                "session.update", session={"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}
            )
            assert (await caller.receive("session.updated"))[-1]["session"]["turn_detection"][
                "silence_duration_ms"
            ] == 200
            caller.microphone.say(tone(600))
            events = await caller.receive("response.done")
            words = "".join(event["delta"] for event in events if event["type"] == "response.audio_transcript.delta")
            assert words == "One two three."
            await caller.receive("output_audio_buffer.stopped")
            assert caller.audible()
            assert caller.count("conversation.item.created") == 2
        finally:
            await hang_up(caller)


@pytest.mark.parametrize("bearer", [KEY, "wrong", None])
async def test_only_an_ephemeral_key_is_accepted(bearer: str | None) -> None:
    async with engine() as server:
        answer = await post_offer(f"{root(server)}/v1/realtimertc?model=m", "v=0", bearer)
    assert answer.status_code == 401


async def test_an_invalid_offer() -> None:
    async with engine() as server, asyncio.timeout(10):
        answer = await post_offer(f"{root(server)}/v1/realtimertc?model=m", "hello", await ephemeral(server))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_offer")


async def post_form(server: EngineServer, path: str, sdp: str, session: dict[str, Any], bearer: str) -> httpx.Response:
    """Send an offer with a session, as `@openai/agents` does."""
    form = {"sdp": (None, sdp), "session": (None, json.dumps(session))}
    async with httpx.AsyncClient(timeout=15) as client:
        url = f"{root(server)}{path}?model=m"
        return await client.post(url, files=form, headers={"Authorization": f"Bearer {bearer}"})


async def session_of_form(server: EngineServer, path: str, session: dict[str, Any], bearer: str) -> Any:
    """Return the first session that a call started by a form has."""
    caller = await offering(judge=check)
    try:
        answer = await post_form(server, path, caller.connection.localDescription.sdp, session, bearer)
        assert answer.status_code == 201, answer.text
        await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return (await caller.receive("session.created"))[-1]["session"]
    finally:
        await hang_up(caller)


@pytest.mark.parametrize("path", [AZURE, OPENAI])
async def test_the_form_of_a_call_has_a_session_in_the_previews_shape(path: str) -> None:
    flat = {
        "model": "gpt-realtime",
        "instructions": "Greet the caller.",
        "voice": "sage",
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
        "turn_detection": {"type": "semantic_vad"},
        "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": "auto",
        "speed": 1.1,
        "temperature": 0.7,
    }
    async with engine() as server:
        session = await session_of_form(server, path, flat, await ephemeral(server, voice="ash"))
    assert (session["model"], session["voice"], session["instructions"]) == ("m", "sage", "Greet the caller.")
    assert (session["turn_detection"]["type"], session["tools"][0]["name"]) == ("semantic_vad", "weather")


async def test_a_session_in_a_form_keeps_the_rest_of_the_ephemeral_keys_session() -> None:
    async with engine() as server:
        secret = await ephemeral(server, voice="ash", instructions="Be brief.", turn_detection=None)
        session = await session_of_form(server, AZURE, {"voice": "sage"}, secret)
    assert (session["voice"], session["instructions"], session["turn_detection"]) == ("sage", "Be brief.", None)


async def test_openais_preview_accepts_the_engines_key_and_names_the_calls_address() -> None:
    async with engine() as server:
        caller = await offering(judge=check)
        try:
            sdp = caller.connection.localDescription.sdp
            answer = await post_offer(f"{root(server)}{OPENAI}?model=m", sdp, KEY)
            location = answer.headers["location"]
            await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            session = (await caller.receive("session.created"))[-1]["session"]
            async with httpx.AsyncClient(headers={"api-key": KEY}) as client:
                hung_up = await client.post(f"{root(server)}{location}/hangup")
        finally:
            await hang_up(caller)
    assert (session["model"], session["modalities"]) == ("m", ["audio", "text"])
    assert location.startswith("/v1/realtime/calls/rtc_")
    assert hung_up.status_code == 200


@pytest.mark.parametrize("path", [AZURE, OPENAI])
async def test_a_page_may_ask_before_it_posts_an_offer(path: str) -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        asked = {"Origin": "https://app.example", "Access-Control-Request-Headers": "authorization,x-openai-agents-sdk"}
        answer = await client.options(root(server) + path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization,x-openai-agents-sdk"


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"voice": "marin"}, "session.voice"),
        ({"input_audio_format": "opus"}, "session.input_audio_format"),
        ({"surprise": 1}, "session.surprise"),
    ],
)
async def test_an_invalid_session_in_a_form_is_refused_with_the_previews_names(session: Any, param: str) -> None:
    async with engine() as server:
        answer = await post_form(server, AZURE, PLAUSIBLE_OFFER, session, await ephemeral(server))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)

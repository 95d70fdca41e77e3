"""WebRTC in Azure's preview: its ephemeral key, raw SDP, and its dialect on the data channel."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2 as httpx
import pytest
from aiortc import RTCSessionDescription

from tests.engine.engine_fakes import FakeBrain
from tests.engine.rtc.rtc_caller import KEY, engine, hang_up, offering, post_offer, tone
from tests.official_preview_events import check
from trunkline.engine.brains import TextDelta
from trunkline.engine.server import EngineServer


def root(server: EngineServer) -> str:
    return f"http://127.0.0.1:{server.port}"


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

"""Transcription sessions: transcripts of the caller without answers."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
import websockets
from openai import AsyncOpenAI
from openai.types.beta.realtime import TranscriptionSession, TranscriptionSessionUpdatedEvent
from openai.types.realtime import RealtimeTranscriptionSessionCreateRequest

from tests.engine.engine_fakes import FakeBrain, loud, silence
from tests.engine.engine_rig import Rig, error_of, every, only, types
from tests.engine.test_real_client import KEY, receive, running, speak
from trunkline.engine.server import EngineServer
from trunkline.engine.session import inputs

pytestmark = pytest.mark.pure
SPOKEN = loud(600) + silence(900)


def transcribing(**session: Any) -> Rig:
    return Rig(settings={"type": "transcription", **session})


def test_it_shows_input_audio_settings_only() -> None:
    session = transcribing().events[0]["session"]
    assert session["object"] == "realtime.transcription_session"
    assert set(session["audio"]) == {"input"}
    assert not {"model", "instructions", "tools", "output_modalities"} & set(session)
    RealtimeTranscriptionSessionCreateRequest.model_validate(session, strict=True)


def test_a_turn_is_transcribed_and_not_answered() -> None:
    rig = transcribing()
    events = rig.hear(SPOKEN)
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert events[-1]["transcript"] == "hello there"


def partial_deltas(rig: Rig, *partials: str) -> list[str]:
    """Post partial transcripts of the turn that has begun; return the deltas that follow from each."""
    (utterance_id,) = rig.utterances
    events = [rig.post(inputs.PartialTranscript(utterance_id, text)) for text in partials]
    return ["".join(event["delta"] for event in some) for some in events]


def test_words_that_two_partial_transcripts_agree_on_are_sent_while_the_caller_speaks() -> None:
    rig = transcribing()
    rig.hear(loud(600))
    deltas = partial_deltas(rig, "hello", "hello there I", "hello there I am", "hello you")
    assert deltas == ["", "hello", " there I", ""]


def test_the_rest_follows_with_the_final_transcript() -> None:
    rig = transcribing()
    rig.words = "hello there I am here"
    rig.hear(loud(600))
    partial_deltas(rig, "hello there I", "hello there I am")
    events = rig.hear(silence(900))
    assert only(events, "conversation.item.input_audio_transcription.delta")["delta"] == " am here"
    assert only(events, "conversation.item.input_audio_transcription.completed")["transcript"] == rig.words


def test_a_final_transcript_that_begins_differently_comes_without_another_delta() -> None:
    rig = transcribing()
    rig.words = "yellow hair"
    rig.hear(loud(600))
    partial_deltas(rig, "hello there I", "hello there I am")
    events = rig.hear(silence(900))
    assert not every(events, "conversation.item.input_audio_transcription.delta")
    assert only(events, "conversation.item.input_audio_transcription.completed")["transcript"] == "yellow hair"


def test_partial_transcripts_of_push_to_talk_are_not_sent_since_no_event_has_announced_the_item() -> None:
    rig = transcribing(audio={"input": {"turn_detection": None}})
    rig.hear(loud(600))
    assert partial_deltas(rig, "hello there I", "hello there I am") == ["", ""]


def test_a_client_that_asked_for_no_transcription_gets_no_partial_one() -> None:
    rig = Rig()
    rig.hear(loud(600))
    assert partial_deltas(rig, "hello there I", "hello there I am") == ["", ""]


def test_idleness_asks_for_no_answer_either() -> None:
    rig = transcribing(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    assert "response.created" not in types(rig.hear(SPOKEN + silence(9000)))


def test_push_to_talk_works_as_elsewhere() -> None:
    rig = transcribing(audio={"input": {"turn_detection": None}})
    rig.hear(loud(300))
    told = only(rig.send("input_audio_buffer.commit"), "conversation.item.input_audio_transcription.completed")
    assert told["transcript"] == "hello there"


def test_a_response_cannot_be_requested() -> None:
    message = error_of(transcribing().send("response.create"))["message"]
    assert message == "A transcription session has no responses. Open a realtime session."


@pytest.mark.parametrize(
    "session",
    [
        {"type": "realtime"},
        {"type": "transcription", "instructions": "x"},
        {"type": "transcription", "audio": {"output": {"voice": "sage"}}},
    ],
)
def test_it_cannot_become_more(session: dict[str, Any]) -> None:
    assert error_of(transcribing().send("session.update", session=session))["type"] == "invalid_request_error"


def test_a_conversation_cannot_become_a_transcription() -> None:
    error = error_of(Rig().send("session.update", session={"type": "transcription"}))
    assert error["param"] == "session.type"


async def test_over_a_socket_it_is_asked_for_by_its_intent() -> None:
    brain = FakeBrain()
    async with (
        running(brain) as server,
        AsyncOpenAI(base_url=server.url, api_key=KEY) as client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        await receive(connection, "conversation.created")
        await connection.session.update(
            session={"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}
        )
        await receive(connection, "session.updated")
        await speak(connection, SPOKEN)
        told = await receive(connection, "conversation.item.input_audio_transcription.completed")
    assert told[-1]["transcript"] == "hello there"
    assert not brain.requests


async def test_an_ephemeral_key_may_be_for_a_transcription() -> None:
    body = {"session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "any"}}}}}
    async with running() as server, httpx.AsyncClient() as plain:
        made = await plain.post(f"{server.url}/realtime/client_secrets", json=body, headers={"api-key": KEY})
        assert made.json()["session"]["audio"]["input"]["transcription"] == {"model": "any"}
        async with (
            AsyncOpenAI(base_url=server.url, api_key=made.json()["value"]) as client,
            client.realtime.connect(extra_query={}) as connection,
        ):
            session = (await receive(connection, "session.created"))[-1]["session"]
    assert session["type"] == "transcription"


# ---------------------------------------------------------------------- in the preview

PREVIEW = {"api-key": KEY, "OpenAI-Beta": "realtime=v1"}
PREVIEW_ADDRESSES = (
    "/openai/realtime?api-version=2025-04-01-preview&intent=transcription",
    "/v1/realtime?intent=transcription",
)


@asynccontextmanager
async def transcribing_in_preview(server: EngineServer, path: str) -> AsyncIterator[websockets.ClientConnection]:
    url = f"ws://127.0.0.1:{server.port}{path}"
    async with websockets.connect(url, additional_headers=PREVIEW) as socket:
        yield socket


async def told(socket: websockets.ClientConnection, until: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while (event := json.loads(await socket.recv()))["type"] != until:
            assert event["type"] != "error", event
    return dict(event)


@pytest.mark.parametrize("path", PREVIEW_ADDRESSES)
async def test_the_preview_has_events_of_its_own_for_it(path: str) -> None:
    async with running() as server, transcribing_in_preview(server, path) as socket:
        created = (await told(socket, "transcription_session.created"))["session"]
        assert created["object"] == "realtime.transcription_session"
        assert created["input_audio_format"] == "pcm16"
        assert "audio" not in created
        update = {
            "input_audio_transcription": {"model": "whisper-1", "language": "en"},
            "input_audio_noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        }
        await socket.send(json.dumps({"type": "transcription_session.update", "session": update}))
        updated = await told(socket, "transcription_session.updated")
        assert updated["session"]["input_audio_transcription"] == {"model": "whisper-1", "language": "en"}
        assert updated["session"]["turn_detection"]["silence_duration_ms"] == 300
        assert "create_response" not in updated["session"]["turn_detection"]
        secret = {"value": "ek_1", "expires_at": 1}  # the type wants one; over a socket none is sent
        TranscriptionSessionUpdatedEvent.model_validate(
            {**updated, "session": {**updated["session"], "client_secret": secret}}
        )
        sound = base64.b64encode(SPOKEN).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
        completed = await told(socket, "conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello there"


async def test_a_wrong_update_is_refused_in_the_previews_words() -> None:
    async with running() as server, transcribing_in_preview(server, PREVIEW_ADDRESSES[0]) as socket:
        session = {"input_audio_format": "mp3"}
        await socket.send(json.dumps({"type": "transcription_session.update", "event_id": "mine", "session": session}))
        while (event := json.loads(await socket.recv()))["type"] != "error":
            pass
        assert event["error"]["event_id"] == "mine"
        assert event["error"]["param"] == "session.input_audio_format"


@pytest.mark.parametrize(
    "path",
    [
        "/openai/realtimeapi/transcription_sessions?api-version=2025-04-01-preview",
        "/v1/realtime/transcription_sessions",
    ],
)
async def test_the_preview_mints_keys_for_it(path: str) -> None:
    wish = {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "whisper-1"},
        "client_secret": {"expires_at": {"anchor": "created_at", "seconds": 30}},
    }
    async with running() as server, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{server.port}{path}"
        made = (await client.post(url, json=wish, headers={"api-key": KEY})).json()
        session = TranscriptionSession.model_validate(made)
        assert session.input_audio_format == "g711_ulaw"
        assert 0 < session.client_secret.expires_at - time.time() <= 30
        headers = {"Authorization": f"Bearer {session.client_secret.value}", "OpenAI-Beta": "realtime=v1"}
        address = f"ws://127.0.0.1:{server.port}{PREVIEW_ADDRESSES[1]}"
        async with websockets.connect(address, additional_headers=headers) as socket:
            created = await told(socket, "transcription_session.created")
    assert created["session"]["input_audio_format"] == "g711_ulaw"

"""Transcription sessions: the caller is heard, and nobody answers."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeTranscriptionSessionCreateRequest

from tests.engine.engine_fakes import FakeBrain, loud, silence
from tests.engine.engine_rig import Rig, error_of, only, types
from tests.engine.test_real_client import KEY, receive, running, speak

SPOKEN = loud(600) + silence(900)


def transcribing(**session: Any) -> Rig:
    return Rig(settings={"type": "transcription", **session})


def test_it_shows_hearing_and_nothing_else() -> None:
    session = transcribing().events[0]["session"]
    assert session["object"] == "realtime.transcription_session"
    assert set(session["audio"]) == {"input"}
    assert not {"model", "instructions", "tools", "output_modalities"} & set(session)
    RealtimeTranscriptionSessionCreateRequest.model_validate(session, strict=True)


def test_a_turn_is_written_down_and_not_answered() -> None:
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


def test_idleness_asks_for_no_answer_either() -> None:
    rig = transcribing(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 1000}}})
    assert "response.created" not in types(rig.hear(SPOKEN + silence(9000)))


def test_push_to_talk_works_as_elsewhere() -> None:
    rig = transcribing(audio={"input": {"turn_detection": None}})
    rig.hear(loud(300))
    told = only(rig.send("input_audio_buffer.commit"), "conversation.item.input_audio_transcription.completed")
    assert told["transcript"] == "hello there"


def test_an_answer_cannot_be_asked_for() -> None:
    assert error_of(transcribing().send("response.create"))["message"] == "A transcription session makes no responses."


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

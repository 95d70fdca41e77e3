"""Azure's preview: calls use GA, and every frame conforms to the preview's types."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from agents.realtime import RealtimeAgent

from tests import official_preview_events
from tests.engine import official_events
from tests.providers.azure_fake import KEY
from tests.providers.test_azure import SCENARIO, SESSION, reached, received
from trunkline import Scenario, SessionSettings
from trunkline.providers import ConnectionLostError, ProviderError, decode_frame
from trunkline.providers.from_settings import azure_provider
from trunkline.providers.hosted_realtime import HostedRealtimeProvider
from trunkline.providers.preview import PreviewConnection
from trunkline.realtime.events import Event, decode, encode
from trunkline.scenario.loading import load
from trunkline.settings import Settings

PREVIEW: dict[str, Any] = {"azure_dialect": "preview", "azure_region": "swedencentral"}


class Wire:
    """A connection whose far end is the test."""

    receive_count = None

    def __init__(self, *incoming: Event | bytes) -> None:
        self.sent: list[str] = []
        self.closed = False
        self._incoming = deque(one if isinstance(one, bytes) else encode(one) for one in incoming)

    async def receive(self) -> bytes:
        if not self._incoming:
            raise ConnectionLostError("over", 1000)
        return self._incoming.popleft()

    async def send(self, frame: str) -> None:
        self.sent.append(frame)

    def try_send(self, frame: str) -> bool:
        self.sent.append(frame)
        return True

    async def close(self) -> None:
        self.closed = True


async def all_of(connection: PreviewConnection) -> list[bytes]:
    """Everything that comes, until the end."""
    frames: list[bytes] = []
    while True:
        try:
            frames.append(await connection.receive())
        except ConnectionLostError:
            return frames


# Connecting ---------------------------------------------------------------------------------------------------------
async def test_it_goes_to_the_previews_address_with_version_and_deployment() -> None:
    async with reached(**PREVIEW, azure_api_version="2024-10-01-preview") as (there, provider):
        connection = await provider.connect("my-realtime")
        created = await received(connection, "session.created")
        await connection.close()
    (request,) = there.requests
    assert request.path == "/openai/realtime"
    assert request.query == {"api-version": "2024-10-01-preview", "deployment": "my-realtime"}
    assert request.headers["api-key"] == KEY
    assert created["session"]["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}


async def test_a_whole_turn_is_ga_on_our_side_and_the_preview_on_theirs() -> None:
    async with reached(**PREVIEW) as (there, provider):
        connection = await provider.connect("my-realtime")
        audio = {"input": {"turn_detection": None, "transcription": {"model": "my-whisper"}}}
        asked: list[Event] = [
            {"type": "session.update", "session": {**SESSION, "audio": audio, "output_modalities": ["audio"]}},
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            },
            {"type": "response.create"},
        ]
        del asked[0]["session"]["model"]  # the preview's updates name no model
        for event in asked:
            await connection.send(encode(event).decode())
        kinds: list[str] = []
        async with asyncio.timeout(5):
            while not kinds or kinds[-1] != "response.done":
                event = decode_frame(await connection.receive())
                kinds.append(event["type"])
                if event["type"] != "session.created" and "session" not in event:
                    official_events.check(event)
        await connection.close()
    assert there.refused == []
    for kind in ("session.updated", "response.output_audio.delta", "response.output_audio_transcript.delta"):
        assert kind in kinds
    assert kinds.count("conversation.item.added") == kinds.count("conversation.item.done") == 2


async def test_ga_spoken_to_the_preview_would_be_refused() -> None:
    async with reached(**PREVIEW) as (there, provider):
        connection = await provider.connect("my-realtime")
        assert isinstance(connection, PreviewConnection)
        await connection._connection.send(encode({"type": "session.update", "session": SESSION}).decode())
        error = await received(connection, "error")
        await connection.close()
    assert error["error"]["code"] == "unknown_parameter"
    assert there.refused == ["error unknown_parameter"]


async def test_without_a_sideband_webrtc_is_refused() -> None:
    async with reached(**PREVIEW) as (there, provider):
        for attempt in (provider.start_webrtc_call("v=0", SESSION), provider.connect("my-realtime", "rtc_1")):
            with pytest.raises(ProviderError, match="preview has no sideband") as caught:
                await attempt
            assert not caught.value.retry
        await provider.hang_up("rtc_1")
        assert there.requests == []
        assert "no sideband" in provider.notices()[0].message


async def test_the_text_model_is_gas() -> None:
    async with reached(**PREVIEW) as (there, provider):
        from tests.providers.test_azure import PROMPT

        await provider.text_model().reply(PROMPT)
        assert there.requests[0].path == "/openai/v1/responses"
        assert provider.model_for(load([]).by_name[SCENARIO]) == "my-realtime"


# Secrets ------------------------------------------------------------------------------------------------------------
async def test_a_secret_is_created_for_the_regions_webrtc() -> None:
    async with reached(**PREVIEW) as (there, provider):
        minted = await provider.create_ephemeral_secret({**SESSION, "audio": {"output": {"voice": "alloy"}}})
    assert minted.value
    assert minted.value not in repr(minted)
    assert minted.url == "https://swedencentral.realtimeapi-preview.ai.azure.com/v1/realtimertc?model=my-realtime"
    (session,) = there.opened
    assert session == {"model": "my-realtime", "instructions": "Be kind.", "voice": "alloy"}
    assert there.requests[0].path == "/openai/realtimeapi/sessions"
    assert there.requests[0].query == {"api-version": "2025-04-01-preview"}


async def test_without_a_region_secrets_fail_with_the_setting_to_set() -> None:
    async with reached(azure_dialect="preview") as (_there, provider):
        with pytest.raises(ProviderError) as caught:
            await provider.create_ephemeral_secret(SESSION)
    assert "AZURE_OPENAI_REGION" in (caught.value.hint or "")


async def test_a_refused_secret_is_reported_like_other_refusals() -> None:
    async with reached(**PREVIEW, azure_api_key="not-the-key") as (_there, provider):
        with pytest.raises(ProviderError, match="401") as caught:
            await provider.create_ephemeral_secret(SESSION)
    assert "AZURE_OPENAI_API_KEY" in (caught.value.hint or "")


# Frames -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": "sage"}}}},
            {"type": "session.update", "session": {"voice": "sage"}},
        ),
        (
            {
                "type": "session.update",
                "session": {
                    "type": "realtime",
                    "output_modalities": ["audio"],
                    "audio": {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}},
                },
            },
            {
                "type": "session.update",
                "session": {
                    "modalities": ["audio", "text"],
                    "input_audio_format": "g711_ulaw",
                    "turn_detection": None,
                },
            },
        ),
        ({"type": "response.create", "event_id": "event_1"}, {"type": "response.create", "event_id": "event_1"}),
        ({"type": "input_audio_buffer.commit"}, {"type": "input_audio_buffer.commit"}),
    ],
)
async def test_sent_events_are_translated(event: Event, told: Event) -> None:
    wire = Wire()
    await PreviewConnection(wire).send(encode(event).decode())
    (frame,) = wire.sent
    assert decode(frame.encode()) == told
    official_preview_events.check_client(told)


async def test_sent_audio_is_unchanged() -> None:
    wire = Wire()
    frame = '{"type":"input_audio_buffer.append","audio":"AAAA"}'
    await PreviewConnection(wire).send(frame)
    assert wire.sent == [frame]


async def test_events_unknown_to_the_preview_are_not_sent() -> None:
    wire = Wire()
    await PreviewConnection(wire).send('{"type":"output_audio_buffer.clear"}')
    assert wire.sent == []


async def test_received_audio_is_only_renamed() -> None:
    frame = b'{"type":"response.audio.delta","event_id":"event_1","item_id":"msg_1","delta":"AAAA"}'
    (told,) = await all_of(PreviewConnection(Wire(frame)))
    assert told == frame.replace(b"response.audio.delta", b"response.output_audio.delta")


async def test_one_event_may_become_two() -> None:
    item: dict[str, Any] = {"id": "item_1", "type": "message", "role": "user", "status": "completed", "content": []}
    created = {"type": "conversation.item.created", "event_id": "event_1", "item": item}
    kinds = [decode(frame)["type"] for frame in await all_of(PreviewConnection(Wire(created)))]
    assert kinds == ["conversation.item.added", "conversation.item.done"]


async def test_a_completed_answer_is_reported_as_in_ga() -> None:
    content = [{"type": "audio", "transcript": "Hello."}]
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}
    done = {"type": "response.output_item.done", "event_id": "event_1", "response_id": "r", "item": item}
    events = [decode(frame) for frame in await all_of(PreviewConnection(Wire(done)))]
    assert [event["type"] for event in events] == ["response.output_item.done", "conversation.item.done"]
    assert events[1]["item"]["content"] == [{"type": "output_audio", "transcript": "Hello."}]


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"\xff", b'{"type": 4}'])
async def test_malformed_frames_are_passed_on(garbage: bytes) -> None:
    wire = Wire(garbage)
    assert await all_of(PreviewConnection(wire)) == [garbage]
    await PreviewConnection(wire).close()
    assert wire.closed


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.created", "item": None},
        {"type": "conversation.item.created"},
        {"type": "response.output_item.done", "item": "x"},
        {"type": "response.done", "response": []},
        {"type": "session.updated", "session": {"turn_detection": "server_vad", "modalities": 7}},
        {"type": "error", "error": {"message": 7, "param": []}},
    ],
)
async def test_malformed_events_do_not_break_the_translation(event: Event) -> None:
    kinds = [decode(frame)["type"] for frame in await all_of(PreviewConnection(Wire(event)))]
    assert kinds


# Scenarios ------------------------------------------------------------------------------------------------------------
def preview() -> HostedRealtimeProvider:
    given = {"azure_endpoint": "https://res.openai.azure.com", "azure_api_key": KEY, **PREVIEW}
    return azure_provider(Settings.model_validate(given))


def test_the_preview_refuses_session_settings_that_it_does_not_have() -> None:
    agents: list[RealtimeAgent[Any]] = [RealtimeAgent(name="host"), RealtimeAgent(name="poet")]
    own = {"poet": SessionSettings(reasoning_effort="low", truncation="auto", max_output_tokens=100)}
    problem = preview().scenario_problem(Scenario("x", agents=agents, agent_sessions=own))
    assert problem == (
        "Azure's preview protocol does not have these session settings of the scenario 'x': reasoning_effort, "
        "truncation. Remove them, or remove AZURE_OPENAI_REALTIME_DIALECT to use GA."
    )


def test_the_preview_takes_the_session_settings_that_it_has() -> None:
    settings = SessionSettings(noise_reduction="near_field", max_output_tokens=100, tool_choice="none")
    assert preview().scenario_problem(Scenario("x", agents=[RealtimeAgent(name="host")], session=settings)) is None


def test_the_preview_refuses_an_agent_with_a_stored_prompt_alone() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="host", prompt={"id": "pmpt_1"})
    problem = preview().scenario_problem(Scenario("x", agents=[agent]))
    assert problem is not None
    assert problem.startswith("Azure's preview protocol has no stored prompts, and the agent 'host' of 'x' has nothing")
    agent.instructions = "Be kind."
    assert preview().scenario_problem(Scenario("x", agents=[agent])) is None

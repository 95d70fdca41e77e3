"""Preview dialect over real sockets, with the official client's beta part and types."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
import websockets
from openai import AsyncAzureOpenAI, AsyncOpenAI
from openai.types.beta.realtime import SessionCreateResponse

from tests.engine.engine_fakes import FakeBrain, FakeTts, loud, silence
from tests.engine.engine_rig import Rig, every, only, types
from tests.engine.test_real_client import KEY, receive_any, running, say, speak
from tests.engine.test_wire_fuzz import frame, mutated
from tests.official_preview_events import check
from trunkline.engine.brains import TextDelta, ToolCallDelta
from trunkline.engine.http.preview import PreviewTranslator
from trunkline.engine.server import EngineServer


def root(server: EngineServer) -> str:
    return f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def azure(server: EngineServer, key: str = KEY) -> AsyncIterator[Any]:
    """Connect the official Azure client, which speaks the preview."""
    client = AsyncAzureOpenAI(
        azure_endpoint=root(server),
        websocket_base_url=f"ws://127.0.0.1:{server.port}/openai",
        api_version="2025-04-01-preview",
        api_key=key,
    )
    async with client, client.beta.realtime.connect(model="my-deployment") as connection:
        yield connection


@asynccontextmanager
async def openai_beta(server: EngineServer, key: str = KEY) -> AsyncIterator[Any]:
    """Connect the official client's beta part: the GA address with the beta's header."""
    url = f"127.0.0.1:{server.port}/v1"
    client = AsyncOpenAI(base_url=f"http://{url}", websocket_base_url=f"ws://{url}", api_key=key)
    async with client, client.beta.realtime.connect(model="my-model") as connection:
        yield connection


async def receive(connection: Any, until: str) -> list[dict[str, Any]]:
    return await receive_any(connection, until, check)


def weather(request: Any) -> list[Any]:
    last = request.items[-1]
    if last["type"] == "function_call_output":
        return [TextDelta(f"It is {last['output']}.")]
    words = last["content"][0].get("text") or last["content"][0].get("transcript")
    return (
        [ToolCallDelta("call_1", "weather", '{"city": "Wanaka"}')]
        if "weather" in words
        else [TextDelta(f"You said: {words}.")]
    )


@pytest.mark.parametrize("connected", [azure, openai_beta])
async def test_a_whole_conversation_in_the_preview(connected: Any) -> None:
    async with running(FakeBrain(weather)) as server, connected(server) as connection:
        session = only(await receive(connection, "session.created"), "session.created")["session"]
        assert (session["modalities"], session["input_audio_format"]) == (["audio", "text"], "pcm16")
        await receive(connection, "conversation.created")
        await connection.session.update(
            session={
                "instructions": "Be brief.",
                "temperature": 0.7,
                "max_response_output_tokens": 500,
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
                "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}}],
            }
        )
        updated = (await receive(connection, "session.updated"))[-1]["session"]
        assert (updated["temperature"], updated["max_response_output_tokens"]) == (0.7, 500)
        assert updated["turn_detection"]["silence_duration_ms"] == 300

        await say(connection, "good morning")
        typed = await receive(connection, "response.done")
        words = "".join(event["delta"] for event in every(typed, "response.audio_transcript.delta"))
        assert words == "You said: good morning."
        assert base64.b64decode(every(typed, "response.audio.delta")[0]["delta"])
        assert [event["item"]["role"] for event in every(typed, "conversation.item.created")] == ["user", "assistant"]
        assert typed[-1]["response"]["output"][0]["content"] == [{"type": "audio", "transcript": words}]

        await speak(connection, loud(500) + silence(400))
        spoken = await receive(connection, "response.done")
        assert types(spoken)[0] == "input_audio_buffer.speech_started"
        heard = only(spoken, "conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello there"

        await say(connection, "how is the weather?")
        asked = only(await receive(connection, "response.done"), "response.function_call_arguments.done")
        assert (asked["name"], json.loads(asked["arguments"])) == ("weather", {"city": "Wanaka"})
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": asked["call_id"], "output": "sunny"}
        )
        await connection.response.create(response={"modalities": ["text"]})
        answered = await receive(connection, "response.done")
        assert only(answered, "response.text.done")["text"] == "It is sunny."
        assert answered[-1]["response"]["modalities"] == ["text"]


async def test_a_session_that_names_another_model_is_updated() -> None:
    async with running() as server, azure(server) as connection:
        await connection.send({"type": "session.update", "session": {"model": "gpt-realtime", "voice": "verse"}})
        session = (await receive(connection, "session.updated"))[-1]["session"]
    assert (session["model"], session["voice"]) == ("my-deployment", "verse")


async def test_turn_detection_may_be_switched_off_by_its_type() -> None:
    async with running() as server, azure(server) as connection:
        await connection.send({"type": "session.update", "session": {"turn_detection": {"type": "none"}}})
        session = (await receive(connection, "session.updated"))[-1]["session"]
    assert session["turn_detection"] is None


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"voice": "marin"}, "invalid_value", "session.voice"),
        ({"temperature": 1.3}, "decimal_above_max_value", "session.temperature"),
    ],
)
async def test_the_preview_refuses_values_that_ga_accepts(session: Any, code: str, param: str) -> None:
    async with running() as server, azure(server) as connection:
        await connection.session.update(session={"instructions": "Be brief.", **session}, event_id="mine")
        error = (await receive(connection, "error"))[-1]["error"]
        assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
        await connection.session.update(session={"voice": "verse"})
        updated = (await receive(connection, "session.updated"))[-1]["session"]
    assert (updated["voice"], updated["temperature"]) == ("verse", 0.8)
    assert updated["instructions"] != "Be brief."


async def test_an_assistants_text_may_be_replayed() -> None:
    brain = FakeBrain()
    async with running(brain) as server, azure(server) as connection:
        content = [{"type": "text", "text": "I said this."}]
        await connection.conversation.item.create(item={"type": "message", "role": "assistant", "content": content})
        told = (await receive(connection, "conversation.item.created"))[-1]
        assert told["item"]["content"] == content
        await say(connection, "go on")
        await receive(connection, "response.done")
    assert brain.requests[0].items[0]["content"] == [{"type": "output_text", "text": "I said this."}]


async def test_truncating_and_retrieving() -> None:
    brain = FakeBrain(lambda request: [TextDelta("One two three four.")])
    async with running(brain) as server, azure(server) as connection:
        await say(connection, "count")
        item_id = (await receive(connection, "response.done"))[-1]["response"]["output"][0]["id"]
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=200)
        await receive(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=item_id)
        part = (await receive(connection, "conversation.item.retrieved"))[-1]["item"]["content"][0]
    assert (part["type"], part["transcript"]) == ("audio", "One two")


@pytest.mark.parametrize(
    ("event", "param", "words"),
    [
        (
            {"type": "session.update", "session": {"input_audio_format": "opus"}},
            "session.input_audio_format",
            "'pcm16'",
        ),
        ({"type": "session.update", "session": {"speed": 9}}, "session.speed", "'session.speed'"),
        ({"type": "session.update", "session": {"modalities": ["smell"]}}, "session.modalities[0]", "'text'"),
        (
            {"type": "response.create", "response": {"max_response_output_tokens": 0}},
            None,
            "max_response_output_tokens",
        ),
        ({"type": "session.update", "session": {"surprise": 1}}, "session.surprise", "Unknown parameter"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]},
            },
            "item.content[0].type",
            "'text'",
        ),
    ],
)
async def test_errors_have_the_previews_format(event: dict[str, Any], param: str | None, words: str) -> None:
    async with running() as server, azure(server) as connection:
        await connection.send({**event, "event_id": "mine"})
        error = (await receive(connection, "error"))[-1]["error"]
    assert error["event_id"] == "mine"
    assert param in (None, error["param"])
    assert words in error["message"]
    assert "audio.input" not in error["message"]


async def test_a_frame_that_is_no_event_is_answered() -> None:
    url = "/openai/realtime?api-version=2025-04-01-preview&deployment=d"
    async with running() as server, websockets.connect(f"ws://127.0.0.1:{server.port}{url}&api-key={KEY}") as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        assert json.loads(await socket.recv())["type"] == "conversation.created"
        await socket.send("nonsense")
        assert json.loads(await socket.recv())["error"]["code"] == "invalid_json"
        await socket.send('{"type": "session.update", "session": 7}')
        assert json.loads(await socket.recv())["error"]["param"] == "session"


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("deployment=d&api-key=secret", 400, "api-version"),
        ("api-version=v&api-key=secret", 400, "deployment"),
        ("api-version=v&deployment=d&api-key=wrong", 401, "key"),
        ("api-version=v&deployment=d", 401, "key"),
    ],
)
async def test_the_previews_address_needs_version_and_deployment(query: str, status: int, named: str) -> None:
    async with running() as server:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(f"ws://127.0.0.1:{server.port}/openai/realtime?{query}")
    assert caught.value.response.status_code == status
    assert named in json.loads(caught.value.response.body)["error"]["message"]


async def test_a_browser_asks_for_the_preview_by_subprotocol() -> None:
    offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]
    url = "/v1/realtime?model=m"
    async with (
        running() as server,
        websockets.connect(
            f"ws://127.0.0.1:{server.port}{url}", subprotocols=[websockets.Subprotocol(one) for one in offered]
        ) as socket,
    ):
        event = json.loads(await socket.recv())
    check(event)
    assert event["session"]["modalities"] == ["audio", "text"]


async def test_without_asking_the_same_address_speaks_ga() -> None:
    headers = {"api-key": KEY}
    async with (
        running() as server,
        websockets.connect(f"ws://127.0.0.1:{server.port}/v1/realtime?model=m", additional_headers=headers) as socket,
    ):
        assert json.loads(await socket.recv())["session"]["output_modalities"] == ["audio"]


SESSIONS = "/openai/realtimeapi/sessions?api-version=2025-04-01-preview"


async def test_an_ephemeral_key_opens_the_session_that_it_was_made_for() -> None:
    wish = {"model": "my-deployment", "voice": "sage", "modalities": ["text"], "temperature": 0.9}
    async with running() as server, httpx.AsyncClient() as client:
        answer = await client.post(root(server) + SESSIONS, json=wish, headers={"api-key": KEY})
        assert answer.status_code == 200
        SessionCreateResponse.model_validate(answer.json(), strict=True)
        shown = answer.json()
        assert (shown["voice"], shown["modalities"], shown["temperature"]) == ("sage", ["text"], 0.9)
        async with openai_beta(server, shown["client_secret"]["value"]) as connection:
            session = (await receive(connection, "session.created"))[-1]["session"]
    assert (session["model"], session["voice"], session["modalities"]) == ("my-deployment", "sage", ["text"])


async def test_the_beta_client_mints_keys_as_well() -> None:
    async with running() as server, AsyncOpenAI(base_url=root(server) + "/v1", api_key=KEY) as client:
        made = await client.beta.realtime.sessions.create(
            model="gpt-4o-realtime-preview",
            input_audio_format="g711_ulaw",
            client_secret={"expires_after": {"anchor": "created_at", "seconds": 3000}},
        )
        brief = await client.beta.realtime.sessions.create(model="gpt-4o-realtime-preview")
    assert made.input_audio_format == "g711_ulaw"
    assert 2930 <= made.client_secret.expires_at - brief.client_secret.expires_at <= 2945


@pytest.mark.parametrize(
    ("body", "key", "status", "param"),
    [
        ({"model": "m"}, "wrong", 401, None),
        ({"voice": "sage"}, KEY, 400, "model"),
        ({"model": "m", "output_audio_format": "opus"}, KEY, 400, "output_audio_format"),
        ({"model": "m", "voice": "marin"}, KEY, 400, "voice"),
        ({"model": "m", "temperature": 0.2}, KEY, 400, "temperature"),
        ({"model": "m", "client_secret": {"expires_after": {"seconds": 1}}}, KEY, 400, "expires_after.seconds"),
        ([], KEY, 400, None),
    ],
)
async def test_an_invalid_request_for_a_key(body: Any, key: str, status: int, param: str | None) -> None:
    async with running() as server, httpx.AsyncClient() as client:
        answer = await client.post(root(server) + SESSIONS, json=body, headers={"api-key": key})
    assert answer.status_code == status
    assert answer.json()["error"].get("param") == param


def test_everything_a_session_may_send_is_valid_in_the_preview() -> None:
    """Run a long session on the rig, which does not know about the translation."""
    translator, told = PreviewTranslator(), []
    rig = Rig(
        answer=lambda request: [
            TextDelta("First, well. "),
            ToolCallDelta("c1", "f", '{"a": 1}'),
            TextDelta("Then this."),
        ]
    )
    rig.configure(audio={"input": {"transcription": {"model": "x"}}})
    rig.configure(tools=[{"type": "function", "name": "f"}], tool_choice={"type": "function", "name": "f"})
    rig.type("hello")
    rig.send("response.create")
    rig.hear(loud(600) + silence(900))
    rig.configure(
        audio={"input": {"turn_detection": {"type": "semantic_vad"}}, "output": {"format": {"type": "audio/pcmu"}}}
    )
    rig.send(
        "response.create", response={"conversation": "none", "output_modalities": ["text"], "metadata": {"a": "b"}}
    )
    item = only(every(rig.events, "response.done")[0]["response"]["output"][:1], "message")
    rig.send("conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=100)
    rig.send("conversation.item.retrieve", item_id=item["id"])
    rig.send("conversation.item.delete", item_id=item["id"])
    rig.send("input_audio_buffer.clear")
    rig.send("input_audio_buffer.commit")
    rig.send("response.cancel")
    for event in rig.events:
        translated = translator.from_ga(event)
        if translated is not None:
            check(translated)
            told.append(translated)
    assert len({event["type"] for event in told}) >= 24
    assert "conversation.item.done" not in types(told)


async def test_an_interrupted_answer_in_the_preview() -> None:
    brain = FakeBrain(lambda request: [TextDelta("On and on. ")] * 1000, delay=0.005)
    async with running(brain, tts=FakeTts(delay=0.005)) as server, azure(server) as connection:
        await say(connection, "tell me everything")
        await receive(connection, "response.audio.delta")
        await connection.response.cancel()
        done = (await receive(connection, "response.done"))[-1]["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")


PREVIEW_TEMPLATES: list[dict[str, Any]] = [
    {
        "type": "session.update",
        "session": {
            "modalities": ["audio", "text"],
            "input_audio_format": "g711_ulaw",
            "turn_detection": {"type": "server_vad"},
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": "f",
            "temperature": 0.8,
        },
    },
    {"type": "session.update", "session": {"input_audio_transcription": {"model": "whisper-1"}, "voice": "sage"}},
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]},
    },
    {"type": "response.create", "response": {"modalities": ["text"], "max_response_output_tokens": 9}},
]


async def test_no_client_can_break_its_session_in_the_preview() -> None:
    dice = random.Random(7)
    brain = FakeBrain(
        lambda request: [TextDelta("Well. "), TextDelta("Yes, of course."), ToolCallDelta("c", "f", "{}")], delay=0.001
    )
    seen = 0
    async with running(brain) as server:
        url = f"ws://127.0.0.1:{server.port}/openai/realtime?api-version=v&deployment=d&api-key={KEY}"
        async with websockets.connect(url, max_size=None, max_queue=None) as socket:

            async def read() -> None:
                nonlocal seen
                async for text in socket:
                    event = json.loads(text)
                    check(event)
                    seen += 1
                    if event["type"] == "error" and event["error"]["event_id"] == "the end":
                        return

            reader = asyncio.create_task(read())
            for _ in range(1500):
                template = dice.choice(PREVIEW_TEMPLATES)
                await socket.send(json.dumps(mutated(dice, template)) if dice.random() < 0.5 else frame(dice))
            await socket.send('{"type": "good.bye", "event_id": "the end"}')
            async with asyncio.timeout(60):
                await reader
    assert seen > 400

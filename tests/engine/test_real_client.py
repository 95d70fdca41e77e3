"""Engine over real sockets, with the official client and with a bare one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from openai import AsyncOpenAI, NotFoundError

from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts, loud, silence
from tests.engine.engine_rig import only, types
from tests.engine.official_events import check
from trunkline.engine.brains import BrainError, TextDelta, ToolCallDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.time_limits import EngineTimeLimits

KEY = "secret"


@asynccontextmanager
async def running(
    brain: FakeBrain | None = None,
    *,
    stt: FakeStt | None = None,
    tts: FakeTts | None = None,
    **kwargs: Any,
) -> AsyncIterator[EngineServer]:
    brain = brain or FakeBrain()
    engine = Engine(
        lambda model, settings: brain,
        stt or FakeStt(),
        tts or FakeTts(),
        FakeActivity,
        key=KEY,
        **kwargs,
    )
    async with EngineServer(engine) as server:
        yield server


@asynccontextmanager
async def connected(server: EngineServer, model: str = "anything") -> AsyncIterator[Any]:
    async with (
        AsyncOpenAI(base_url=server.url, api_key=KEY) as client,
        client.realtime.connect(model=model) as connection,
    ):
        await receive(connection, "conversation.created")
        yield connection


async def receive(connection: Any, until: str) -> list[dict[str, Any]]:
    """Return the events up to the first of a type, as the official client parsed them."""
    return await receive_any(connection, until, check)


async def receive_any(connection: Any, until: str, judge: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Return the events up to the first of a type, in any dialect."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while True:
            event = (await connection.recv()).model_dump(exclude_unset=True)
            judge(event)
            events.append(event)
            if event["type"] == until:
                return events


async def say(connection: Any, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await connection.response.create()


async def speak(connection: Any, pcm: bytes) -> None:
    for start in range(0, len(pcm), 960):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 960]).decode())


async def closing(socket: websockets.ClientConnection) -> websockets.Close:
    """Read until the server closes, and return its close frame."""
    async with asyncio.timeout(10):
        with contextlib.suppress(websockets.ConnectionClosedError):
            async for _ in socket:
                pass
        await socket.wait_closed()
    assert socket.protocol.close_rcvd is not None
    return socket.protocol.close_rcvd


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing to wait on: the condition is about what is gone
            await asyncio.sleep(0.01)


def websocket_url(server: EngineServer, query: str = "?model=m") -> str:
    return server.url.replace("http", "ws") + "/realtime" + query


async def test_a_typed_turn_is_answered_with_audio_and_transcript() -> None:
    async with running() as server, connected(server) as connection:
        await say(connection, "good morning")
        events = await receive(connection, "response.done")
    transcript = "".join(e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta")
    assert transcript == "You said: good morning."
    assert events[-1]["response"]["status"] == "completed"


async def test_a_spoken_turn_is_answered() -> None:
    async with running() as server, connected(server) as connection:
        await speak(connection, loud(500) + silence(600))
        events = await receive(connection, "response.done")
    assert types(events)[:3] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    answer = events[-1]["response"]["output"][0]["content"][0]["transcript"]
    assert answer == "You said: hello there."


async def test_push_to_talk() -> None:
    async with running() as server, connected(server) as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await receive(connection, "session.updated")
        await speak(connection, loud(300))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        events = await receive(connection, "response.done")
    assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "You said: hello there."


async def test_a_tool_call_and_its_result() -> None:
    def answer(request: Any) -> list[Any]:
        last = request.items[-1]
        if last["type"] == "function_call_output":
            return [TextDelta(f"It is {last['output']}.")]
        return [ToolCallDelta("call_1", "weather", '{"city": "Wanaka"}')]

    async with running(FakeBrain(answer)) as server, connected(server) as connection:
        await say(connection, "what is the weather?")
        events = await receive(connection, "response.done")
        done = only(events, "response.function_call_arguments.done")
        assert (done["name"], done["call_id"], done["arguments"]) == ("weather", "call_1", '{"city": "Wanaka"}')
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
        )
        await connection.response.create()
        events = await receive(connection, "response.done")
    assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "It is sunny."


async def test_cancel_stops_the_brain_and_the_voice() -> None:
    brain = FakeBrain(lambda request: [TextDelta("On and on. ")] * 1000, delay=0.005)
    async with running(brain) as server, connected(server) as connection:
        await say(connection, "tell me everything")
        await receive(connection, "response.output_audio.delta")
        await connection.response.cancel()
        events = await receive(connection, "response.done")
        assert events[-1]["response"]["status"] == "cancelled"
        await say(connection, "and now?")
        assert (await receive(connection, "response.created"))[-1]["response"]["status"] == "in_progress"
        assert brain.closed_early == 1


async def test_truncating_the_unplayed_part() -> None:
    brain = FakeBrain(lambda request: [TextDelta("One two three four.")])
    async with running(brain) as server, connected(server) as connection:
        await say(connection, "count")
        item_id = (await receive(connection, "response.done"))[-1]["response"]["output"][0]["id"]
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=200)
        await receive(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=item_id)
        item = (await receive(connection, "conversation.item.retrieved"))[-1]["item"]
    assert item["content"][0]["transcript"] == "One two"


async def test_closing_in_the_middle_of_an_answer_stops_everything() -> None:
    brain = FakeBrain(lambda request: [TextDelta("On and on. ")] * 1000, delay=0.005)
    async with running(brain) as server:
        async with connected(server) as connection:
            await say(connection, "tell me everything")
            await receive(connection, "response.output_audio.delta")
        await eventually(lambda: not server.engine.sessions)
        assert brain.closed_early == 1


async def test_a_failing_brain_fails_its_response_only() -> None:
    brain = FakeBrain(error=BrainError("No more words.", "out_of_words"))
    async with running(brain) as server, connected(server) as connection:
        await say(connection, "hi")
        response = (await receive(connection, "response.done"))[-1]["response"]
        assert response["status_details"]["error"]["code"] == "out_of_words"
        brain.error = ZeroDivisionError("a mistake in somebody's rehearsal")
        await say(connection, "hi")
        assert (await receive(connection, "response.done"))[-1]["response"]["status"] == "failed"
        brain.error = None
        await say(connection, "hi")
        assert (await receive(connection, "response.done"))[-1]["response"]["status"] == "completed"


async def test_a_failed_recognition_leaves_the_turn_without_transcript() -> None:
    async with running(stt=FakeStt(broken=True)) as server, connected(server) as connection:
        await speak(connection, loud(500) + silence(600))
        response = (await receive(connection, "response.done"))[-1]["response"]
    assert response["output"][0]["content"][0]["transcript"] == "You said: ."


async def test_a_recognition_that_takes_too_long_is_stopped() -> None:
    stt = FakeStt(delay=1000)
    async with (
        running(stt=stt, time_limits=EngineTimeLimits(transcript_s=0.1)) as server,
        connected(server) as connection,
    ):
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "any"}}}}
        )
        await speak(connection, loud(500) + silence(600))
        told = await receive(connection, "conversation.item.input_audio_transcription.failed")
        assert "more than 0.1 s" in told[-1]["error"]["message"]
        assert (await receive(connection, "response.done"))[-1]["response"]["status"] == "completed"
    assert stt.utterances[-1].abandoned


@pytest.mark.parametrize("headers", [{}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}])
async def test_without_the_key_clients_are_refused(headers: dict[str, str]) -> None:
    async with running() as server:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(websocket_url(server), additional_headers=headers)
    assert caught.value.response.status_code == 401
    assert json.loads(caught.value.response.body)["error"]["code"] == "401"


@pytest.mark.parametrize("headers", [{"api-key": KEY}, {"Authorization": f"Bearer {KEY}"}])
async def test_the_key_is_accepted_as_api_key_or_bearer(headers: dict[str, str]) -> None:
    async with running() as server, websockets.connect(websocket_url(server), additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"


async def test_the_key_is_accepted_in_a_subprotocol() -> None:
    protocols = [websockets.Subprotocol("realtime"), websockets.Subprotocol(f"openai-insecure-api-key.{KEY}")]
    async with running() as server, websockets.connect(websocket_url(server), subprotocols=protocols) as socket:
        assert socket.subprotocol == "realtime"
        assert json.loads(await socket.recv())["type"] == "session.created"


async def refused(server: EngineServer, query: str = "?model=m") -> tuple[int, str]:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(websocket_url(server, query), additional_headers={"api-key": KEY})
    return caught.value.response.status_code, json.loads(caught.value.response.body)["error"]["code"]


async def test_a_model_must_be_named_and_known() -> None:
    def unknown(model: str, settings: object) -> FakeBrain:
        raise BrainError(f"There is no model {model}.", "DeploymentNotFound")

    engine = Engine(unknown, FakeStt(), FakeTts(), FakeActivity, key=KEY)
    async with EngineServer(engine) as server:
        assert await refused(server, "") == (400, "missing_query_parameter")
        assert await refused(server) == (404, "DeploymentNotFound")


async def test_one_session_too_many_is_refused() -> None:
    async with running(max_sessions=1) as server, connected(server):
        assert await refused(server) == (429, "too_many_sessions")


async def test_an_invalid_frame_is_an_error_and_the_session_continues() -> None:
    async with (
        running() as server,
        websockets.connect(websocket_url(server), additional_headers={"api-key": KEY}) as socket,
    ):
        await socket.recv()
        await socket.recv()
        for frame in ("{", "[]", '"text"', "{}", '{"type": 5}', b"\xff\x00", ""):
            await socket.send(frame)
            event = json.loads(await socket.recv())
            check(event)
            assert event["error"]["type"] == "invalid_request_error"
        await socket.send('{"type": "response.create"}')
        assert json.loads(await socket.recv())["type"] == "response.created"


async def test_a_frame_beyond_the_limit_closes_the_socket_with_its_reason() -> None:
    async with (
        running() as server,
        websockets.connect(websocket_url(server), additional_headers={"api-key": KEY}, max_size=None) as socket,
    ):
        with contextlib.suppress(websockets.ConnectionClosedError):
            await socket.send("x" * (17 << 20))
        assert (await closing(socket)).code == 1009


async def test_a_minute_of_audio_at_once_is_recognised_completely() -> None:
    async with running() as server, connected(server) as connection:
        sound = (loud(1000) + silence(1000)) * 5 + silence(2000)
        await connection.input_audio_buffer.append(audio=base64.b64encode(sound).decode())
        stops = 0
        async with asyncio.timeout(10):
            while stops < 5:
                event = await connection.recv()
                stops += event.type == "input_audio_buffer.speech_stopped"
                assert event.type != "error"


async def test_shutting_down_closes_the_clients_with_a_reason() -> None:
    async with running() as server:
        socket = await websockets.connect(websocket_url(server), additional_headers={"api-key": KEY})
        await socket.recv()
        server.engine.close()
        close = await closing(socket)
        assert (close.code, close.reason) == (1001, "the server is shutting down")


async def test_sessions_do_not_hear_each_other() -> None:
    async with running() as server, connected(server) as one, connected(server) as other:
        await say(one, "one")
        await say(other, "other")
        answers = [
            (await receive(connection, "response.done"))[-1]["response"]["output"][0]["content"][0]["transcript"]
            for connection in (one, other)
        ]
    assert answers == ["You said: one.", "You said: other."]


async def test_two_hundred_sessions_leave_nothing_behind() -> None:
    async with running() as server:
        before = len(asyncio.all_tasks())
        headers = {"api-key": KEY}
        for _ in range(20):
            sockets = [await websockets.connect(websocket_url(server), additional_headers=headers) for _ in range(10)]
            for socket in sockets:
                await socket.send('{"type": "response.create"}')
            await asyncio.gather(*(socket.close() for socket in sockets))
        await eventually(lambda: not server.engine.sessions and len(asyncio.all_tasks()) <= before)


async def test_a_client_that_does_not_read_is_closed_and_blocks_no_other() -> None:
    brain = FakeBrain(lambda request: [TextDelta("On and on. ")] * 5000)
    async with running(brain, time_limits=EngineTimeLimits(send_s=0.3)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        handshake = (
            f"GET /openai/v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\napi-key: {KEY}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.write(handshake.encode())
        await reader.readuntil(b"\r\n\r\n")
        frame = b'{"type":"response.create"}'
        writer.write(bytes([0x81, 0x80 | len(frame), 0, 0, 0, 0]) + frame)
        async with connected(server) as other:
            await say(other, "are you there?")
            await receive(other, "response.output_audio.delta")
        await eventually(lambda: not server.engine.sessions)
        writer.transport.abort()


async def test_a_failed_session_closes_with_a_reason_and_affects_no_other() -> None:
    tts = FakeTts()
    async with running(tts=tts) as server, connected(server) as other:
        headers = {"api-key": KEY}
        async with websockets.connect(websocket_url(server), additional_headers=headers) as socket:
            tts.mistake = ZeroDivisionError("a voice with a mistake in it")
            await socket.send('{"type": "response.create"}')
            assert (await closing(socket)).code == 1011
        tts.mistake = None
        await say(other, "still there?")
        assert (await receive(other, "response.done"))[-1]["response"]["status"] == "completed"
        await eventually(lambda: len(server.engine.sessions) == 1)


async def test_an_unknown_path_is_a_404_in_json() -> None:
    async with running() as server, AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        with pytest.raises(NotFoundError, match="does not have POST /openai/v1/images"):
            await client.images.generate(prompt="a cat")

"""Messages of a page's socket: texts that are written together, and messages that pass without a task."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets
from starlette.types import Receive, Scope, Send

from tests.web.web_server import listening
from trunkline.web.uvicorn_websocket import CONNECTION, MAX_JOINED_CHARACTERS, CallSocketProtocol

LONG = "x" * MAX_JOINED_CHARACTERS


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    for text in ("1", "2", "3"):
        await send({"type": "websocket.send", "text": text})
    await send({"type": "websocket.send", "bytes": b"audio"})
    for text in ("4", LONG, "5"):
        await send({"type": "websocket.send", "text": text})
    await asyncio.sleep(0)
    await send({"type": "websocket.send", "text": "6"})
    await send({"type": "websocket.close", "code": 1000})


async def test_texts_and_audio_arrive_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    write_texts = CallSocketProtocol._write_texts

    def counted(self: CallSocketProtocol) -> None:
        writes.append(len(self.conn.writes))
        write_texts(self)

    monkeypatch.setattr(CallSocketProtocol, "_write_texts", counted)
    async with listening(_app) as url, websockets.connect(url.replace("http", "ws", 1), proxy=None) as socket:
        frames = [frame async for frame in socket]
    assert frames == ["1", "2", "3", b"audio", "4", LONG, "5", "6"]
    assert max(writes) >= 2  # "4" and the long text go together


async def test_messages_that_are_sent_at_once_keep_their_order() -> None:
    sent: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        connection = scope["extensions"][CONNECTION]
        await send({"type": "websocket.send", "text": "1"})
        sent.extend(map(connection.try_send, ["2", b"audio", "3"]))
        await send({"type": "websocket.send", "text": "4"})
        await send({"type": "websocket.close", "code": 1000})
        sent.append(connection.try_send("5"))

    async with listening(app) as url, websockets.connect(url.replace("http", "ws", 1), proxy=None) as socket:
        frames = [frame async for frame in socket]
    assert frames == ["1", "2", b"audio", "3", "4"]
    assert sent == [True, True, True, False]


async def test_nothing_is_sent_at_once_while_the_network_is_slow() -> None:
    sent: list[bool] = []
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        connection = scope["extensions"][CONNECTION]
        while connection.try_send(bytes(1 << 16)):  # nobody reads
            sent.append(True)
            assert len(sent) < 1000
        done.set()
        await send({"type": "websocket.close", "code": 1000})

    options: dict[str, Any] = {"proxy": None, "max_queue": 1, "max_size": None}
    async with listening(app) as url, websockets.connect(url.replace("http", "ws", 1), **options) as socket:
        await asyncio.wait_for(done.wait(), 20)
        frames = [frame async for frame in socket]
    assert len(frames) == len(sent)


async def test_audio_is_taken_at_once_unless_earlier_messages_wait() -> None:
    taken: list[bytes] = []
    ready = asyncio.Event()

    def take(audio: bytes) -> bool:
        if audio == b"not this":
            return False
        taken.append(audio)
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        connection = scope["extensions"][CONNECTION]
        connection.take_audio = take
        await send({"type": "websocket.accept"})
        await ready.wait()
        while (message := await receive())["type"] == "websocket.receive":
            taken.append(b"read: " + (message.get("bytes") or message["text"].encode()))

    async with listening(app) as url, websockets.connect(url.replace("http", "ws", 1), proxy=None) as socket:
        for frame in (b"1", b"2", b"not this", b"3", "4"):
            await socket.send(frame)
        await (await socket.ping())
        ready.set()
        await (await socket.ping())
        await socket.send(b"5")
        await (await socket.ping())
    assert taken == [b"1", b"2", b"read: not this", b"read: 3", b"read: 4", b"5"]


@pytest.mark.parametrize("size", [0, 125, 126, (1 << 16) - 1, 1 << 16])
@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_messages_of_any_size_arrive_whole(size: int, compression: str | None) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "x" * size})
        await send({"type": "websocket.send", "bytes": bytes(size)})
        scope["extensions"][CONNECTION].try_send(bytes(size))
        await send({"type": "websocket.close", "code": 1000})

    async with listening(app, ws_per_message_deflate=True) as url:
        address = url.replace("http", "ws", 1)
        async with websockets.connect(address, proxy=None, compression=compression) as socket:
            assert [frame async for frame in socket] == ["x" * size, bytes(size), bytes(size)]

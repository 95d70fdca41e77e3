"""Texts of one turn of the event loop, which the server writes together."""

from __future__ import annotations

import asyncio

import pytest
import websockets
from starlette.types import Receive, Scope, Send

from tests.web.web_server import listening
from trunkline.web.uvicorn_websocket import MAX_JOINED_CHARACTERS, CallSocketProtocol

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

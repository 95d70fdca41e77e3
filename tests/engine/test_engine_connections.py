"""Connections of the engine: their number, and clients that are slow or send nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import httpx2
import pytest
import websockets
from starlette.requests import Request
from starlette.types import Message

from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts
from trunkline.engine.http.app import Engine
from trunkline.engine.http.errors import RequestError
from trunkline.engine.http.request_bodies import read_request_body
from trunkline.engine.server import EngineServer
from trunkline.listener import config
from trunkline.listener.limits import ListenerLimits


@contextlib.asynccontextmanager
async def engine(limits: ListenerLimits) -> AsyncIterator[EngineServer]:
    made = Engine(lambda model, settings: FakeBrain(), FakeStt(), FakeTts(), FakeActivity)
    async with EngineServer(made, limits=limits) as server:
        yield server


async def models_status(server: EngineServer) -> int:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{server.port}/v1/models")).status_code


async def answer_to(server: EngineServer, request: bytes) -> bytes:
    """Return all that the engine sends until it closes the connection, whose client sends nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_idle_connections_lock_nobody_out() -> None:
    async with engine(ListenerLimits(connections=20, head_s=60)) as server, contextlib.AsyncExitStack() as ends:
        for _ in range(60):
            _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            ends.callback(writer.close)
        assert await models_status(server) == 200


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_a_client_without_the_key_is_in_the_log_once_a_minute(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = Engine(lambda model, settings: FakeBrain(), FakeStt(), FakeTts(), FakeActivity, key="a-long-random-key")
    async with EngineServer(guarded) as server:
        for _ in range(2):
            assert await status_with_wrong_key(f"{scheme}://127.0.0.1:{server.port}/v1") == 401
    assert caplog.text.count("access.refused client=127.0.0.1 reason=wrong_key") == 1
    assert "a-wrong-key" not in caplog.text


async def status_with_wrong_key(url: str) -> int:
    headers = {"authorization": "Bearer a-wrong-key"}
    if url.startswith("ws"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"{url}/realtime?model=m", additional_headers=headers, proxy=None)
        return refused.value.response.status_code
    async with httpx2.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/models", headers=headers)).status_code


async def test_one_address_may_not_have_all_connections(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(config, "exempt_addresses", lambda _proxies: lambda _address: False)
    limits = ListenerLimits(connections=20, client_connections=2, head_s=60)
    async with engine(limits) as server, contextlib.AsyncExitStack() as ends:
        for _ in range(2):
            _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            ends.callback(writer.close)
        assert (await answer_to(server, b"")).startswith(b"HTTP/1.1 503")
    assert "access.refused" in caplog.text


@pytest.mark.parametrize("begun", [b"", b"GET /v1/mo", b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n"])
async def test_an_incomplete_head_times_out(begun: bytes) -> None:
    async with engine(ListenerLimits(head_s=0.2)) as server:
        assert (await answer_to(server, begun)).startswith(b"HTTP/1.1 408")


async def test_an_incomplete_body_times_out() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    with pytest.raises(RequestError) as refused:
        await read_request_body(Request({"type": "http", "headers": []}, never), timeout_s=0.05)
    assert (refused.value.status, refused.value.code) == (408, "request_timeout")


MALFORMED = {
    "invalid UTF-8": b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    "no mask": b"\x81\x05hello",
    "reserved bits": b"\xf1\x80abcd",
    "a ping that is too large": b"\x89\xfe\x00\xc8" + bytes(204),
    "a length without end": b"\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00abcd",
}


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_frame_closes_the_socket_and_is_not_logged(
    frame: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine(ListenerLimits()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /v1/realtime?model=m HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
            writer.write(5 * (b"\x81\x82\x00\x00\x00\x00{}") + frame)  # the session answers the first ones
            await reader.read()
        writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

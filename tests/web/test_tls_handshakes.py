"""TLS handshakes that clients begin and never finish: they count as connections, and their time is limited."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets

from tests.web.web_server import listening, own_settings, with_model
from trunkline.listener import config
from trunkline.tls import self_signed_identity
from trunkline.web import create_app

LIMIT = 4


@contextlib.asynccontextmanager
async def serving_tls(folder: Path, **settings: Any) -> AsyncIterator[tuple[int, Any]]:
    """Serve the app over TLS; yield its port and its state."""
    identity = self_signed_identity(folder, ["localhost", "127.0.0.1"])
    given = own_settings(**{"max_connections": LIMIT, "head_timeout_s": 30.0, **settings})
    app = create_app([], given)
    options = {"ssl_certfile": str(identity.certificate), "ssl_keyfile": identity.key and str(identity.key)}
    async with listening(app, given, **options) as url:
        yield int(url.rpartition(":")[2]), app.state.server


def trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def is_healthy(port: int) -> bool:
    async with httpx2.AsyncClient(verify=trusting_all(), trust_env=False) as http:
        return (await http.get(f"https://127.0.0.1:{port}/api/health")).status_code == 200


async def unfinished(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, and send the first bytes of a handshake only."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01")
    return reader, writer


async def until_open(state: Any, count: int) -> None:
    async with asyncio.timeout(5):
        while state.gate.open != count:  # noqa: ASYNC110 - the gate reports no change
            await asyncio.sleep(0.005)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Return whether the server ends a connection."""
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_unfinished_handshakes_count_and_make_room_for_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_model(monkeypatch)
    async with serving_tls(tmp_path) as (port, state):
        clients = [await unfinished(port) for _ in range(LIMIT)]
        await until_open(state, LIMIT)
        assert await is_healthy(port)
        assert await ended(clients[0][0])  # the oldest one had to go
        for _reader, writer in clients:
            writer.close()
        await until_open(state, 0)


async def test_one_address_may_not_hold_all_handshakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_model(monkeypatch)
    monkeypatch.setattr(config, "exempt_addresses", lambda _proxies: lambda _address: False)
    async with serving_tls(tmp_path, max_client_connections=2) as (port, state):
        clients = [await unfinished(port) for _ in range(2)]
        await until_open(state, 2)
        refused, writer = await unfinished(port)
        assert await ended(refused)
        assert state.gate.open == 2
        for one in (writer, *(writer for _reader, writer in clients)):
            one.close()


async def test_a_handshake_has_a_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_model(monkeypatch)
    async with serving_tls(tmp_path, head_timeout_s=0.2) as (port, state):
        reader, writer = await unfinished(port)
        assert await ended(reader)
        assert state.gate.open == 0
        writer.close()


async def test_a_stopping_server_does_not_wait_for_handshakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_model(monkeypatch)
    loop = asyncio.get_running_loop()
    async with serving_tls(tmp_path) as (port, state):
        reader, writer = await unfinished(port)
        await until_open(state, 1)
        began = loop.time()
    assert loop.time() - began < 3
    assert await ended(reader)
    writer.close()


async def test_a_request_with_the_handshake_s_last_bytes_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client may send its request before the server has prepared the HTTP connection."""
    with_model(monkeypatch)
    async with serving_tls(tmp_path) as (port, _state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting_all().wrap_bio(incoming, outgoing)
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        client.write(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        writer.write(outgoing.read())  # the end of the handshake and the request, in one write
        answer = b""
        async with asyncio.timeout(5):
            while b"\r\n\r\n" not in answer:
                with contextlib.suppress(ssl.SSLWantReadError):
                    answer += client.read()
                    continue
                incoming.write(await reader.read(65536))
        assert answer.startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_websocket_works_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_model(monkeypatch)
    async with serving_tls(tmp_path, max_connections=100) as (port, _state):
        async with httpx2.AsyncClient(
            base_url=f"https://127.0.0.1:{port}", verify=trusting_all(), trust_env=False
        ) as http:
            call = (await http.post("/api/calls", json={"scenario": "simpleHandoff"})).json()
        address = f"wss://127.0.0.1:{port}/api/calls/{call['call_id']}?leg={call['leg_id']}"
        async with websockets.connect(address, ssl=trusting_all(), proxy=None) as page, asyncio.timeout(10):
            assert '"seq"' in str(await page.recv())

"""Pages of other sites at the engine: what they may not do, with a key and without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
import websockets

from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.origin_guard import OriginRules

KEY = "a-key-of-this-test"
MINT = {"session": {"type": "realtime", "model": "m"}}
ROUTES = [
    ("GET", "/"), ("GET", "/openai/v1/models"), ("GET", "/v1/models/m"), ("POST", "/openai/v1/chat/completions"),
    ("POST", "/v1/responses"), ("POST", "/openai/v1/realtime/client_secrets"), ("POST", "/v1/realtime/calls"),
    ("POST", "/v1/realtime/calls/rtc_1/hangup"), ("POST", "/openai/realtimeapi/sessions"),
    ("POST", "/v1/realtime/sessions"), ("POST", "/v1/realtimertc"), ("POST", "/v1/realtime"),
    ("POST", "/openai/responses"), ("POST", "/openai/deployments/m/chat/completions"),
    ("OPTIONS", "/v1/responses"), ("GET", "/unknown"),
]  # fmt: skip
SOCKETS = [
    "/openai/v1/realtime?model=m", "/v1/realtime?model=m", "/v1/realtime?call_id=rtc_1", "/unknown",
    "/openai/realtime?api-version=1&deployment=m&api-key=a-key-of-this-test",
]  # fmt: skip
pytestmark = pytest.mark.parametrize("key", [None, KEY])


@asynccontextmanager
async def engine(key: str | None, **options: Any) -> AsyncIterator[tuple[EngineServer, httpx.AsyncClient]]:
    """Run an engine; yield it with a client that has the key."""
    made = Engine(lambda model, settings: FakeBrain(), FakeStt(), FakeTts(), FakeActivity, key=key, **options)
    headers = {"authorization": f"Bearer {KEY}"}
    async with (
        EngineServer(made) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers) as client,
    ):
        yield server, client


async def socket_status(server: EngineServer, path: str, host: str = "127.0.0.1", **headers: str) -> int:
    """Return the status of the answer to a socket's request; 101 if it opens."""
    given = {"authorization": f"Bearer {KEY}", **headers}
    try:
        url = f"ws://{host}:{server.port}{path}"
        async with websockets.connect(url, additional_headers=given, proxy=None, host="127.0.0.1", port=server.port):
            return 101
    except websockets.InvalidStatus as refused:
        return int(refused.response.status_code)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_another_origin_is_refused_on_every_route(key: str | None, origin: str) -> None:
    async with engine(key) as (_server, client):
        for method, path in ROUTES:
            answer = await client.request(method, path, json=MINT, headers={"origin": origin})
            assert answer.status_code == 403, path
            assert answer.json()["error"]["code"] == "forbidden_origin"
            assert "TRUNKLINE_ALLOWED_ORIGINS" in answer.json()["error"]["message"]


async def test_a_refused_socket_says_why_and_is_not_logged(key: str | None, caplog: pytest.LogCaptureFixture) -> None:
    async with engine(key) as (server, _client):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(
                f"ws://rebound.example:{server.port}/v1/realtime?model=m",
                host="127.0.0.1",
                port=server.port,
                proxy=None,
            )
    assert b"'rebound.example' is not a name of this server" in (refused.value.response.body or b"")
    assert caplog.records == []


async def test_a_page_of_another_origin_opens_no_socket(key: str | None) -> None:
    async with engine(key) as (server, _client):
        for path in SOCKETS:
            assert await socket_status(server, path, origin="https://evil.example") == 403, path
            assert await socket_status(server, path, host="rebound.example") == 403, path


@pytest.mark.parametrize("host", ["rebound.example:{port}", "127.0.0.1.", "2130706433"])
async def test_a_rebound_name_is_refused_even_with_an_origin_that_fits(key: str | None, host: str) -> None:
    async with engine(key) as (server, client):
        host = host.format(port=server.port)
        headers = {"host": host, "origin": f"http://{host}"}
        for method, path in ROUTES:
            answer = await client.request(method, path, json=MINT, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden_origin"), path


@pytest.mark.parametrize("kind", ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"])
async def test_json_that_a_page_can_post_unasked_is_refused(key: str | None, kind: str) -> None:
    paths = "/v1/chat/completions", "/openai/v1/responses", "/v1/realtime/client_secrets", "/v1/realtime/sessions"
    async with engine(key) as (_server, client):
        for path in paths:
            answer = await client.post(path, content=b'{"model": "m"}', headers={"content-type": kind})
            assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_content_type"), path
            assert "application/json" in answer.json()["error"]["message"]


async def test_a_page_cannot_embed_an_answer_but_may_link_to_the_description(key: str | None) -> None:
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with engine(key) as (_server, client):
        statuses = [
            (await client.get(path, headers=headers)).status_code
            for path, headers in (("/", image), ("/v1/models", image), ("/v1/models", link), ("/", link))
        ]
    assert statuses == [403, 403, 403, 200]


async def test_one_request_is_not_read_as_two(key: str | None) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    async with engine(key) as (_server, client):
        headers = {"content-length": "2", "transfer-encoding": "chunked"}
        answer = await client.post("/v1/responses", content=chunks(), headers=headers)
    assert answer.status_code == 400
    assert answer.headers["connection"] == "close"


async def test_an_allowed_origin_may_use_the_engine(key: str | None) -> None:
    page = {"origin": "https://app.example"}
    async with engine(key, origins=OriginRules(origins=["https://APP.example:443/"])) as (server, client):
        asked = await client.options(
            "/v1/responses",
            headers={**page, "access-control-request-method": "POST", "access-control-request-headers": "api-key"},
        )
        minted = await client.post("/v1/realtime/client_secrets", json=MINT, headers=page)
        opened = await socket_status(server, "/v1/realtime?model=m", **page)
    assert (asked.status_code, minted.status_code, opened) == (204, 200, 101)
    assert asked.headers["access-control-allow-headers"] == "api-key"
    for answer in (asked, minted):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_page_with_an_ephemeral_key_opens_a_session_and_nothing_else(key: str | None) -> None:
    async with engine(key) as (server, client):
        minted = await client.post("/v1/realtime/client_secrets", json=MINT)
        page = {"origin": "https://app.example", "authorization": f"Bearer {minted.json()['value']}"}
        assert await socket_status(server, "/v1/realtime", **page) == 101
        offered = await client.post(
            "/v1/realtime/calls", content=b"v=0", headers={**page, "content-type": "application/sdp"}
        )
        assert (offered.status_code, offered.json()["error"]["code"]) == (400, "invalid_offer")
        assert (await client.post("/v1/realtime/client_secrets", json=MINT, headers=page)).status_code == 403
        assert (await client.post("/v1/responses", json=MINT, headers=page)).status_code == 403


async def test_a_page_can_read_why_its_ephemeral_key_was_refused(key: str | None) -> None:
    page = {"origin": "https://app.example", "authorization": "Bearer ek_expired", "content-type": "application/sdp"}
    async with engine(key) as (_server, client):
        answer = await client.post("/v1/realtime/calls", content=b"v=0", headers=page)
    assert answer.status_code == 403
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "ephemeral key" in answer.json()["error"]["message"]


async def test_a_client_that_sends_the_engines_own_origin_works(key: str | None) -> None:
    async with engine(key) as (server, client):
        own = {"origin": f"http://127.0.0.1:{server.port}"}
        assert await socket_status(server, "/v1/realtime?model=m", **own) == 101
        assert (await client.get("/v1/models", headers=own)).status_code == 200

"""Attacks on the server: pages of other sites, names of other machines, floods, and slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import websockets

from tests.web.web_server import Client, own_settings, serving
from trunkline.listener.connection_gate import MAX_OF_ALL
from trunkline.listener.http_protocol import MAX_HEAD_BYTES
from trunkline.web import app
from trunkline.web.rate_limit import MAX_CLIENTS, RateLimiter, client_of

TOKEN = "correct-horse-battery-staple"


# A page of another site ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_site_starts_no_call(monkeypatch: pytest.MonkeyPatch, content_type: str) -> None:
    body = b'{"scenario": "web", "a": "="}'
    async with serving(monkeypatch) as caller:
        headers = {"content-type": content_type, "origin": "https://evil.example"}
        assert (await caller.http.post("/api/calls", content=body, headers=headers)).status_code == 403
        del headers["origin"]
        assert (await caller.http.post("/api/calls", content=body, headers=headers)).status_code == 415


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"])
async def test_another_site_may_not_send_json(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    headers = {"origin": origin, "access-control-request-method": "POST"}
    async with serving(monkeypatch) as caller:
        response = await caller.http.options("/api/calls", headers=headers)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_an_allowed_origin_may_send_and_read_without_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"origin": "https://app.example", "access-control-request-method": "POST"}
    async with serving(monkeypatch, allowed_origins=["https://APP.example:443/"], token=TOKEN) as caller:
        asked = await caller.http.options("/api/calls", headers=headers)
        answered = await caller.http.get(
            "/api/scenarios", headers={"origin": "https://app.example", "authorization": f"Bearer {TOKEN}"}
        )
        refused = await caller.http.get("/api/scenarios", headers={"origin": "https://app.example"})
    assert (asked.status_code, answered.status_code, refused.status_code) == (204, 200, 401)
    for response in (asked, answered, refused):
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in response.headers
        assert "origin" in response.headers["vary"].lower()


EMBEDDED = [
    ("/", "no-cors", "image"), ("/", "no-cors", "script"), ("/api/scenarios", "no-cors", "image"),
    ("/", "navigate", "iframe"), ("/", "navigate", "object"), ("/api/session?scenario=web", "navigate", "document"),
    ("/api/health", "navigate", "document"),
]  # fmt: skip


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(("path", "mode", "dest"), EMBEDDED)
async def test_another_site_cannot_embed_the_servers_files(
    monkeypatch: pytest.MonkeyPatch, site: str, path: str, mode: str, dest: str
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    async with serving(monkeypatch) as caller:
        assert (await caller.refused("GET", path, headers=headers))[:2] == (403, "forbidden_origin")


async def test_another_site_may_link_to_the_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "STATIC", tmp_path)
    (tmp_path / "index.html").write_text("console")
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with serving(monkeypatch) as caller:
        assert (await caller.http.get("/?scenario=web", headers=headers)).text == "console"


async def test_another_sites_socket_is_refused_despite_the_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, token=TOKEN) as caller:
        signed_in = await caller.http.post("/sign-in", data={"token": TOKEN})
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        started = await caller.starts()
        for origin in (
            "https://evil.example",
            "null",
            caller.url.replace("http", "https"),
            f"{caller.url}.evil.example",
        ):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with caller.page(started["call_id"], additional_headers={"cookie": cookie, "origin": origin}):
                    pass
            assert refused.value.response.status_code == 403


# A name of another machine ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host", ["rebound.example:{port}", "127.0.0.1@rebound.example", "127.0.0.1.", "2130706433", "0x7f.1"]
)
async def test_a_rebound_name_is_refused_even_with_an_origin_that_fits(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    async with serving(monkeypatch) as caller:
        host = host.format(port=caller.url.rpartition(":")[2])
        headers = {"host": host, "origin": f"http://{host}"}
        assert (await caller.refused("GET", "/api/health", headers=headers))[:2] == (403, "forbidden_origin")


@pytest.mark.parametrize(
    ("host", "status"),
    [("192.168.1.5:3000", 200), ("[fe80::1]:3000", 200), ("localhost", 200), ("rebound.example", 403)],
)
async def test_an_open_server_accepts_addresses_and_no_unknown_name(
    monkeypatch: pytest.MonkeyPatch, host: str, status: int
) -> None:
    async with serving(monkeypatch, host="0.0.0.0") as caller:
        headers = {"host": host, "origin": f"http://{host}"}
        assert (await caller.http.get("/api/health", headers=headers)).status_code == status


async def test_a_request_with_two_hosts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        answer = await raw(caller, b"GET /api/scenarios HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


async def test_one_request_is_not_read_as_two(monkeypatch: pytest.MonkeyPatch) -> None:
    smuggled = (
        b"POST /api/calls HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    )
    async with serving(monkeypatch) as caller:
        answer = await raw(caller, smuggled)
    assert b"200 OK" not in answer


# Files --------------------------------------------------------------------------------------------------------------
OUTSIDE = ["/../app.py", "/..%2fapp.py", "/assets/../../app.py", "/assets/..%2f..%2fapp.py", "/%2e%2e/app.py",
           "/..%5capp.py", "//etc/passwd", "/%2fetc/passwd", "/assets/%00", "/link", "/assets"]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
async def test_no_path_leads_out_of_the_consoles_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("console")
    (tmp_path / "app.py").write_text("secret source")
    (static / "link").symlink_to(tmp_path / "app.py")
    monkeypatch.setattr(app, "STATIC", static)
    async with serving(monkeypatch) as caller:
        answer = await raw(caller, f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
    assert answer.split()[1] in (b"404", b"405")
    assert b"secret" not in answer


# Floods -------------------------------------------------------------------------------------------------------------
async def test_one_clients_calls_a_minute_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, client_calls_per_minute=3, trusted_proxies=["127.0.0.1"]) as caller:
        for _ in range(3):
            await caller.starts()
        response = await caller.http.post("/api/calls", json={"scenario": "web"})
        other = await caller.http.post("/api/calls", json={"scenario": "web"}, headers={"x-forwarded-for": "192.0.2.7"})
    assert response.json()["error"]["code"] == "too_often"
    assert (response.status_code, other.status_code) == (429, 201)
    assert 1 <= int(response.headers["retry-after"]) <= 20


async def test_all_clients_calls_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, calls_per_minute=3, trusted_proxies=["127.0.0.1"]) as caller:
        statuses = [
            (
                await caller.http.post(
                    "/api/calls", json={"scenario": "web"}, headers={"x-forwarded-for": f"192.0.2.{n}"}
                )
            )
            for n in range(4)
        ]
    assert [response.status_code for response in statuses] == [201, 201, 201, 429]


async def test_one_clients_joins_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, client_calls_per_minute=2) as caller:
        path = f"/api/calls/{(await caller.starts())['call_id']}/leg"
        answers = [await caller.http.post(path, json={"transport": "websocket"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_one_call_too_many_gets_the_time_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_calls=1) as caller:
        await caller.starts()
        response = await caller.http.post("/api/calls", json={"scenario": "web"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "5")


async def test_a_calls_pages_are_limited_except_for_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(monkeypatch, max_pages=2) as caller,
        caller.calling() as (started, _page),
        caller.page(started["call_id"], "?leg=viewer") as viewer,
    ):
        await viewer.kind("leg.role")
        async with caller.page(started["call_id"], "?leg=viewer") as one_too_many:
            assert await one_too_many.closed() == (4429, "This call has 2 pages, which is the limit: close one.")
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as again:
            assert (await again.kind("leg.role"))["role"] == "caller"


async def test_the_sizes_of_bodies_and_frames_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_body_bytes=2000, max_frame_bytes=3000) as caller:
        assert (await caller.refused("POST", "/api/calls", json={"sdp": "x" * 2000}))[:2] == (413, "too_large")
        async with caller.calling() as (_started, page):
            await page.sends(b"\0" * 3002)
            assert (await page.closed())[0] == 1009


async def test_a_fragmented_frame_has_the_same_limit_as_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"\0" * 1000

    async with serving(monkeypatch, max_frame_bytes=3000) as caller, caller.calling() as (_started, page):
        with contextlib.suppress(websockets.ConnectionClosed):
            await page.connection.send(pieces())
        assert (await page.closed())[0] == 1009


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * (MAX_HEAD_BYTES + 1),
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"x" * (MAX_HEAD_BYTES + 1),
        b"GET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
    ],
)
async def test_a_head_that_is_too_large(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    async with serving(monkeypatch) as caller:
        assert (await raw(caller, head)).startswith(b"HTTP/1.1 4")


async def test_a_head_up_to_the_limit_is_accepted_after_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = b"GET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    rest = b"connection: close\r\nx: "
    large = begin + rest + b"x" * (MAX_HEAD_BYTES - len(begin) - len(rest) - 4) + b"\r\n\r\n"
    async with serving(monkeypatch) as caller:
        assert (await raw(caller, begin + b"\r\n" + large)).count(b"HTTP/1.1 200") == 2


async def test_a_body_without_a_length_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    head = (
        b"POST /api/calls HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    async with serving(monkeypatch, max_body_bytes=2000) as caller:
        answer = await raw(caller, head + b"7d0\r\n" + b" " * 2000 + b"\r\n" + b"7d0\r\n" + b" " * 2000 + b"\r\n")
    assert b'"code":"too_large"' in answer


async def test_connections_beyond_the_limit_are_refused_and_later_ones_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, max_connections=4) as caller:
        started = await caller.starts()
        async with contextlib.AsyncExitStack() as open_ones:
            for _ in range(3):  # the HTTP client has a connection, too
                page = await open_ones.enter_async_context(caller.page(started["call_id"]))
                await page.kind("leg.role")
            answer = await raw(caller, b"GET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 5" in answer
        await asyncio.sleep(0.05)
        assert (await caller.http.get("/api/health")).status_code == 200


async def test_a_refused_client_that_still_sends_can_read_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_connections=2) as caller, contextlib.AsyncExitStack() as open_ones:
        started = await caller.starts()
        page = await open_ones.enter_async_context(caller.page(started["call_id"]))  # and the HTTP client's connection
        await page.kind("leg.role")
        reader, writer = await open_ones.enter_async_context(connected(caller))
        for _ in range(3):
            writer.write(b"GET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"x" * 60_000)
            await asyncio.sleep(0.05)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.endswith(MAX_OF_ALL)


async def test_idle_connections_lock_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_connections=20) as caller, contextlib.AsyncExitStack() as open_ones:
        for _ in range(60):
            await open_ones.enter_async_context(connected(caller))
        assert (await caller.http.get("/api/health")).status_code == 200


# Slow clients -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("begun", [b"", b"GET /api/health HT", b"GET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\n"])
async def test_an_incomplete_head_times_out(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    async with serving(monkeypatch, head_timeout_s=0.3) as caller:
        began = time.monotonic()
        answer = await raw(caller, begun, drip=b"x: y\r\n" if begun.endswith(b"\r\n") else b"")
    assert answer.startswith(b"HTTP/1.1 408")
    assert 0.25 < time.monotonic() - began < 3


async def test_the_second_head_on_a_connection_times_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"GET /api/health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    async with serving(monkeypatch, head_timeout_s=0.3) as caller:
        answer = await raw(caller, whole + b"GET / HTTP/1.1\r\n", drip=b"x: y\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1 408") == 1


async def test_an_incomplete_body_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    head = (
        b"POST /api/calls HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"content-length: 10000\r\n\r\n{"
    )
    async with serving(monkeypatch, body_timeout_s=0.3) as caller:
        answer = await raw(caller, head, drip=b" ")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"too_slow"' in answer


async def test_an_unwanted_body_does_not_keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /api/calls HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 10000\r\n\r\n{"
    async with serving(monkeypatch, body_timeout_s=0.3) as caller:
        answer = await raw(caller, head, drip=b" ")
    assert answer.startswith(b"HTTP/1.1 403")


async def test_a_long_call_does_not_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, body_timeout_s=0.3) as caller, caller.calling() as (_started, page):
        await asyncio.sleep(0.6)
        await page.sends({"type": "say", "text": "hello"})
        assert await page.answer() == "You said: hello."


# Counting -----------------------------------------------------------------------------------------------------------
def test_tries_refill_over_time() -> None:
    now = [0.0]
    rate = RateLimiter(6, clock=lambda: now[0])
    for _ in range(6):
        assert rate.wait_s("a") == 0
        rate.count("a")
    assert rate.wait_s("a") == 10
    assert rate.wait_s("b") == 0
    now[0] = 10
    assert rate.wait_s("a") == 0
    rate.count("a")
    assert rate.wait_s("a") == 10
    now[0] = 1000
    for _ in range(6):
        rate.count("a")
    assert rate.wait_s("a") == 10


def test_the_number_of_remembered_clients_is_bounded() -> None:
    rate = RateLimiter(1)
    for n in range(MAX_CLIENTS + 10):
        rate.count(str(n))
    assert len(rate._left) == MAX_CLIENTS
    assert rate.wait_s("0") == 0
    assert rate.wait_s(str(MAX_CLIENTS)) > 0


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("a name", "a name"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_the_client_of_an_address(address: str, counted_as: str) -> None:
    assert client_of({"client": (address, 1)}) == counted_as


def test_a_request_without_an_address_is_counted_too() -> None:
    assert client_of({}) == client_of({"client": None}) == "unknown"


@pytest.mark.parametrize("origin", ["null", "", "evil.example", "https://", "https://a.example/path", "*"])
def test_an_allowed_origin_is_an_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="allowed_origins"):
        own_settings(allowed_origins=[origin])


async def test_a_client_that_reads_no_answers_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, send_timeout_s=0.5) as caller, connected(caller) as (_reader, writer):
        requests = (
            b"GET /api/scenarios HTTP/1.1\r\nhost: %s\r\n\r\n" % caller.url.removeprefix("http://").encode() * 100
        )

        async def asks() -> None:
            while True:
                writer.write(requests)
                await writer.drain()
                await asyncio.sleep(0.01)

        cast("asyncio.Transport", writer.transport).pause_reading()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(asks(), 20)


# Hostile pages ------------------------------------------------------------------------------------------------------
async def test_invalid_text_closes_the_socket_and_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (_started, page):
        caplog.clear()  # the start names scenarios without a model
        await page.connection.send(b"\xff\xfe", text=True)
        assert await page.closed() == (1007, "Text must be UTF-8.")
    assert [record for record in caplog.records if record.name != "trunkline.loop_watch"] == []  # a slow machine


async def test_a_page_that_disconnects_during_a_flood_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(monkeypatch) as caller:
        async with caller.calling():
            caplog.clear()  # the start names scenarios without a model
        for _ in range(10):
            async with caller.calling() as (_started, page):
                for _ in range(60):
                    await page.connection.send("nonsense")
                page.connection.transport.abort()
        await asyncio.sleep(0.2)
    assert [record for record in caplog.records if record.name != "trunkline.loop_watch"] == []  # a slow machine


@contextlib.asynccontextmanager
async def connected(caller: Client) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(caller.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def raw(caller: Client, request: bytes, *, drip: bytes = b"", within_s: float = 10.0) -> bytes:
    """Send these bytes, then `drip` repeatedly; return the server's answer when it closes."""

    async def dripping(writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(0.05)
            writer.write(drip)

    async with connected(caller) as (reader, writer):
        writer.write(request)
        dripper = asyncio.create_task(dripping(writer))
        answer = bytearray()
        try:
            async with asyncio.timeout(within_s):
                while piece := await reader.read(65536):
                    answer += piece
        except ConnectionResetError:
            pass
        finally:
            dripper.cancel()
            await asyncio.gather(dripper, return_exceptions=True)
        return bytes(answer)

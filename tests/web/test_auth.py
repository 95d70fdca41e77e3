"""Authentication: the token as a bearer, sign-in and sign-out of browsers, and requests without the token."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.web.web_server import SCENARIO, Client, client, listening, own_settings, serving, with_model
from trunkline.web import create_app, lifespan
from trunkline.web.auth_token import MAX_SIGNED_OUT, SIGNED_IN_S, AuthToken

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def locked(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[Client]:
    async with serving(monkeypatch, **{"token": TOKEN, **settings}) as caller:
        yield caller


async def signs_in(caller: Client, token: str = TOKEN, query: str = "", **headers: str) -> Any:
    """Send the form; the client keeps the cookie, as a browser does."""
    return await caller.http.post(f"/sign-in{query}", data={"token": token}, headers=headers)


# Without the token --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/scenarios"), ("GET", "/api/problems"), ("POST", "/api/calls"), ("DELETE", "/api/calls/x"),
        ("POST", "/api/calls/x/leg"), ("GET", "/api/nothing"), ("GET", "/assets/main.js"), ("GET", "/favicon.svg"),
        ("GET", "/index.html"), ("POST", "/"), ("GET", "//"), ("GET", "/api/health/"),
        ("GET", "/api/health/../scenarios"),
        ("GET", "/api/health%2f..%2fscenarios"), ("GET", "/sign-in/../api/scenarios"), ("GET", "//api/scenarios"),
        ("GET", "/API/SCENARIOS"), ("GET", "/sign-in%00"),
    ],
)  # fmt: skip
async def test_a_request_without_the_token_is_refused(monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    async with locked(monkeypatch) as caller:
        status, head, body = await raw(
            caller, f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
        )
    assert (status, b'"code":"token_needed"' in body) == (401, True)
    assert "www-authenticate: bearer" in head.lower()


async def test_health_is_public_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        assert (await caller.http.get("/api/health")).json() == {"status": "ok"}
        assert set((await caller.http.get("/api/health", headers=BEARER)).json()) == {
            "status",
            "version",
            "provider",
            "engine",
            "audience",
            "signed_in",
        }


async def test_health_shows_a_browser_that_it_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        await signs_in(caller)
        assert (await caller.http.get("/api/health")).json()["signed_in"] is True
        await caller.http.post("/sign-out")
        assert (await caller.http.get("/api/health")).json() == {"status": "ok"}


async def test_health_shows_a_caller_that_an_operator_can_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, operator_token=TOKEN, TRUNKLINE_AUDIENCE="caller") as caller:
        assert (await caller.http.get("/api/health")).json()["signed_in"] is False
    async with serving(monkeypatch, TRUNKLINE_AUDIENCE="caller") as caller:
        assert "signed_in" not in (await caller.http.get("/api/health")).json()


WRONG: list[dict[str, str]] = [
    {},
    {"authorization": "Bearer"},
    {"authorization": f"Bearer {TOKEN}x"},
    {"authorization": f"Bearer {TOKEN[:-1]}"},
    {"authorization": f"Basic {TOKEN}"},
    {"authorization": TOKEN},
    {"x-api-key": TOKEN},
    {"cookie": f"token={TOKEN}"},
]


@pytest.mark.parametrize("headers", WRONG, ids=str)
async def test_a_wrong_token_is_refused_on_http_and_sockets(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    async with locked(monkeypatch) as caller:
        assert (await caller.http.get("/api/scenarios", headers=headers)).status_code == 401
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with caller.page("any", additional_headers=headers):
                pass
    assert refused.value.response.status_code == 401


async def test_a_token_in_the_address_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        for query in (f"?token={TOKEN}", f"?access_token={TOKEN}", f"?api-key={TOKEN}"):
            assert (await caller.http.get(f"/api/scenarios{query}")).status_code == 401


async def test_the_token_as_a_bearer_does_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        response = await caller.http.post("/api/calls", json={"scenario": "web"}, headers=BEARER)
        call = response.json()
        async with caller.page(call["call_id"], f"?leg={call['leg_id']}", additional_headers=BEARER) as page:
            assert await page.answer()


# Signing in ---------------------------------------------------------------------------------------------------------
async def test_opening_the_console_leads_to_the_sign_in_page_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        sent = await caller.http.get("/?scenario=web&call=c%26d")
        assert (sent.status_code, sent.headers["location"]) == (303, "sign-in?scenario=web&call=c%26d")
        page = (await caller.http.get("/sign-in?scenario=web&call=c%26d")).text
        assert 'action="sign-in?scenario=web&amp;call=c%26d"' in page
        back = await signs_in(caller, query="?scenario=web&call=c%26d")
        assert (back.status_code, back.headers["location"]) == (303, "./?scenario=web&call=c%26d")
        assert (await caller.http.get("/api/scenarios")).status_code == 200


@pytest.mark.parametrize(
    ("page", "query", "sign_in"),
    [
        ("calls", "", "sign-in"),
        ("calls", "?status=failed&q=a%26b", "sign-in"),
        ("calls/call_1", "?t=62.5", "../sign-in"),
    ],
)
async def test_opening_a_page_of_calls_leads_to_the_sign_in_page_and_back(
    monkeypatch: pytest.MonkeyPatch, page: str, query: str, sign_in: str
) -> None:
    async with locked(monkeypatch) as caller:
        sent = await caller.http.get(f"/{page}{query}")
        assert sent.status_code == 303
        path, _, asked = sent.headers["location"].partition("?")
        assert path == sign_in
        form = (await caller.http.get(f"/sign-in?{asked}")).text
        assert f'<a href="./{page}{query.replace("&", "&amp;")}">' in form
        back = await signs_in(caller, query=f"?{asked}")
        assert (back.status_code, back.headers["location"]) == (303, f"./{page}{query}")


@pytest.mark.parametrize("page", ["https://evil.example", "//evil.example", "calls/../../x", "api/health", "calls/a?b"])
async def test_signing_in_leads_to_no_page_but_the_consoles(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    async with locked(monkeypatch) as caller:
        back = await signs_in(caller, query=f"?{urlencode({'page': page})}")
        assert back.headers["location"] == "./"


async def test_a_browser_that_signed_in_can_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        cookie = (await signs_in(caller)).headers["set-cookie"].partition(";")[0]
        started = await caller.starts()
        async with caller.page(
            started["call_id"], f"?leg={started['leg_id']}", additional_headers={"cookie": cookie, "origin": caller.url}
        ) as page:
            assert await page.answer()


async def test_the_cookie_is_for_this_site_alone_and_for_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        flags = {flag.strip().lower() for flag in (await signs_in(caller)).headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", f"max-age={SIGNED_IN_S}"} <= flags
    assert "secure" not in flags  # over http a browser would not keep it
    assert not any(flag.startswith(("domain", "path")) for flag in flags)


async def test_over_https_the_cookie_is_secure(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch, allowed_origins=["https://voice.example"], trusted_proxies=["127.0.0.1"]) as caller:
        told = await signs_in(caller, **{"x-forwarded-proto": "https"})
        silent = await signs_in(caller, host="voice.example", origin="https://voice.example")
    for response in (told, silent):
        assert "; Secure" in response.headers["set-cookie"]


async def test_the_cookie_does_not_hold_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        assert TOKEN not in (await signs_in(caller)).headers["set-cookie"]


async def test_signing_out_invalidates_the_cookie_and_its_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        copied = {"cookie": (await signs_in(caller)).headers["set-cookie"].partition(";")[0]}
        assert "You are signed in" in (await caller.http.get("/sign-in")).text
        left = await caller.http.post("/sign-out")
        assert (left.status_code, left.headers["location"]) == (303, "sign-in")
        assert "Max-Age=0" in left.headers["set-cookie"]
        assert (await caller.http.get("/api/scenarios")).status_code == 401
        assert (await caller.http.get("/api/scenarios", headers=copied)).status_code == 401


async def test_another_sites_link_or_image_signs_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch) as caller:
        await signs_in(caller)
        assert (await caller.http.get("/sign-out")).status_code in (404, 405)
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}):
            assert (await caller.http.post("/sign-out", headers=headers)).status_code == 403
        assert (await caller.http.get("/api/scenarios")).status_code == 200


EVIL_QUERIES = ["?next=https://evil.example", "?//evil.example", "?/\\evil.example", "?%0d%0alocation:%20https://evil.example",
                "?\"><script>alert(1)</script>", "?'-alert(1)-'", "?@evil.example"]  # fmt: skip


@pytest.mark.parametrize("query", EVIL_QUERIES)
async def test_signing_in_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    async with locked(monkeypatch) as caller:
        page = await caller.http.get(f"/sign-in{query}")
        assert "<script" not in page.text
        location = (await signs_in(caller, query=query)).headers["location"]
        assert location.startswith("./?")
        assert "\r" not in location
        assert str(caller.http.base_url.join("/sign-in").join(location)).startswith(f"{caller.url}/?")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"token=wrong", FORM, 401),
        (b"", FORM, 401),
        (b"token=", FORM, 401),
        (b"&" * 4000, FORM, 401),
        (b"token=%ff%fe%00", FORM, 401),
        (b"token=" + b"x" * 5000, FORM, 413),
        (b'{"token": "x"}', {"content-type": "application/json"}, 415),
        (b"token=" + TOKEN.encode(), {"content-type": "text/plain"}, 415),
    ],
)
async def test_an_invalid_form_is_refused(
    monkeypatch: pytest.MonkeyPatch, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with locked(monkeypatch) as caller:
        response = await caller.http.post("/sign-in", content=body, headers=headers)
    assert response.status_code == status
    assert "set-cookie" not in response.headers
    assert 'role="alert"' in response.text
    assert "wrong" not in re.sub(r"<style>.*?</style>", "", response.text, flags=re.DOTALL)


async def test_guessing_is_limited_for_form_and_bearer_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async with locked(monkeypatch, trusted_proxies=["127.0.0.1"]) as caller:
        caller.http.headers["x-forwarded-for"] = "192.0.2.1"
        for turn in range(5):
            assert (await signs_in(caller, f"guess {turn}")).status_code == 401
            wrong = {"authorization": f"Bearer guess-{turn}"}
            assert (await caller.http.get("/api/scenarios", headers=wrong)).status_code == 401
        form = await signs_in(caller)  # even the right one: otherwise guessing could continue behind the refusals
        bearer = await caller.http.get("/api/scenarios", headers=BEARER)
    for response in (form, bearer):
        assert response.status_code == 429
        assert 1 <= int(response.headers["retry-after"]) <= 6
    assert bearer.json()["error"]["code"] == "too_often"


async def test_other_clients_guesses_do_not_affect_a_signed_in_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with locked(monkeypatch, trusted_proxies=["127.0.0.1"]) as caller:
        caller.http.headers["x-forwarded-for"] = "192.0.2.1"
        await signs_in(caller)
        for turn in range(12):
            await signs_in(caller, f"guess {turn}")
        assert (await caller.http.get("/api/scenarios")).status_code == 200


# The page -----------------------------------------------------------------------------------------------------------
async def test_the_page_needs_no_script_and_its_policy_allows_its_style_and_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import base64
    import hashlib

    async with locked(monkeypatch) as caller:
        page = await caller.http.get("/sign-in")
    policy = page.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in page.text
    assert page.headers["referrer-policy"] == "same-origin"  # otherwise the browser sends the form with Origin: null
    assert page.headers["cache-control"] == "no-store"


async def test_the_page_shares_its_colours_type_and_space_with_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = (ROOT / "src/trunkline/web/pages/tokens.css").read_text()
    tokens = set(re.findall(r"^  (--[\w-]+):", shared, re.MULTILINE))
    assert len(tokens) > 15
    async with locked(monkeypatch) as caller:
        page = (await caller.http.get("/sign-in")).text
    assert shared in page
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) <= tokens
    assert "web/pages/tokens.css" in (ROOT / "console/src/main.tsx").read_text()
    for stylesheet in [*(ROOT / "console/src").rglob("*.css"), ROOT / "src/trunkline/web/pages/sign_in.css"]:
        again = tokens & set(re.findall(r"^  (--[\w-]+):", stylesheet.read_text(), re.MULTILINE))
        assert not again, f"{stylesheet.name} declares tokens of tokens.css again"


# Mounted under a prefix ---------------------------------------------------------------------------------------------
async def test_a_mounted_app_is_closed_and_can_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_model(monkeypatch)
    inner = create_app([str(SCENARIO)], own_settings(token=TOKEN))

    @contextlib.asynccontextmanager
    async def outer_lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with lifespan(inner):
            yield

    outer = Starlette(routes=[Mount("/a/voice", inner)], lifespan=outer_lifespan)
    async with listening(outer) as url, client(f"{url}/a/voice", model) as caller:
        sent = await caller.http.get("/?x=1")
        assert (sent.status_code, sent.headers["location"]) == (303, "sign-in?x=1")
        for path in ("/api/scenarios", "/a/voice/api/health", "/api/health/x"):
            assert (await caller.http.get(path)).status_code == 401
        assert (await caller.http.get("/api/health")).json() == {"status": "ok"}
        with pytest.raises(websockets.InvalidStatus):
            async with caller.page("any"):
                pass
        assert (await signs_in(caller, query="?x=1")).headers["location"] == "./?x=1"
        assert (await caller.http.get("/api/scenarios")).status_code == 200
        assert [cookie.path for cookie in caller.http.cookies.jar] == ["/a/voice"]


# The cookie, by itself ----------------------------------------------------------------------------------------------
class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_cookie_expires() -> None:
    clock = Clock()
    token = AuthToken(TOKEN, clock)
    cookie = token.sign_in()
    clock.now += SIGNED_IN_S - 1
    assert token.is_signed_in(cookie)
    clock.now += 1
    assert not token.is_signed_in(cookie)


def test_a_cookie_cannot_be_prolonged_forged_or_made_with_another_token() -> None:
    token = AuthToken(TOKEN)
    expires, nonce, signature = token.sign_in().split(".")
    for forged in (
        f"{int(expires) + 1}.{nonce}.{signature}",
        f"{expires}.{nonce}x.{signature}",
        f"{expires}.{nonce}.",
        f"{expires}.{nonce}",
        "",
        ".",
        "..",
        "x.y.z",
        "é.é.é",
        AuthToken(TOKEN + "!").sign_in(),
    ):
        assert not token.is_signed_in(forged), forged


def test_a_cookie_outlives_the_servers_restart_and_two_servers_do_not_share_a_name() -> None:
    assert AuthToken(TOKEN).is_signed_in(AuthToken(TOKEN).sign_in())
    assert AuthToken(TOKEN).cookie != AuthToken(TOKEN + "!").cookie


def test_the_number_of_signed_out_cookies_is_bounded() -> None:
    clock = Clock()
    token = AuthToken(TOKEN, clock)
    for _ in range(MAX_SIGNED_OUT + 5):
        token.sign_out(token.sign_in())
    assert len(token._signed_out) == MAX_SIGNED_OUT
    clock.now += SIGNED_IN_S + 1
    token.sign_out(token.sign_in())
    assert len(token._signed_out) == 1


async def raw(caller: Client, request: str) -> tuple[int, str, bytes]:
    """Return the server's answer to bytes that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(caller.url.rpartition(":")[2]))
    writer.write(request.encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body

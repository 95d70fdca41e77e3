"""Grants on a call over HTTP: its id lets a client read; speaking and ending need the leg's id or the cookie."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import httpx2
import pytest

from tests.web.web_server import Client, client, serving

LEG_ONLY = ["read", "speak", "end"]


@contextlib.asynccontextmanager
async def another(caller: Client) -> AsyncIterator[Client]:
    """Open a client of the same server that knows no secret."""
    async with client(caller.url, caller.model) as other:
        yield other


async def joins(who: Client, call_id: str, **body: Any) -> dict[str, Any]:
    """Join a call and return the answer."""
    response = await who.http.post(f"/api/calls/{call_id}/leg", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def cookie_of(response: httpx2.Response) -> SimpleCookie:
    """Return the cookies that an answer sets."""
    cookies = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        cookies.load(header)
    return cookies


# With the id alone --------------------------------------------------------------------------------------------------
async def test_the_id_alone_does_not_end_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page), another(caller) as other:
        status, code, error = await other.refused("DELETE", f"/api/calls/{started['call_id']}")
        assert (status, code) == (403, "not_the_caller")
        assert "?leg=" in error["message"]
        await page.sends({"type": "say", "text": "still here"})
        assert await page.answer() == "You said: still here."


async def test_the_id_alone_does_not_take_over_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page), another(caller) as other:
        path = f"/api/calls/{started['call_id']}/leg"
        status, code, error = await other.refused("POST", path, json={"take_over": True})
        assert (status, code) == (403, "not_the_caller")
        assert "leg_id" in error["message"]
        await page.sends({"type": "say", "text": "still me"})
        assert await page.answer() == "You said: still me."


@pytest.mark.parametrize("leg_id", [None, "leg_1", "leg_of_nobody", "l\u00e9g", ""])
async def test_the_id_alone_joins_a_call_without_a_caller_as_a_viewer(
    monkeypatch: pytest.MonkeyPatch, leg_id: str | None
) -> None:
    async with serving(monkeypatch) as caller, another(caller) as other:
        started = await caller.starts()
        joined = await joins(other, started["call_id"], **({} if leg_id is None else {"leg_id": leg_id}))
        assert joined == {"role": "viewer", "leg_id": None, "grants": ["read"], "transport": "websocket"}


@pytest.mark.parametrize("query", ["", "?leg=leg_1", "?leg=viewer"])
async def test_a_socket_without_the_leg_only_watches_a_call_without_a_caller(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        async with caller.page(started["call_id"], query) as viewer:
            assert (await viewer.kind("leg.role"))["role"] == "viewer"
            await viewer.sends({"type": "hang_up"})
            assert (await viewer.kind("error"))["code"] == "not_the_caller"
            async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
                assert (await page.kind("leg.role"))["role"] == "caller"


async def test_a_wrong_leg_does_not_end_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, _page), another(caller) as other:
        for leg in ("leg_1", "", "l%C3%A9g"):
            status, code, _ = await other.refused("DELETE", f"/api/calls/{started['call_id']}?leg={leg}")
            assert (status, code) == (403, "not_the_caller")


async def test_the_servers_token_alone_does_not_end_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    bearer = {"authorization": "Bearer a-token-of-many-characters"}
    async with serving(monkeypatch, token="a-token-of-many-characters") as caller, another(caller) as other:
        caller.http.headers.update(bearer)
        other.http.headers.update(bearer)
        started = await caller.starts()
        assert (await other.refused("DELETE", f"/api/calls/{started['call_id']}"))[:2] == (403, "not_the_caller")


# With the leg's id --------------------------------------------------------------------------------------------------
async def test_the_legs_id_ends_a_call_from_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, page), another(caller) as other:
        response = await other.http.delete(f"/api/calls/{started['call_id']}?leg={started['leg_id']}")
        assert response.status_code == 204
        assert await page.closed() == (1000, "the call is over")


async def test_the_legs_id_joins_from_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, another(caller) as other:
        started = await caller.starts()
        joined = await joins(other, started["call_id"], leg_id=started["leg_id"])
        assert (joined["role"], joined["leg_id"], joined["grants"]) == ("caller", started["leg_id"], LEG_ONLY)


async def test_a_take_over_invalidates_the_former_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, _page), another(caller) as other:
        await joins(caller, started["call_id"], take_over=True)
        former = started["leg_id"]
        path = f"/api/calls/{started['call_id']}"
        assert (await other.refused("DELETE", f"{path}?leg={former}"))[:2] == (403, "not_the_caller")
        taking = {"leg_id": former, "take_over": True}
        assert (await other.refused("POST", f"{path}/leg", json=taking))[:2] == (403, "not_the_caller")


# In the browser that started the call -------------------------------------------------------------------------------
async def test_the_browser_that_started_a_call_keeps_its_grants_without_the_leg(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        assert (await joins(caller, started["call_id"]))["role"] == "caller"
        taking = await joins(caller, started["call_id"], take_over=True)
        assert (taking["role"], taking["grants"]) == ("caller", LEG_ONLY)
        assert (await caller.http.delete(f"/api/calls/{started['call_id']}")).status_code == 204


async def test_another_call_of_the_same_browser_keeps_its_own_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        first, second = await caller.starts(), await caller.starts()
        for started in (first, second):
            assert (await caller.http.delete(f"/api/calls/{started['call_id']}")).status_code == 204


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_call_s=900, trusted_proxies=["127.0.0.1"]) as caller:
        response = await caller.http.post("/api/calls", json={"scenario": "web"})
        (cookie,) = cookie_of(response).values()
        secure = await caller.http.post(
            "/api/calls", json={"scenario": "web"}, headers={"x-forwarded-proto": "https", "host": "localhost"}
        )
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert cookie["path"] == ""  # the folder of the request
    assert (cookie["max-age"], cookie["secure"]) == ("900", "")
    assert all(morsel["secure"] for morsel in cookie_of(secure).values())
    assert cookie.value not in response.text


@pytest.mark.parametrize(
    ("referer", "prefix", "path"),
    [("https://voice.example/", "__Host-", "/"), ("https://voice.example/voice/", "", ""), (None, "", "")],
    ids=["at the root", "below a prefix", "without the page's address"],
)
async def test_the_cookie_belongs_to_the_host_over_https_at_its_root(
    monkeypatch: pytest.MonkeyPatch, referer: str | None, prefix: str, path: str
) -> None:
    page = {"host": "voice.example", "origin": "https://voice.example", **({"referer": referer} if referer else {})}
    async with serving(monkeypatch, allowed_origins=["https://voice.example"]) as caller:
        started = await caller.http.post("/api/calls", json={"scenario": "web"}, headers=page)
        ((name, cookie),) = cookie_of(started).items()
        shown = {**page, "cookie": f"{name}={cookie.value}"}
        ended = await caller.http.delete(f"/api/calls/{started.json()['call_id']}", headers=shown)
        second = await caller.http.post("/api/calls", json={"scenario": "web"}, headers=shown)
    assert name.startswith(f"{prefix}trunkline_")
    assert (cookie["path"], cookie["secure"]) == (path, True)
    assert ended.status_code == 204
    removed = cookie_of(second)[name]
    assert (removed.value, removed["max-age"], removed["path"]) == ("", "0", path)


async def test_the_next_call_removes_the_cookies_of_ended_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        first, second = await caller.starts(), await caller.starts()
        await caller.http.delete(f"/api/calls/{first['call_id']}")
        async with caller.page(second["call_id"], f"?leg={second['leg_id']}") as page:
            await page.sends({"type": "hang_up"})
            await page.closed()
        third = await caller.starts()
        assert [name.endswith(third["call_id"]) for name in caller.http.cookies] == [True]


async def test_a_restarted_server_ignores_and_keeps_cookies_of_other_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as first, serving(monkeypatch) as second:
        started = await first.starts()
        second.http.cookies.update(first.http.cookies)
        await second.starts()
        assert len(second.http.cookies) == 2
        assert (await second.refused("DELETE", f"/api/calls/{started['call_id']}"))[:2] == (404, "unknown_call")

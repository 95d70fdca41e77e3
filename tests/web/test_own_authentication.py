"""Own authentication: the embedding app's hook maps each request to its caller."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import websockets
from agents import RunContextWrapper
from agents.realtime import RealtimeAgent
from fastapi import FastAPI, HTTPException
from starlette.requests import HTTPConnection

from tests.calls.model_fake import FakeModel
from tests.web.web_server import Client, client, listening, own_settings, with_model
from trunkline import CallContext, Scenario
from trunkline.web import create_app, lifespan
from trunkline.web.own_authentication import Authenticate

USERS = {"s-ann": "ann@example.com", "s-bob": "bob@example.com"}
ANN = {"cookie": "session=s-ann"}
BOB = {"cookie": "session=s-bob"}


async def by_session(connection: HTTPConnection) -> str | None:
    """The outer app's sessions, as its hook reads them."""
    return USERS.get(connection.cookies.get("session", ""))


def greeting(context: RunContextWrapper[CallContext[Any]], _agent: Any) -> str:
    return f"You talk to {context.context.caller_id}."


desk: RealtimeAgent[Any] = RealtimeAgent(name="desk", instructions=greeting)
SCENARIO = Scenario("web", agents=[desk])


@contextlib.asynccontextmanager
async def embedded(
    monkeypatch: pytest.MonkeyPatch, authenticate: Authenticate = by_session, **settings: Any
) -> AsyncIterator[Client]:
    """A FastAPI app with the voice app under a prefix; yield a client of the voice app."""
    model = with_model(monkeypatch, FakeModel())
    voice = create_app([SCENARIO], own_settings(**settings), authenticate=authenticate)

    @contextlib.asynccontextmanager
    async def run_voice(_app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(voice):
            yield

    app = FastAPI(lifespan=run_voice)
    app.mount("/voice", voice)
    async with listening(app) as url, client(f"{url}/voice", model) as caller:
        yield caller


@pytest.mark.parametrize("path", ["/", "/api/scenarios", "/api/ice-servers", "/assets/main.js", "/api/nothing"])
async def test_a_request_without_a_caller_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async with embedded(monkeypatch) as caller:
        assert (await caller.refused("GET", path))[:2] == (401, "not_signed_in")
        assert (await caller.http.get("/api/health")).json() == {"status": "ok"}


async def test_a_caller_talks_and_agents_know_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded(monkeypatch) as caller:
        started = (await caller.http.post("/api/calls", json={"scenario": "web"}, headers=ANN)).json()
        address = f"?leg={started['leg_id']}"
        async with caller.page(started["call_id"], address, additional_headers=ANN) as page:
            await page.answer()
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with caller.page(started["call_id"], address):
                pass
    assert refused.value.response.status_code == 401
    [session, *_later] = [event["session"] for event in caller.model.now.received if event["type"] == "session.update"]
    assert session["instructions"] == "You talk to ann@example.com."


async def test_the_hook_may_refuse_as_fastapi_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async def only_ann(connection: HTTPConnection) -> str:
        caller = await by_session(connection)
        if caller is None:
            raise HTTPException(303, headers={"location": "/login"})
        if caller != "ann@example.com":
            raise HTTPException(403, "Bob has no phone.")
        return caller

    async with embedded(monkeypatch, only_ann) as caller:
        page = await caller.http.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        status, _code, error = await caller.refused("GET", "/api/scenarios", headers=BOB)
        assert (status, error["message"]) == (403, "Bob has no phone.")
        assert (await caller.http.get("/api/scenarios", headers=ANN)).status_code == 200
        assert (await caller.http.get("/api/health", headers=BOB)).status_code == 200


async def test_a_hook_may_be_a_plain_function(monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded(monkeypatch, lambda connection: connection.headers.get("x-user")) as caller:
        assert (await caller.http.get("/api/scenarios", headers={"x-user": "ann"})).status_code == 200
        assert (await caller.http.get("/api/scenarios", headers={"x-user": ""})).status_code == 401


async def test_each_caller_has_limits_of_its_own_behind_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded(monkeypatch, client_calls_per_minute=1) as caller:
        statuses = [
            (await caller.http.post("/api/calls", json={"scenario": "web"}, headers=who)).status_code
            for who in (ANN, ANN, BOB)
        ]
    assert statuses == [201, 429, 201]


async def test_a_page_of_another_site_is_refused_although_it_sends_the_callers_cookie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with embedded(monkeypatch) as caller:
        status, code, _error = await caller.refused(
            "POST", "/api/calls", json={"scenario": "web"}, headers={**ANN, "origin": "https://evil.example"}
        )
    assert (status, code) == (403, "forbidden_origin")


async def test_pages_of_an_allowed_origin_may_read_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """CORS: the preflight, which has no credentials, and the request with the app's own header."""
    origin = {"origin": "https://app.example"}

    async def hook(connection: HTTPConnection) -> str | None:
        return USERS.get(connection.headers.get("authorization", "").removeprefix("Bearer "))

    async with embedded(monkeypatch, hook, allowed_origins=["https://app.example"]) as caller:
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        preflight = await caller.http.options("/api/calls", headers={**origin, **asked})
        started = await caller.http.post(
            "/api/calls", json={"scenario": "web"}, headers={**origin, "authorization": "Bearer s-ann"}
        )
        other = await caller.http.options("/api/calls", headers={"origin": "https://evil.example", **asked})
    assert (preflight.status_code, started.status_code, other.status_code) == (204, 201, 403)
    for answer in (preflight, started):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in answer.headers
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in other.headers


async def test_ice_servers_are_for_callers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = {"urls": "turn:turn.example", "username": "u", "credential": "word"}
    async with embedded(monkeypatch, ice_servers=[turn, "stun:stun.example"]) as caller:
        answer: httpx2.Response = await caller.http.get("/api/ice-servers", headers=ANN)
        refused = await caller.http.get("/api/ice-servers")
    assert answer.json() == {"ice_servers": [turn, {"urls": "stun:stun.example"}]}
    assert answer.headers["cache-control"] == "no-store"
    assert "word" not in refused.text


def test_a_token_beside_the_hook_is_refused() -> None:
    with pytest.raises(ValueError, match="either authenticate or TRUNKLINE_TOKEN"):
        create_app([], own_settings(token="correct-horse-battery-staple"), authenticate=by_session)


async def test_a_hook_that_returns_something_else_is_an_error_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(_connection: HTTPConnection) -> Any:
        return {"name": "ann"}

    async with embedded(monkeypatch, hook) as caller:
        assert (await caller.http.get("/api/scenarios")).status_code == 500

"""Trunkline's server on a free port with a model in memory, and callers over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection

from tests.calls.model_fake import FakeModel
from trunkline.engine.server import EmbeddedServer
from trunkline.scenario.loading import LoadedScenarios, Target
from trunkline.settings import Settings
from trunkline.web import app as web_app
from trunkline.web import create_app, server_state
from trunkline.web.auth_middleware import WrongTokens
from trunkline.web.uvicorn_config import server_config

SCENARIO = Path(__file__).parent / "web_scenario.py"


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, settings: Settings | None = None, **options: Any) -> AsyncIterator[str]:
    """Serve an app as `trunkline serve` does; yield its URL."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.setblocking(False)
    config = server_config(app, settings or own_settings(), **{"log_config": None, **options})
    server = EmbeddedServer(config)
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        await serving


@contextlib.asynccontextmanager
async def serving(
    monkeypatch: pytest.MonkeyPatch,
    model: FakeModel | None = None,
    *,
    targets: Sequence[Target] = (SCENARIO,),
    **settings: Any,
) -> AsyncIterator[Client]:
    """Serve the whole app on a free port; yield a client."""
    model = with_model(monkeypatch, model)
    monkeypatch.setattr(web_app, "WrongTokens", partial(WrongTokens, 0.0))
    given = own_settings(**settings)
    app = create_app(targets, given)
    async with listening(app, given) as url, client(url, model) as caller:
        yield caller


def with_model(monkeypatch: pytest.MonkeyPatch, model: FakeModel | None = None) -> FakeModel:
    """Replace the provider by a model in memory."""
    model = model or FakeModel()

    async def create_provider(_settings: Settings, _scenarios: LoadedScenarios) -> FakeModel:
        return model

    monkeypatch.setattr(server_state, "create_provider", create_provider)
    return model


def own_settings(**settings: Any) -> Settings:
    """Return settings from these values alone."""
    return Settings.model_validate({"provider": "local", **settings})


@contextlib.asynccontextmanager
async def client(url: str, model: FakeModel) -> AsyncIterator[Client]:
    """Open a client of a server."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        yield Client(http, url, model)


class Client:
    """Client of a server over HTTP and WebSocket."""

    def __init__(self, http: httpx2.AsyncClient, url: str, model: FakeModel) -> None:
        self.http = http
        self.url = url
        self.model = model

    async def starts(self, **wanted: Any) -> dict[str, Any]:
        """Start a call."""
        response = await self.http.post("/api/calls", json={"scenario": "web", "transport": "websocket", **wanted})
        assert response.status_code == 201, response.text
        started: dict[str, Any] = response.json()
        return started

    async def refused(self, method: str, path: str, **request: Any) -> tuple[int, str, dict[str, Any]]:
        """Send a request that is refused; return the status, the code and the whole error."""
        response = await self.http.request(method, path, **request)
        error = response.json()["error"]
        assert error["message"]
        return response.status_code, error["code"], error

    @contextlib.asynccontextmanager
    async def page(self, call_id: str, query: str = "", **options: Any) -> AsyncIterator[Socket]:
        """Open a WebSocket on a call."""
        url = f"{self.url.replace('http', 'ws', 1)}/api/calls/{call_id}{query}"
        # Without a limit on unread frames: a page that a test does not read can still be closed.
        options = {"max_size": None, "max_queue": None, **options}
        async with websockets.connect(url, proxy=None, **options) as connection:
            yield Socket(connection)

    @contextlib.asynccontextmanager
    async def calling(self, **wanted: Any) -> AsyncIterator[tuple[dict[str, Any], Socket]]:
        """Start a call; return it and its caller's page after the greeting."""
        started = await self.starts(**wanted)
        async with self.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.answer(1)
            yield started, page


class Socket:
    """WebSocket of a page. It keeps all received frames: text in `frames`, audio in `sound`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self.sound = bytearray()

    async def sends(self, frame: str | bytes | dict[str, Any]) -> None:
        """Send a frame; a dict as JSON."""
        await self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def until(self, condition: Callable[[dict[str, Any]], object], within_s: float = 10.0) -> dict[str, Any]:
        """Read until a text frame matches, and return it. Earlier frames do not count."""
        async with asyncio.timeout(within_s):
            while True:
                frame = await self.connection.recv()
                if isinstance(frame, bytes):
                    self.sound += frame
                    continue
                self.frames.append(json.loads(frame))
                if condition(self.frames[-1]):
                    return self.frames[-1]

    async def kind(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind."""
        return await self.until(lambda frame: frame["kind"] == kind)

    async def answer(self, count: int = 1) -> str:
        """Return the agent's next message, or the `count`th from now."""
        for _ in range(count):
            done = await self.until(lambda f: f["kind"] == "message.done" and f["role"] == "assistant")
        return str(done["text"])

    async def closed(self, within_s: float = 10.0) -> tuple[int, str]:
        """Read to the end; return the close code and reason."""
        async with asyncio.timeout(within_s):
            try:
                while True:
                    frame = await self.connection.recv()
                    if isinstance(frame, str):
                        self.frames.append(json.loads(frame))
            except websockets.ConnectionClosed as closed:
                return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")

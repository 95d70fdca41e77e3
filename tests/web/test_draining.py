"""Draining: at SIGTERM a server accepts no new calls, and ends after the running ones."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

from tests.calls.model_fake import FakeModel
from tests.web.web_server import SCENARIO, Client, client, own_settings, with_model
from trunkline.web import create_app, server_state
from trunkline.web.server import Server
from trunkline.web.uvicorn_config import server_config


class SignalledServer(Server):
    """Server that gets its signals from a test."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def running(
    monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[tuple[SignalledServer, asyncio.Task[None], Client]]:
    """Run a server as `trunkline serve` does; yield it, its task and a client."""
    model = with_model(monkeypatch, FakeModel())
    monkeypatch.setattr(server_state, "freeze_startup_objects", lambda: None)  # other tests run in this process
    given = own_settings(**settings)
    app = create_app([SCENARIO], given)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = SignalledServer(server_config(app, given, log_config=None), app.state.server)
    serving = asyncio.create_task(server.serve([listener]))
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
    try:
        async with client(f"http://127.0.0.1:{listener.getsockname()[1]}", model) as caller:
            yield server, serving, caller
    finally:
        server.should_exit = True
        await serving


async def test_a_draining_server_accepts_no_call_and_ends_after_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as (server, serving, caller), caller.calling() as (started, page):
        server.handle_exit(signal.SIGTERM, None)
        notice = await page.until(lambda frame: frame.get("code") == "server_draining")
        assert "30 s" in notice["message"]
        response = await caller.http.get("/api/ready")
        assert (response.status_code, response.json()["reasons"]) == (503, ["draining"])
        refused = await caller.refused("POST", "/api/calls", json={"scenario": "web"})
        assert refused[:2] == (503, "draining")
        await page.sends({"type": "say", "text": "still here"})
        assert await page.answer(1) == "You said: still here."
        assert not serving.done()
        await caller.http.delete(f"/api/calls/{started['call_id']}?leg={started['leg_id']}")
        await asyncio.wait_for(asyncio.shield(serving), 5)


async def test_a_draining_server_without_calls_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as (server, serving, _caller):
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(asyncio.shield(serving), 5)


@pytest.mark.parametrize("signals", [[signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]])
async def test_a_second_signal_and_ctrl_c_end_the_server_at_once(
    monkeypatch: pytest.MonkeyPatch, signals: list[signal.Signals]
) -> None:
    async with running(monkeypatch) as (server, serving, caller), caller.calling():
        for one in signals:
            server.handle_exit(one, None)
        await asyncio.wait_for(asyncio.shield(serving), 8)

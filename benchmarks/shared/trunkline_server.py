"""Trunkline as `serve` runs it, connected to a service; and a page that starts calls on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import websockets
from pydantic import SecretStr

from shared.process import announced
from shared.stub_model import app_running
from trunkline.settings import Settings
from trunkline.web import create_app

SCENARIO = "twoAgents"
OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA:BB\r\n"
_decode = msgspec.json.Decoder().decode


async def serve_trunkline(service_url: str) -> None:
    """Run the measured process, connected to the service at this address."""
    settings = Settings(
        provider="openai",
        openai_api_key=SecretStr("sk-bench"),
        openai_base_url=f"{service_url}/v1",
        max_calls=1000,
        calls_per_minute=100_000,
        client_calls_per_minute=100_000,
        _env_file=None,  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it
    )
    app = create_app([str(Path(__file__).with_name("two_agents.py"))], settings)
    app.state.server.owns_process = True
    async with app_running(app) as url:
        await announced(url)


class CallPage:
    """A page with its call. `last_kind` is the kind of the latest log event."""

    def __init__(self, socket: websockets.ClientConnection, call: dict[str, Any]) -> None:
        self.socket = socket
        self.call = call
        self.events = 0

    async def until(self, kind: str) -> dict[str, Any]:
        """Read until an event of this kind."""
        async for frame in self.socket:
            if isinstance(frame, str):
                self.events += 1
                event: dict[str, Any] = _decode(frame)
                if event["kind"] == kind:
                    return event
                if event["kind"] in ("error", "call.ended"):
                    raise RuntimeError(f"the call went wrong: {event}")
        raise RuntimeError("the socket closed")


@asynccontextmanager
async def calling(url: str, *, transport: str = "websocket") -> AsyncIterator[CallPage]:
    """Start a call, yield its page, and end it."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        wanted = {"scenario": SCENARIO, "transport": transport, "sdp": OFFER}
        answer = await http.post("/api/calls", json=wanted)
        answer.raise_for_status()
        call = answer.json()
        address = f"{url.replace('http', 'ws')}/api/calls/{call['call_id']}?leg={call['leg_id']}"
        try:
            # Without a limit on unread frames: a client that paused does not read the close, and waits for it for 10 s.
            connecting = websockets.connect(address, compression=None, max_size=None, max_queue=None, proxy=None)
            async with connecting as socket:
                if transport == "webrtc":
                    await socket.send('{"type":"media_ready"}')
                yield CallPage(socket, call)
        finally:  # also if the caller is cancelled: the call would wait for it, in the time of the next measurement
            await http.delete(f"/api/calls/{call['call_id']}?leg={call['leg_id']}")


async def drained(page: CallPage, seconds: float) -> None:
    """Read and discard frames for `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            async for _frame in page.socket:
                page.events += 1
    except TimeoutError:
        return

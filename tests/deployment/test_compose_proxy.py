"""The Caddyfile of Compose, by Caddy, in front of two servers."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import httpx2
import pytest
import websockets

from tests.ports import free_port
from tests.web.test_embedding_docs import _unverified, behind
from tests.web.web_server import listening, own_settings, with_model
from trunkline.web import create_app
from trunkline.web.server_state import ServerState

CADDYFILE = (Path(__file__).parents[2] / "deploy" / "compose" / "Caddyfile").read_text()
BROWSERS = 6


async def test_browsers_stay_with_the_server_of_their_call_and_new_ones_avoid_a_draining_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed: run make proxies")
    with_model(monkeypatch)
    port = free_port()
    origin = f"https://localhost:{port}"
    settings = own_settings(allowed_origins=[origin], trusted_proxies=["127.0.0.1"])
    apps = [create_app([], settings) for _ in range(2)]

    async def start(http: httpx2.AsyncClient) -> str:
        started = await http.post("/api/calls", json={"scenario": "simpleHandoff"}, headers={"origin": origin})
        assert started.status_code == 201, started.text
        return str(started.json()["call_id"])

    def browser() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=origin, verify=_unverified(), trust_env=False, timeout=60)

    async with listening(apps[0], settings) as first, listening(apps[1], settings) as second:
        for url in (first, second):
            async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
                await http.get("/api/scenarios")  # answers when the scenarios are loaded
        # Caddy's own certificate authority, without asking this machine to trust it, and no port 80.
        options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
        text = CADDYFILE.replace("{$SITE:localhost}", origin)
        text = text.replace("server-1:3000", first.removeprefix("http://"))
        (tmp_path / "Caddyfile").write_text(options + text.replace("server-2:3000", second.removeprefix("http://")))
        command = [program, "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
        async with behind(command, tmp_path, port):
            for _ in range(BROWSERS):
                async with browser() as http:
                    call_id = await start(http)
                    cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
                    async with websockets.connect(
                        f"wss://localhost:{port}/api/calls/{call_id}",
                        ssl=_unverified(),
                        origin=websockets.Origin(origin),
                        additional_headers={"cookie": cookies},
                        proxy=None,
                    ) as page:
                        async with asyncio.timeout(30):
                            assert '"seq"' in str(await page.recv())
            await checks_after_draining(apps[0].state.server, monkeypatch)
            for _ in range(BROWSERS):
                async with browser() as http:
                    await start(http)


async def checks_after_draining(server: ServerState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server drain, and wait until Caddy has asked twice if it is ready: it has then seen the first answer."""
    asked = asyncio.Semaphore(0)
    reasons = server.unready_reasons

    def noted() -> list[str]:
        asked.release()
        return reasons()

    server.is_draining = True
    monkeypatch.setattr(server, "unready_reasons", noted)
    async with asyncio.timeout(30):
        await asked.acquire()
        await asked.acquire()

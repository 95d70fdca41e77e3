"""`@openai/agents` in a real Chromium, over WebRTC to the engine with real speech, on loopback."""

from __future__ import annotations

import asyncio
import base64
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.async_api import async_playwright

from tests.chromium import FLAGS, chromium_path
from tests.engine.clients.concierge import KEY, concierge_engine

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]

Call = Callable[..., Awaitable[dict[str, Any]]]
SERVER_VAD = {"type": "server_vad"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Says nothing of the requests."""


@asynccontextmanager
async def page_server() -> AsyncIterator[str]:
    """Serve the page and the package's browser build."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(Path(__file__).parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()


@pytest.fixture
def call(node: str, sound_file: Callable[[str], Awaitable[Path]]) -> Call:
    """Return `await call(turn, says=…, turn_detection=…)`, which makes a call and returns the page's view."""

    async def have(turn: str, says: str | None = None, turn_detection: Any = SERVER_VAD) -> dict[str, Any]:
        pcm = "" if says is None else base64.b64encode((await sound_file(says)).read_bytes()).decode()
        async with (
            concierge_engine() as server,
            page_server() as pages,
            httpx.AsyncClient(headers={"api-key": KEY}) as client,
            async_playwright() as playwright,
        ):
            url = f"{server.url}/realtime"
            body = {"session": {"type": "realtime", "model": "test"}}
            secret = (await client.post(f"{url}/client_secrets", json=body)).json()["value"]
            browser = await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            try:
                page = await browser.new_page()
                await page.goto(f"{pages}/webrtc.html")
                await page.wait_for_function("() => window.have")
                async with asyncio.timeout(40):
                    arguments = [turn, f"{url}/calls", secret, turn_detection, pcm]
                    result: dict[str, Any] = await page.evaluate("given => window.have(...given)", arguments)
            finally:
                await browser.close()
        assert result.pop("errors") == []
        return result

    return have


async def test_a_typed_turn_is_answered_aloud(call: Call) -> None:
    result = await call("text")
    assert (result["status"], result["said"]) == ("completed", "You said: good morning.")
    assert result["loudest"] > 0.1


async def test_a_spoken_turn_is_answered_aloud(call: Call) -> None:
    result = await call("voice", says="yes please")
    assert (result["heard"], result["said"]) == ("yes please", "You said: yes please.")
    assert result["loudest"] > 0.1


async def test_push_to_talk_waits_for_the_button(call: Call) -> None:
    result = await call("pushToTalk", says="no thank you", turn_detection=None)
    assert not result["early"]
    assert (result["heard"], result["said"]) == ("no thank you", "You said: no thank you.")


async def test_a_tool_call_and_its_result(call: Call) -> None:
    result = await call("tool")
    assert result["called"] == {"name": "weather", "arguments": {"city": "Wanaka"}}
    assert result["said"] == "It is sunny."


async def test_the_stop_button_silences_an_answer_and_truncates_it(call: Call) -> None:
    result = await call("interrupt")
    assert result["loudest"] > 0.1
    assert result["loudForMs"] < 400
    assert result["kept"].startswith("One.")
    assert "Ten" not in result["kept"]


async def test_speaking_into_an_answer_interrupts_it(call: Call) -> None:
    result = await call("bargeIn", says="no thank you")
    assert result["loudForMs"] < 400
    assert result["heard"] == "no thank you"
    assert result["kept"].startswith("One.")
    assert "Ten" not in result["kept"]

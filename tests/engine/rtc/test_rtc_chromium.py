"""Calls from a real browser: its peer connection, its microphone, and its received audio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Page, sync_playwright
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from tests.chromium import FLAGS, chromium_path
from tests.engine.engine_fakes import FakeBrain, FakeStt
from tests.engine.official_events import check
from tests.engine.rtc.rtc_caller import KEY
from tests.synthetic_caller import said
from trunkline.engine.brains import BrainRequest, TextDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.transports.ice import IceOptions

QUESTION = "Could you tell me a story, please?"
LONG = "Once upon a time there was a lighthouse keeper, who counted the ships, one after another, all night long. " * 3
SHORT = "All right, I will stop."
AUDIBLE = 0.01

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]


def answer(request: BrainRequest) -> list[Any]:
    turns = [item for item in request.items if item.get("role") == "user"]
    return [TextDelta(LONG if len(turns) == 1 else SHORT)]


class Offers:
    """The page's server: it has the key, and passes offers on with an ephemeral one."""

    def __init__(self, url: str = "") -> None:
        self.url = url

    async def page(self, request: Request) -> Response:
        return FileResponse(Path(__file__).with_name("caller.html"))

    async def offer(self, request: Request) -> Response:
        turn_detection = {"type": "server_vad", "silence_duration_ms": 600}
        session = {"type": "realtime", "model": "m", "audio": {"input": {"turn_detection": turn_detection}}}
        async with httpx.AsyncClient(base_url=self.url) as client:
            minted = await client.post("/realtime/client_secrets", json={"session": session}, headers={"api-key": KEY})
            headers = {"Authorization": f"Bearer {minted.json()['value']}", "Content-Type": "application/sdp"}
            made = await client.post("/realtime/calls", content=await request.body(), headers=headers)
        return Response(made.content, made.status_code)


@contextmanager
def served() -> Iterator[EngineServer]:
    """Run an engine in its own thread, because Playwright uses this thread's event loop. It also serves the page."""
    running: concurrent.futures.Future[EngineServer] = concurrent.futures.Future()
    over: list[Any] = []

    async def serve() -> None:
        voice, offers = EspeakTts(), Offers()
        ice = IceOptions(loopback=True)
        engine = Engine(
            lambda model, settings: FakeBrain(answer), FakeStt(), voice, SileroVoiceActivity, key=KEY, ice=ice
        )
        engine.app.router.routes[:0] = [Route("/", offers.page), Route("/offer", offers.offer, methods=["POST"])]
        stop = asyncio.Event()
        over.append((asyncio.get_running_loop(), stop))
        async with EngineServer(engine) as server:
            offers.url = server.url
            running.set_result(server)
            await stop.wait()
        await voice.aclose()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="engine")
    thread.start()
    try:
        yield running.result(10)
    finally:
        loop, stop = over[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@contextmanager
def browser_page(server: EngineServer, microphone: Path) -> Iterator[Page]:
    """Open the page in a browser whose microphone plays a file once."""
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        try:
            page = browser.new_page()
            page.goto(server.url.replace("/openai/v1", "/"))
            yield page
        finally:
            browser.close()


class Told:
    """The page's record: events with their times in ms, and the level of each 23 ms of audio."""

    def __init__(self, page: Page) -> None:
        seen = page.evaluate("({ events: call.events, sound: call.sound })")
        self.events: list[tuple[float, dict[str, Any]]] = seen["events"]
        self.sound: list[tuple[float, float]] = seen["sound"]

    def times(self, type_: str) -> list[float]:
        return [at for at, event in self.events if event["type"] == type_]

    def heard(self, start: float, end: float) -> float:
        """The share of the stretches between two times in which something was heard."""
        levels = [level > AUDIBLE for at, level in self.sound if start < at < end]
        assert levels, "the page recorded nothing"
        return sum(levels) / len(levels)


def test_a_conversation_with_a_browser(tmp_path: Path) -> None:
    """Ask for a story, interrupt it, get the next answer, and hang up."""
    question, interruption = asyncio.run(said(QUESTION)), asyncio.run(said("Stop, stop, that is enough."))
    microphone = tmp_path / "microphone.wav"
    with wave.open(str(microphone), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(bytes(48 * 1000) + question + bytes(48 * 3000) + interruption + bytes(48 * 20_000))
    with served() as server, browser_page(server, microphone) as page:
        page.click("button")
        page.wait_for_function(
            "call.events.filter(([, e]) => e.type == 'output_audio_buffer.stopped').length", timeout=40_000
        )
        told = Told(page)
        for _, event in told.events:
            check(event)
        assert told.events[0][1]["type"] == "session.created"
        spoke, barged_in = told.times("input_audio_buffer.speech_started")
        started, again = told.times("output_audio_buffer.started")
        (cleared,), (stopped,) = told.times("output_audio_buffer.cleared"), told.times("output_audio_buffer.stopped")
        assert spoke < started < barged_in < again < stopped
        assert told.heard(started + 300, barged_in) > 0.6, "the answer is heard"
        assert told.heard(barged_in + 250, again) == 0, "after the barge-in only the browser's own buffer is heard"
        assert told.heard(again + 300, stopped) > 0.5, "the second answer is heard"
        assert told.heard(spoke - 300, started) == 0, "nobody speaks before the question is over"
        (cut,) = [event for _, event in told.events if event["type"] == "conversation.item.truncated"]
        assert cut["audio_end_ms"] == pytest.approx(barged_in - started, abs=200)
        assert cleared - barged_in < 50
        answers = [event["response"] for _, event in told.events if event["type"] == "response.done"]
        assert [one["status"] for one in answers][-1] == "completed"
        page.evaluate("call.channel.send(JSON.stringify({type: 'session.update', session: "
                      "{type: 'realtime', instructions: 'x'.repeat(200000)}}))")  # fmt: skip
        page.wait_for_function("call.events.some(([, e]) => e.type == 'session.updated')")
        assert len(server.engine.sessions) == 1
        page.evaluate("call.peer.close()")
        until = time.monotonic() + 10
        while server.engine.sessions and time.monotonic() < until:
            page.wait_for_timeout(50)
        assert not server.engine.sessions


def test_a_call_that_the_engine_ends_is_over_for_the_browser(tmp_path: Path) -> None:
    microphone = tmp_path / "microphone.wav"
    with wave.open(str(microphone), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(bytes(48 * 20_000))
    with served() as server, browser_page(server, microphone) as page:
        page.click("button")
        page.wait_for_function("call.events.length > 1")
        (call_id,) = server.engine.webrtc_calls._calls
        answer = httpx.post(f"{server.url}/realtime/calls/{call_id}/hangup", headers={"api-key": KEY})
        assert answer.status_code == 200
        page.wait_for_function("call.state == 'hung up'")

"""A real server, a real Chromium and a caller with a synthetic voice, all on loopback."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect, sync_playwright

from tests.chromium import FLAGS, chromium_path
from tests.synthetic_caller import said_by
from trunkline.engine.speech import SAMPLE_RATE

MICROPHONE = Path(__file__).with_name("microphone.js")
# Playwright's five seconds are over on a busy machine before a server that has just begun has loaded its scenarios.
expect.set_options(timeout=20_000)


@cache
def spoken(text: str, lead_ms: int = 100, voice: str = "espeak:cedar") -> bytes:
    """Return `text` as a WAV file, in the voice of a synthetic caller: "joe", or a voice of eSpeak."""
    # In a thread: Playwright's loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        sound = bytes(SAMPLE_RATE * 2 * lead_ms // 1000) + thread.submit(asyncio.run, said_by(voice, text)).result()
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(sound)
    return file.getvalue()


class Server:
    """`trunkline serve` as a user starts it."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None, port: int = 0) -> None:
        self._command = [sys.executable, "-m", "trunkline.cli", "serve", *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "OPENAI_"))}
        self._environment = {**clean, "PYTHONUNBUFFERED": "1", "TRUNKLINE_ICE_LOOPBACK": "1", **(environment or {})}
        self.port = port
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts it and reads its address from what it prints."""
        self._process = subprocess.Popen(
            [*self._command, "--port", str(self.port), "--provider", "local"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if found := re.search(r"http://\S+:(\d+)", line):
                self.url, self.port = found.group(0), int(found.group(1))
                return
        raise AssertionError("the server did not start:\n" + "".join(printed))

    def stop(self) -> str:
        """Ends it as Ctrl-C does, and returns what it printed meanwhile."""
        if self._process is None:
            return ""
        self._process.send_signal(signal.SIGINT)
        try:
            printed, _ = self._process.communicate(timeout=10)
        finally:
            self._process.kill()
        self._process = None
        return printed


class Caller:
    """A person at a browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def transcript(self) -> str:
        """The text of the region "Transcript"."""
        return self.page.get_by_role("region", name="Transcript").inner_text()

    @property
    def call_id(self) -> str:
        """The id in the page's address."""
        self.page.wait_for_url(re.compile(r"[?&]call="))
        return parse_qs(urlsplit(self.page.url).query)["call"][0]

    def now(self) -> float:
        """The page's clock, in ms."""
        return float(self.page.evaluate("__ear.now()"))

    def loudest_since(self, ms: float) -> float:
        """The loudest moment that came out of the loudspeaker since, 0 to 1."""
        return float(self.page.evaluate("from => __ear.loudest(from)", ms))

    def last_message(self, agent: str) -> str:
        """The text of the last bubble of an agent."""
        bubbles = self.page.get_by_role("region", name="Transcript").get_by_role("article").filter(has_text=agent)
        return bubbles.last.locator(".bubble-text").inner_text()

    def logs(self, kind: str, timeout_s: float = 5) -> None:
        """Waits for an event of this kind in the event log."""
        region = self.page.get_by_role("region", name="Event log")
        region.get_by_role("searchbox").fill(kind)
        region.get_by_text(kind).first.wait_for(timeout=timeout_s * 1000)

    def opens_audio_menu(self) -> None:
        """Opens the menu with codec, transport, microphone and speaker."""
        self.page.get_by_role("button", name="Audio", exact=True).click()

    def log_kinds(self) -> list[str]:
        """Read the call's log as another viewer, and return the kinds of its events."""
        script = """async id => {
          const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/calls/${id}?after=0&leg=viewer`);
          const kinds = [];
          await new Promise(done => {
            let timer = setTimeout(done, 2000);
            socket.onmessage = ({ data }) => {
              kinds.push(JSON.parse(data).kind);
              clearTimeout(timer);
              timer = setTimeout(done, 500);
            };
          });
          socket.close();
          return kinds;
        }"""
        return [str(kind) for kind in self.page.evaluate(script, self.call_id)]

    def hears(self, text: str, timeout_s: float = 15) -> None:
        """Waits until `text` stands in the transcript."""
        region = self.page.get_by_role("region", name="Transcript")
        region.get_by_text(re.compile(re.escape(text), re.IGNORECASE)).last.wait_for(timeout=timeout_s * 1000)

    def says(self, text: str, voice: str = "espeak:cedar") -> None:
        """Speaks into the microphone."""
        sound = base64.b64encode(spoken(text, voice=voice)).decode()
        self.page.evaluate("sound => window.__microphone.say(sound)", sound)

    def starts_to_say(self, text: str, voice: str = "espeak:cedar") -> None:
        """Speaks into the microphone, without a wait for the end."""
        sound = base64.b64encode(spoken(text, voice=voice)).decode()
        self.page.evaluate("sound => void window.__microphone.say(sound)", sound)

    def types(self, text: str) -> None:
        """Types a message."""
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def waits_for_sound(self, since: float = 0, timeout_s: float = 20) -> None:
        """Waits until something is heard out of the loudspeaker after `since`, a time of the page's clock."""
        self.page.wait_for_function("from => __ear.loudest(from) > 0.03", arg=since, timeout=timeout_s * 1000)

    def listens_for(self, ms: int) -> None:
        """Wait until the loudspeaker has played so much more audio, silence included."""
        until = self.page.evaluate("__ear.playedMs()") + ms
        self.page.wait_for_function("until => __ear.playedMs() >= until", arg=until)

    def waits_for_quiet(self, ms: int = 600, timeout_s: float = 20) -> None:
        """Waits until nothing has come out of the loudspeaker for so long, and something has before."""
        self.page.wait_for_function(
            "ms => __ear.lastSound() > 0 && __ear.now() - __ear.lastSound() > ms", arg=ms, timeout=timeout_s * 1000
        )


# Not for the whole session: while Playwright runs, no other event loop can run in this thread.
@pytest.fixture(scope="package")
def browser_type() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def chromium(browser_type: BrowserType) -> Iterator[Browser]:
    browser = browser_type.launch(executable_path=chromium_path(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Callable[[str], Caller]]:
    """Opens tabs of one browser window; a page error fails the test."""
    context: BrowserContext = chromium.new_context(permissions=["microphone"])
    context.add_init_script(path=MICROPHONE)
    errors: list[str] = []

    def open_tab(url: str) -> Caller:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(url)
        return Caller(page)

    yield open_tab
    context.close()
    assert not errors, errors

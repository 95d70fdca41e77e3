"""Fillers in a real browser: the page plays them on both transports, and stops them for the answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Caller, Server

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
SLOW = '''
import asyncio
from agents import function_tool
from agents.realtime import RealtimeAgent
from trunkline import Caller, Fillers, Lines, Rehearsal, Scenario, call_tool

@function_tool
async def ask_warehouse() -> str:
    """Ask the warehouse."""
    await asyncio.sleep(6)
    return "plenty"

rehearsal = Rehearsal()

@rehearsal.plays("clerk")
async def clerk(caller: Caller) -> Lines:
    yield "Welcome."
    while True:
        await caller.says()
        yield call_tool("ask_warehouse")
        yield "There are plenty."

agent = RealtimeAgent(name="clerk", tools=[ask_warehouse])
slow = Scenario("slow", agents=[agent], rehearsal=rehearsal, fillers=Fillers(waiting_after_s=2.0))
'''


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a scenario whose tool takes 6 s."""
    file: Path = tmp_path_factory.mktemp("slow") / "slow.py"
    file.write_text(SLOW)
    server = Server(str(file), environment={"TRUNKLINE_TTS": "espeak"})
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_the_caller_hears_a_filler_while_a_tool_is_slow(
    transport: str, slow: Server, tab: Callable[[str], Caller]
) -> None:
    caller = tab(f"{slow.url}/?agentConfig=slow&transport={transport}")
    caller.waits_for_quiet()
    asked_at = caller.now()
    caller.types("Do you have pears?")
    caller.hears("Filler: One moment, please.")
    caller.waits_for_sound(asked_at)
    heard_at = float(
        caller.page.evaluate("from => __ear.blocks().find((b) => b.at > from && b.rms > 0.01).at", asked_at)
    )
    assert 1_500 < heard_at - asked_at < 6_000, "the tool had returned"
    caller.hears("There are plenty.")
    expect(caller.page.get_by_text("Filler:")).to_have_count(1)


# A stall in the middle of an answer ---------------------------------------------------------------------------------
BEFORE, AFTER = "Let me have a look at that for you.", "There are plenty of pears, and they came this morning."
STALL_S = 6.0
WAITING_AFTER_S = 2.0
STALLING = f"""
from agents.realtime import RealtimeAgent
from trunkline import Fillers, Scenario

fillers = Fillers(waiting_after_s={WAITING_AFTER_S})
stalling = Scenario("stalling", agents=[RealtimeAgent(name="clerk", instructions="Sell pears.")], fillers=fillers)
"""


class StallingModel(BaseHTTPRequestHandler):
    """A chat endpoint that greets, and stalls in the middle of each other answer."""

    goes_on = threading.Event()

    def do_POST(self) -> None:
        """Stream an answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        asked = [one for one in body["messages"] if one["role"] == "user"]
        if "pears" not in asked[-1]["content"]:
            self._stream("Welcome.")
        else:
            self._stream(BEFORE + " ")
            self.goes_on.wait(STALL_S)
            self._stream(AFTER)
        self.wfile.write(b"data: [DONE]\n\n")

    def _stream(self, text: str) -> None:
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def stalling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose chat model stalls."""
    file: Path = tmp_path_factory.mktemp("stalling") / "stalling.py"
    file.write_text(STALLING)
    with ThreadingHTTPServer(("127.0.0.1", 0), StallingModel) as model:
        threading.Thread(target=model.serve_forever).start()
        address = f"http://127.0.0.1:{model.server_address[1]}/v1"
        chat = {"TRUNKLINE_CHAT_BASE_URL": address, "TRUNKLINE_CHAT_MODEL": "m"}
        server = Server(str(file), environment={"TRUNKLINE_TTS": "espeak", "TRUNKLINE_STT": "sphinx", **chat})
        server.start()
        yield server
        server.stop()
        StallingModel.goes_on.set()
        model.shutdown()


def test_a_caller_over_webrtc_hears_no_long_silence_when_the_model_stalls_in_its_answer(
    stalling: Server, tab: Callable[[str], Caller]
) -> None:
    caller = tab(f"{stalling.url}/?agentConfig=stalling&transport=webrtc")
    caller.waits_for_quiet()
    asked_at = caller.now()
    caller.types("Do you have pears?")
    caller.hears(AFTER)
    caller.waits_for_quiet()
    sounds = caller.page.evaluate("from => __ear.blocks().filter((b) => b.at > from && b.rms > 0.005)", asked_at)
    times = [block["at"] for block in sounds]
    gaps = sorted((later - earlier, earlier) for earlier, later in pairwise(times))
    caller.hears("Filler: One moment, please.")
    assert times[-1] - times[0] > STALL_S * 1000, "the model did not stall"
    assert WAITING_AFTER_S * 1000 - 500 < gaps[-1][0] < WAITING_AFTER_S * 1000 + 1000, gaps[-3:]
    assert (caller.log_kinds()).count("filler.started") >= 1

"""Fillers in a real browser: the page plays them on both transports, and stops them for the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

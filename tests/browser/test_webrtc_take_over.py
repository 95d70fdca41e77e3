"""The death of a call's server in mid-sentence, as the caller at a browser hears it over WebRTC."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import groupby

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import MICROPHONE, Caller
from tests.cluster.test_workers import Workers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.speech,
    pytest.mark.realtime,
    pytest.mark.quiet,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc"),
]
KILL_AFTER_MS = 2000
WATCHED_MS = 2500
"""The time after the kill in which a gap would come; the take-over needs half a second of it."""
REST_MS = 4000
"""The least duration of the rest of the sentence."""
QUIET = 0.005
MAX_GAP_MS = 100.0
STORYTELLER = """
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario, say

rehearsal = Rehearsal()

@rehearsal.plays("host")
async def host(caller: Caller) -> Lines:
    yield say(" ".join(["one"] * 30))
    while True:
        said = await caller.says()
        yield say(f"You said {said.text}.")

scenario = Scenario("echo", agents=[RealtimeAgent(name="host")], rehearsal=rehearsal)
"""
"""Eight seconds in which this voice is never silent, so that any silence is a gap."""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    running = Workers(tmp_path_factory.mktemp("workers"), scenario=STORYTELLER)
    try:
        running.until_ready()
        yield running
    finally:
        running.server.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[[str], Caller]]:
    """Open a page that may complain of lost connections."""
    context = chromium.new_context(permissions=["microphone"])
    context.add_init_script(path=MICROPHONE)
    errors: list[str] = []

    def opened(url: str) -> Caller:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return Caller(page)

    yield opened
    context.close()
    assert not errors, errors


def longest_silence_ms(caller: Caller, since: float, until: float) -> float:
    """Return the longest silence in a span of the page's clock."""
    heard = caller.page.evaluate(
        "([since, until]) => __ear.blocks().filter(({ at }) => at >= since && at <= until).map(({ rms }) => rms)",
        [since, until],
    )
    block_ms = caller.page.evaluate("__ear.playedMs() / __ear.blocks().length")
    runs = [len(list(run)) for quiet, run in groupby(heard, lambda level: level <= QUIET) if quiet]
    return max(runs, default=0) * float(block_ms)


def test_the_caller_hears_the_sentence_to_its_end_without_a_gap_when_its_server_is_killed(
    workers: Workers, open_page: Callable[[str], Caller]
) -> None:
    caller = open_page(f"{workers.url}/?transport=webrtc")
    caller.waits_for_sound()
    caller.listens_for(KILL_AFTER_MS)
    killed_at = caller.now()
    os.kill(workers.pid(workers.worker_of(caller.call_id)), signal.SIGKILL)
    expect(caller.page.get_by_role("status").first).to_have_text("Reconnecting…")
    expect(caller.page.get_by_role("status").first).to_have_text("Connected")
    caller.waits_for_quiet(ms=1000)
    ended_at = float(caller.page.evaluate("__ear.lastSound()"))
    assert longest_silence_ms(caller, killed_at, killed_at + WATCHED_MS) <= MAX_GAP_MS
    assert ended_at - killed_at > REST_MS, "the sentence was cut off"
    asked_at = caller.now()
    caller.types("and then")
    caller.hears("You said and then")
    caller.waits_for_sound(since=asked_at)
    kinds = caller.log_kinds()
    assert kinds.count("call.taken_over") == kinds.count("call.started") == 1
    assert "leg.reoffer_requested" not in kinds
    assert "audio.cleared" not in kinds

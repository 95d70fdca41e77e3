"""The ear against the log: the heard position of an interrupted message, and the waiting time of a turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import Caller, Server
from tests.browser.recording_reader import AUDIBLE, Recorded, Voice, download
from tests.synthetic_caller import said
from trunkline.realtime.audio import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime, pytest.mark.quiet]
Tab = Callable[[str], Caller]
LONG = " ".join(["one old lighthouse keeper walks along the windy shore and looks out over the rolling sea and"] * 3)
"""No pause in it: an interruption ends sound, and not silence."""
READER = f'''
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Phrases, Rehearsal, Scenario

rehearsal = Rehearsal()

@rehearsal.plays("reader")
async def reader(caller: Caller) -> Lines:
    while True:
        yield "{LONG}"
        await caller.says(Phrases("stop please stop now"))

scenario = Scenario("reading", agents=[RealtimeAgent(name="reader")], rehearsal=rehearsal, voice="sage")
'''
INTERRUPTIONS = 2
MAX_ERROR_MS = 50
MAX_WAIT_ERROR_MS = 40


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose agent speaks long without a pause, with eSpeak's voice; PocketSphinx listens."""
    file: Path = tmp_path_factory.mktemp("reading") / "reading.py"
    file.write_text(READER)
    server = Server(str(file), environment={"TRUNKLINE_STT": "sphinx", "TRUNKLINE_TTS": "espeak"})
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_the_log_agrees_with_the_ear(transport: str, reading: Server, tab: Tab, tmp_path: Path) -> None:
    caller = tab(f"{reading.url}/?agentConfig=reading&transport={transport}")
    since = 0.0
    for number in range(INTERRUPTIONS):
        caller.waits_for_sound(since)
        caller.listens_for(1700 + 370 * number)
        caller.says("stop please, stop now")
        since = caller.now() + 150
    caller.waits_for_sound(since)
    caller.listens_for(600)
    log, recorded = log_of(caller), download(caller, tmp_path)

    heard = heard_ms(recorded)
    logged = [event["heard_ms"] for event in log if event["kind"] == "message.truncated"]
    assert logged == pytest.approx(heard[:INTERRUPTIONS], abs=MAX_ERROR_MS)

    waited = waits_ms(recorded)
    shown = [event["total_ms"] for event in log if event["kind"] == "turn.latency" and event["after"] == "speech"]
    assert shown == pytest.approx(waited, abs=MAX_WAIT_ERROR_MS)


def log_of(caller: Caller) -> list[dict[str, Any]]:
    """Return the events that the page has."""
    with caller.page.expect_download() as saved:
        caller.page.get_by_role("button", name="Download JSON").click()
    events: list[dict[str, Any]] = json.loads(saved.value.path().read_text())["events"]
    return events


def heard_ms(recorded: Recorded) -> list[float]:
    """Return how much of each message was heard, with the silence before its first sound."""
    lead_ms = spans_ms(spoken())[0][0]
    return [end - start + lead_ms for start, end in spans_ms(recorded.agent)]


def waits_ms(recorded: Recorded) -> list[float]:
    """Return the time from the end of each utterance of the caller to the next sound of the agent."""
    starts = [start for start, _end in spans_ms(recorded.agent)]
    return [min(start for start in starts if start > end) - end for _start, end in spans_ms(recorded.caller, 500)]


def spans_ms(voice: Voice, pause_ms: float = 300) -> list[tuple[float, float]]:
    """Return the times of the sounds, to the millisecond, with shorter pauses within."""
    at_ms = np.flatnonzero(np.abs(voice.samples) > AUDIBLE) * 1000 / voice.rate
    breaks = np.flatnonzero(np.diff(at_ms) > pause_ms)
    starts, ends = [0, *(breaks + 1)], [*breaks, len(at_ms) - 1]
    return [(float(at_ms[start]), float(at_ms[end])) for start, end in zip(starts, ends, strict=True)]


def spoken() -> Voice:
    """Return the agent's whole message."""
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        pcm = thread.submit(asyncio.run, said(LONG, voice="sage")).result()
    return Voice(SAMPLE_RATE, np.frombuffer(pcm, "<i2") / 32768)

"""The server's recording of a call in Chromium: over each path of the audio it agrees with the page's own recording."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from tests.browser.conftest import Caller, Server
from tests.browser.recording_reader import Recorded, Voice, download
from tests.ports import free_port
from tests.store.audio.signals import RATE, place_by_level_ms, place_ms
from tests.store.audio.test_ogg import decoded
from tests.test_cli import eventually
from trunkline.settings import Settings
from trunkline.store.audio.call_audio import CallAudio
from trunkline.store.audio.opus import Stereo

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
Tab = Callable[[str], Caller]
PATHS = ["relay", "page", pytest.param("engine", marks=pytest.mark.quiet)]
CLOSE_MS = 20.0
PART_MS = 500
"""The length of the parts of an answer that are looked for in the engine's recording."""
OUTPUT_MS = 120.0
"""The longest time from the page's recorder to the loudspeaker, after which the server places the agent's audio."""


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    """The path of the audio: the relay, WebRTC past the server, or WebRTC to the engine in the server's process."""
    return str(request.param)


@pytest.fixture
def storing(path: str, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server that stores calls. With the path "page", its engine is another process, as a hosted service is."""
    folder = tmp_path / "data"
    environment = {"TRUNKLINE_STORE": "full", "TRUNKLINE_DATA_DIR": str(folder)}
    engine: subprocess.Popen[bytes] | None = None
    if path == "page":
        port = free_port()
        engine = subprocess.Popen(
            [sys.executable, "-m", "trunkline.cli", "engine", "--port", str(port), "--key", "a-key"],
            env={**os.environ, "TRUNKLINE_ICE_LOOPBACK": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        environment |= {"TRUNKLINE_ENGINE_URL": f"http://127.0.0.1:{port}", "TRUNKLINE_ENGINE_KEY": "a-key"}
    server = Server(environment=environment)
    server.start()
    try:
        eventually(lambda: httpx2.get(f"{server.url}/api/ready", trust_env=False).status_code == 200, within_s=30)
        yield server, folder
    finally:
        server.stop()
        if engine is not None:
            engine.terminate()
            engine.wait(10)


def stored(folder: Path, call_id: str) -> Stereo:
    """Wait for the stored recording."""

    def is_open() -> bool:
        return any(folder.glob(f"recordings-open/*/{call_id}"))

    async def read() -> Stereo:
        audio = CallAudio(Settings(data_dir=folder), "full")
        ends = time.monotonic() + 20
        while is_open() or (joined := await audio.joined(call_id)) is None:
            assert time.monotonic() < ends, "nothing was recorded"
            await asyncio.sleep(0.2)
        return decoded(b"".join(joined.ogg()))

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        return thread.submit(asyncio.run, read()).result()


def start_of(signal: Voice, span: tuple[int, int], track: NDArray[np.int16]) -> float:
    """Return the place in ms at which a track has the first second of a span."""
    samples = signal.samples[span[0] * signal.rate // 1000 :][: min(1000, span[1] - span[0]) * signal.rate // 1000]
    assert signal.rate == 24_000
    at_ms, correlation = place_ms((samples * 32_767).astype(np.int16), track)
    assert correlation > 0.5
    return at_ms


def best_start_of(signal: Voice, span: tuple[int, int], track: NDArray[np.int16]) -> float:
    """Return the place of a span by its part that a track has best.

    Levels are compared, since a WebRTC receiver stretches and shortens speech in places.
    """
    pcm = (signal.samples * 32_767).astype(np.int16)
    begins = range(span[0], span[1] - PART_MS, PART_MS // 2)
    parts = [pcm[begin * RATE // 1000 : (begin + PART_MS) * RATE // 1000] for begin in begins]
    found = [(*place_by_level_ms(part, track), begin) for part, begin in zip(parts, begins, strict=True)]
    at_ms, correlation, begin = max(found, key=lambda one: one[1])
    assert correlation > 0.95
    return at_ms - (begin - span[0])


def check(page: Recorded, track: Stereo, *, output_ms: float) -> None:
    """Check that both voices of the server's recording are apart as in the page's."""
    said = page.caller.spans()[0]
    said_at = start_of(page.caller, said, track[:, 0]) - said[0]
    for span in (page.agent.spans()[0], page.agent.spans()[-1]):
        heard_at = start_of(page.agent, span, track[:, 1]) - span[0]
        assert -CLOSE_MS <= heard_at - said_at <= output_ms + CLOSE_MS


def check_answer(page: Recorded, track: Stereo) -> None:
    """Check the same for the answer over WebRTC: a receiver plays the first words faster, to shorten its buffer."""
    said, answer = page.caller.spans()[0], page.agent.spans()[-1]
    said_at = start_of(page.caller, said, track[:, 0]) - said[0]
    heard_at = best_start_of(page.agent, answer, track[:, 1]) - answer[0]
    assert -CLOSE_MS <= heard_at - said_at <= OUTPUT_MS + CLOSE_MS


def test_the_server_records_what_was_said_and_heard(
    path: str, storing: tuple[Server, Path], tab: Tab, tmp_path: Path
) -> None:
    server, folder = storing
    caller = tab(f"{server.url}/?transport={'websocket' if path == 'relay' else 'webrtc'}")
    caller.waits_for_sound(timeout_s=60)
    caller.listens_for(1200)
    caller.page.get_by_role("button", name="Stop").click()
    caller.waits_for_quiet(ms=500)
    caller.says("yes please")
    caller.waits_for_sound(since=caller.now(), timeout_s=60)
    caller.listens_for(2500)
    call_id = caller.call_id
    page = download(caller, tmp_path)
    caller.page.get_by_role("button", name="Disconnect").click()
    expect(caller.page.get_by_role("button", name="Connect")).to_be_visible()
    if path == "engine":
        check_answer(page, stored(folder, call_id))
    else:
        check(page, stored(folder, call_id), output_ms=0.0 if path == "page" else OUTPUT_MS)


@pytest.mark.parametrize("path", ["page"], indirect=True)
def test_the_pages_chunks_continue_after_a_reload(storing: tuple[Server, Path], tab: Tab, tmp_path: Path) -> None:
    server, folder = storing
    caller = tab(f"{server.url}/?transport=webrtc")
    caller.waits_for_sound(timeout_s=60)
    caller.listens_for(1500)
    before = download(caller, tmp_path)
    call_id = caller.call_id
    caller.page.reload()
    caller.waits_for_sound(timeout_s=60)
    caller.says("yes please")
    caller.listens_for(2000)
    after = download(caller, tmp_path)
    caller.page.get_by_role("button", name="Disconnect").click()
    expect(caller.page.get_by_role("button", name="Connect")).to_be_visible()
    track = stored(folder, call_id)
    first = start_of(before.agent, before.agent.spans()[0], track[:, 1])
    said = start_of(after.caller, after.caller.spans()[0], track[:, 0])
    assert first < said
    check(after, track, output_ms=0.0)

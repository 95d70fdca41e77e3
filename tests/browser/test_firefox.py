"""The main conversation in Firefox, on both transports, with real speech; Playwright drives no Firefox of Debian's."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import MICROPHONE, Server, spoken
from tests.browser.recording_reader import read_recording

pytestmark = [pytest.mark.browser, pytest.mark.speech, pytest.mark.realtime]
DRIVER = Path(__file__).parent / "firefox"
PATIENCE_S = 30
NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))


def _needed(condition: object, reason: str) -> None:
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def firefox() -> str:
    """Where Firefox is, with all that is needed to drive it."""
    path = os.environ.get("TRUNKLINE_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    _needed(path, "no Firefox found: install one, or name it in TRUNKLINE_FIREFOX")
    _needed(NODE, "no Node found")
    _needed((DRIVER / "node_modules").is_dir(), "puppeteer-core is missing: make .make/firefox")
    assert path is not None
    return path


@pytest.fixture(scope="module")
def sound_card() -> Iterator[dict[str, str]]:
    """The environment of a sound server that nobody listens to: Firefox's audio stands still without a sound card."""
    _needed(shutil.which("pulseaudio"), "no pulseaudio found, and Firefox needs something to sound on")
    with tempfile.TemporaryDirectory() as home:
        socket = Path(home) / "native"
        modules = ["module-null-sink", f"module-native-protocol-unix socket={socket} auth-anonymous=1"]
        environment = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home}
        server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *(f"--load={one}" for one in modules)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not socket.exists() and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            assert socket.exists(), "pulseaudio did not start"
            yield {**environment, "PULSE_SERVER": f"unix:{socket}"}
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture(scope="module")
def local_server() -> Iterator[Server]:
    """Its engine is reached on the machine's own address: without a real microphone, Firefox has no other."""
    running = Server(environment={"TRUNKLINE_ICE_LOOPBACK": "0"})
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize(("wish", "transport"), [("webrtc", "WebRTC"), ("websocket", "WebSocket")])
def test_a_caller_is_greeted_says_yes_and_is_handed_over(
    wish: str, transport: str, local_server: Server, firefox: str, sound_card: dict[str, str]
) -> None:
    seen = _converse(
        sound_card,
        firefox=firefox,
        url=f"{local_server.url}/?transport={wish}",
        microphone=MICROPHONE.read_text(),
        speech=base64.b64encode(spoken("yes please")).decode(),
        timeout_s=PATIENCE_S,
    )
    assert seen["errors"] == []
    assert seen["transport"] == transport
    assert "yes please" in seen["transcript"].lower()

    recorded = read_recording(io.BytesIO(base64.b64decode(seen["recording"])), "")
    (said,) = recorded.caller.spans()
    greeting, *answers = recorded.agent.spans(pause_ms=700)
    assert greeting[1] < said[0] < said[1] < answers[0][0]
    greeted_at = seen["heard"][0]
    late_ms = 1000  # as Firefox may play where the machine is busy
    assert said[0] - greeting[0] == pytest.approx(seen["spokeAt"] + 100 - greeted_at, abs=late_ms)


def _converse(environment: dict[str, str], **given: object) -> dict[str, Any]:
    done = subprocess.run(
        [NODE or "node", "converse.mjs"],
        cwd=DRIVER,
        env=environment,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen

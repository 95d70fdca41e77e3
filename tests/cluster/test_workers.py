"""`trunkline serve --workers` in real processes: calls on any worker, deaths, signals."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import websockets
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from numpy.typing import NDArray

import trunkline
from tests.ports import free_port
from tests.synthetic_caller import said
from tests.test_cli import Process
from trunkline.engine.transports.webrtc import only_loopback

pytestmark = [
    pytest.mark.speech,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc"),
]
CALLS = 8
Samples = NDArray[np.int16]
END_S = 60.0
START_S = 150.0
"""The time limit of a start: three interpreters that import the whole application."""
ECHO = """
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario, say

rehearsal = Rehearsal()

@rehearsal.plays("host")
async def host(caller: Caller) -> Lines:
    yield say("Welcome.")
    while True:
        said = await caller.says()
        if said.text == "a long story":
            yield say(STORY)
            continue
        yield say(f"You said {said.text}.")

STORY = " ".join(f"This is sentence number {number} of a long story." for number in range(1, 15))
scenario = Scenario("echo", agents=[RealtimeAgent(name="host")], rehearsal=rehearsal)
"""


class Workers:
    """A server with two workers."""

    def __init__(self, folder: Path, *options: str, scenario: str = ECHO, **variables: str) -> None:
        (folder / "echo.py").write_text(scenario)
        self.port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {
            **kept,
            "PYTHONPATH": str(Path(trunkline.__file__).parents[1]),
            "PYTHONUNBUFFERED": "1",
            "TRUNKLINE_STT": "sphinx",
            "TRUNKLINE_TTS": "espeak",
            "TRUNKLINE_ICE_LOOPBACK": "true",
            "TRUNKLINE_DATA_DIR": str(folder / "data"),
            **variables,
        }
        command = ("serve", "echo.py", "--port", str(self.port), "--provider", "local", "--workers", "2", *options)
        self.server = Process(*command, environment=environment, folder=folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until_ready(self) -> None:
        """Wait until both workers accept calls."""
        self.until_started()
        self.server.waits_for(lambda: self._answers() == [200] * 10, START_S)

    def until_started(self) -> None:
        """Wait until all processes have started."""
        self.server.waits_for(lambda: "with 2 workers" in self.server.output, START_S)

    def _answers(self) -> list[int]:
        return [httpx2.get(f"{self.url}/api/ready", trust_env=False).status_code for _ in range(10)]

    def worker_of(self, call_id: str) -> str:
        """Return the worker that started a call."""
        self.server.waits_for(lambda: f"call.started call={call_id}" in self.server.output, 10)
        found = re.search(rf'call\.started call={call_id} .*process="(worker [12])"', self.server.output)
        assert found, self.server.output
        return found.group(1)

    def pid(self, name: str) -> int:
        """Return the process that the log names, the latest of this name."""
        return int(re.findall(rf'process\.started process="?{name}"? pid=(\d+)', self.server.output)[-1])


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """A server for the tests that leave it running."""
    running = Workers(tmp_path_factory.mktemp("workers"))
    try:
        running.until_ready()
        yield running
    finally:
        running.server.close()


@pytest.fixture(autouse=True)
def output_of_server(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the server's log of each test; pytest shows it if the test fails."""
    names = {"workers", "started"} & set(request.fixturenames)
    running: Workers | None = request.getfixturevalue(names.pop()) if names else None
    begin = 0 if running is None else len(running.server.output)
    yield
    if running is not None:
        sys.stdout.write(running.server.output[begin:])


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Workers]:
    """A server for one test, which ends it."""
    running = Workers(tmp_path)
    try:
        running.until_started()
        yield running
    finally:
        running.server.close()


async def one_call(url: str, number: int) -> str:
    """Start a call, connect its page over another connection, say something, and return the answer."""
    call = await start(url)
    async with page(url, call) as socket:
        await message(socket)
        await socket.send(json.dumps({"type": "say", "text": f"number {number}"}))
        return await message(socket)


async def start(url: str, **wanted: Any) -> dict[str, Any]:
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        answer = await http.post("/api/calls", json={"scenario": "echo", **wanted})
        assert answer.status_code == 201, answer.text
        started: dict[str, Any] = answer.json()
        return started


def page(url: str, call: dict[str, Any]) -> websockets.connect:
    return websockets.connect(page_address(url, call), proxy=None, max_size=None, max_queue=None)


def page_address(url: str, call: dict[str, Any]) -> str:
    return f"{url.replace('http', 'ws')}/api/calls/{call['call_id']}?leg={call['leg_id']}"


async def message(socket: websockets.ClientConnection) -> str:
    """Return the agent's next message."""
    async with asyncio.timeout(30):
        while True:
            frame = await socket.recv()
            if isinstance(frame, str):
                event = json.loads(frame)
                if event["kind"] == "message.done" and event["role"] == "assistant":
                    return str(event["text"])


async def test_eight_calls_over_the_relay_reach_their_workers(workers: Workers) -> None:
    answers = await asyncio.gather(*(one_call(workers.url, number) for number in range(CALLS)))
    assert answers == [f"You said number {number}." for number in range(CALLS)]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists the sockets of a process.")
async def test_the_connection_of_a_page_belongs_to_the_worker_of_its_call(workers: Workers) -> None:
    """A connection that another worker has accepted is passed on, so that no frame passes two processes."""
    for _ in range(6):
        call = await start(workers.url)
        async with page(workers.url, call) as socket:
            await message(socket)
            owner = workers.pid(workers.worker_of(call["call_id"]))
            client_port = socket.local_address[1]
            assert inode_of_connection(workers.port, client_port) in sockets_of(owner)


async def test_a_page_is_answered_although_the_worker_of_its_call_is_stopped(workers: Workers) -> None:
    """A connection that was given to that worker would wait for it.

    The answer is the call, taken over, or 503: a worker that is stopped in a transaction keeps SQLite locked.
    """
    call = await start(workers.url)
    async with page(workers.url, call) as socket:
        await message(socket)
    stopped = workers.pid(workers.worker_of(call["call_id"]))
    os.kill(stopped, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            assert await status_of(page_address(workers.url, call)) in (101, 503)
    finally:
        os.kill(stopped, signal.SIGCONT)


async def status_of(address: str) -> int:
    """Return the status of the answer to a WebSocket's handshake, however late it comes."""
    try:
        async with websockets.connect(address, proxy=None, open_timeout=None):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


def inode_of_connection(port: int, client_port: int) -> str:
    """Return the inode of the server's side of a connection over IPv4 loopback."""
    ends = f":{port:04X}", f":{client_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (fields[1][-5:], fields[2][-5:]) == ends:
            return fields[9]
    raise AssertionError("the connection is closed")


def sockets_of(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if (target := str(descriptor.readlink())).startswith("socket:["):
                found.add(target[8:-1])
    return found


async def test_eight_calls_over_webrtc_reach_their_workers(workers: Workers) -> None:
    await asyncio.gather(*(webrtc_call(workers.url) for _ in range(CALLS)))


async def webrtc_call(url: str) -> None:
    """Hold a call over WebRTC until the agent is audible."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    try:
        with only_loopback():
            await peer.setLocalDescription(await peer.createOffer())
        call = await start(url, transport="webrtc", sdp=peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(call["sdp"], "answer"))
        async with page(url, call) as socket:
            await socket.send('{"type": "media_ready"}')
            async with asyncio.timeout(30):
                while json.loads(await socket.recv())["kind"] != "audio.started":
                    pass
    finally:
        await peer.close()


@pytest.mark.parametrize("name", ["worker 1", "engine"])
async def test_a_process_that_dies_is_started_again_and_calls_are_answered(workers: Workers, name: str) -> None:
    dead = workers.pid(name)
    os.kill(dead, signal.SIGKILL)
    workers.server.waits_for(lambda: workers.pid(name) != dead, START_S)
    assert re.search(rf'ERROR: process\.died process="?{name}"? exit_code=-9', workers.server.output)
    workers.until_ready()
    answers = await asyncio.gather(*(one_call(workers.url, number) for number in range(CALLS)))
    assert answers == [f"You said number {number}." for number in range(CALLS)]


@pytest.mark.quiet
async def test_the_agent_speaks_again_soon_after_its_worker_was_killed(workers: Workers) -> None:
    call = await start(workers.url)
    async with page(workers.url, call) as socket:
        await message(socket)
        await socket.send('{"type": "say", "text": "a long story"}')
        seen = await audio(socket)
        owner = re.findall(rf'call\.started call={call["call_id"]} .*process="(worker \d)"', workers.server.output)
        os.kill(workers.pid(owner[0]), signal.SIGKILL)
        killed_at = time.monotonic()
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                seen = sequence_of(await socket.recv()) or seen
    kinds = []
    async with redialled(workers.url, call, seen) as socket, asyncio.timeout(30):
        while isinstance(frame := await socket.recv(), str):
            kinds.append(json.loads(frame)["kind"])
        silent_s = time.monotonic() - killed_at
        await socket.send('{"type": "say", "text": "and then"}')
        assert await answer_with(socket, "and then") == "You said and then."
    assert kinds.count("call.taken_over") == 1
    assert "call.started" not in kinds
    assert silent_s < 2.0
    workers.until_ready()


async def test_a_worker_that_gets_sigterm_hands_its_call_to_the_other_one(workers: Workers) -> None:
    call = await start(workers.url)
    owner = workers.worker_of(call["call_id"])
    stopping = workers.pid(owner)
    seen, kinds = 0, []
    async with page(workers.url, call) as socket:
        await message(socket)
        await socket.send('{"type": "say", "text": "good morning"}')
        assert await answer_with(socket, "good morning") == "You said good morning."
        os.kill(stopping, signal.SIGTERM)
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                if isinstance(frame := await socket.recv(), str):
                    seen = sequence_of(frame) or seen
                    kinds.append(json.loads(frame)["kind"])
        assert socket.close_code == 1012
    assert kinds[-1] == "call.handed_over"
    async with redialled(workers.url, call, seen) as socket, asyncio.timeout(30):
        numbers = []
        while (event := json.loads(await socket.recv()))["kind"] != "call.taken_over":
            numbers.append(event["seq"])
        assert (event["cause"], event["seq"]) == ("handed_over", seen + 1)
        assert not any(numbers)
        await socket.send('{"type": "say", "text": "and then"}')
        assert await answer_with(socket, "and then") == "You said and then."
    workers.server.waits_for(lambda: workers.pid(owner) != stopping, START_S)
    assert re.search(rf"INFO: call\.handed_over call={call['call_id']} released=true", workers.server.output)
    workers.until_ready()


async def audio(socket: websockets.ClientConnection) -> int:
    """Wait for a second of the agent's audio; return the number of the last event before that."""
    seen = heard = 0
    async with asyncio.timeout(30):
        while heard < 48_000:
            frame = await socket.recv()
            seen = sequence_of(frame) or seen
            heard += len(frame) if isinstance(frame, bytes) else 0
    return seen


def sequence_of(frame: str | bytes) -> int:
    """Return the number of an event; 0 for audio and for frames that are not in the log."""
    return int(json.loads(frame)["seq"]) if isinstance(frame, str) else 0


async def answer_with(socket: websockets.ClientConnection, words: str) -> str:
    """Return the agent's next message with these words."""
    while words not in (said := await message(socket)):
        pass
    return said


@contextlib.asynccontextmanager
async def redialled(url: str, call: dict[str, Any], after: int) -> AsyncIterator[websockets.ClientConnection]:
    """Connect again as the console's page does: after 0.3 s, then after twice as long each time."""
    async with asyncio.timeout(30):
        for attempt in itertools.count():
            await asyncio.sleep(min(5.0, 0.3 * 2**attempt))
            with contextlib.suppress(OSError, websockets.InvalidHandshake):
                address = f"{url.replace('http', 'ws')}/api/calls/{call['call_id']}?leg={call['leg_id']}&after={after}"
                socket = await websockets.connect(address, proxy=None, max_size=None, max_queue=None)
                break
    async with socket:
        yield socket


async def test_calls_of_the_other_worker_continue_when_one_dies(workers: Workers) -> None:
    calls: dict[str, dict[str, Any]] = {}
    """A call of each worker."""
    while len(calls) < 2:  # either worker may take a call
        call = await start(workers.url)
        calls[workers.worker_of(call["call_id"])] = call
    async with page(workers.url, calls["worker 2"]) as socket:
        await message(socket)
        os.kill(workers.pid("worker 1"), signal.SIGKILL)
        if await still_answers(socket):
            return
    async with page(workers.url, calls["worker 2"]) as socket:  # the former one passed through the dead worker
        assert await still_answers(socket)


async def still_answers(socket: websockets.ClientConnection) -> bool:
    """Return whether the agent still answers on a page."""
    try:
        await socket.send('{"type": "say", "text": "are you there"}')
        while await message(socket) != "You said are you there.":
            pass  # a message before the question: a page that comes back gets the whole log
    except websockets.ConnectionClosed:
        return False
    return True


async def test_the_log_names_the_worker_of_a_call(workers: Workers) -> None:
    await one_call(workers.url, 1)
    assert re.search(r'call\.started .* process="worker [12]"', workers.server.output)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_a_signal_ends_all_processes(started: Workers, number: signal.Signals, code: int) -> None:
    os.killpg(started.server.process.pid, number)  # as a terminal does for Ctrl-C
    assert started.server.process.wait(END_S) == code
    assert left_behind(started) == []
    assert "Traceback" not in started.server.output


def test_all_processes_end_when_the_server_is_killed(started: Workers) -> None:
    started.server.process.kill()
    started.server.process.wait()
    assert left_behind(started) == []


def left_behind(workers: Workers) -> list[str]:
    """Return the processes that still run some time after the server."""
    until = time.monotonic() + 20
    while (left := workers.server.left_behind()) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def test_a_server_that_cannot_start_says_why_and_ends(tmp_path: Path) -> None:
    refused = Workers(tmp_path, "--reload")
    try:
        assert refused.server.process.wait(60) == 2
        assert "leave --workers out" in refused.server.output
    finally:
        refused.server.close()


@pytest.mark.realtime
async def test_a_sentence_is_answered_and_recorded_although_its_worker_was_killed(workers: Workers) -> None:
    speech = await said("yes please, I would like to know more about it") + bytes(2 * 48_000)
    half = len(speech) // 3 // FRAME_BYTES * FRAME_BYTES
    call = await start(workers.url)
    async with page(workers.url, call) as socket:
        await message(socket)
        await asyncio.sleep(2)  # the greeting plays
        await socket.send('{"type": "audio_from", "position": 0}')
        speaking = asyncio.create_task(speaks(socket, speech[:half]))
        started = await event_of(socket, "speech.started")
        seen = started["seq"]
        await speaking
        os.kill(workers.pid(workers.worker_of(call["call_id"])), signal.SIGKILL)
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                seen = sequence_of(await socket.recv()) or seen
    async with redialled(workers.url, call, seen) as socket:
        begin = 2 * (await event_of(socket, "leg.role"))["audio_position"]
        late_ms = (half - begin) // 48
        await socket.send(json.dumps({"type": "audio_from", "position": begin // 2, "late_ms": late_ms}))
        await socket.send(speech[begin:half])
        speaking = asyncio.create_task(speaks(socket, speech[half:]))
        while "status" in (heard := await event_of(socket, "message.done", role="user")):
            pass  # it failed, since a busy machine did not hear it in time: the next one has the words
        await answer_with(socket, heard["text"])
        await speaking
        await asyncio.sleep(2)  # the answer plays
        await socket.send('{"type": "hang_up"}')
    workers.until_ready()  # the next process stores the audio of the dead one
    caller, agent, duration_ms = await recording(workers.url, call["call_id"], before_ms=started["at_ms"])
    assert len(caller) / 24 == pytest.approx(duration_ms, abs=200)
    (loud,) = np.nonzero(np.abs(caller.astype(np.int32)) > 1000)
    assert agent[: loud[0]].max() > 1000
    assert agent[loud[-1] :].max() > 1000


FRAME_BYTES = 960


async def speaks(socket: websockets.ClientConnection, pcm: bytes) -> None:
    """Send audio in real time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(0, len(pcm), FRAME_BYTES):
        await socket.send(pcm[at : at + FRAME_BYTES])
        await asyncio.sleep(max(0.0, began + (at + FRAME_BYTES) / 48_000 - loop.time()))


async def event_of(socket: websockets.ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    """Return the next event of a kind, with these fields."""
    async with asyncio.timeout(30):
        while True:
            frame = await socket.recv()
            if isinstance(frame, str):
                event: dict[str, Any] = json.loads(frame)
                if event["kind"] == kind and fields.items() <= event.items() and not event.get("hidden"):
                    return event


async def recording(url: str, call_id: str, before_ms: int) -> tuple[Samples, Samples, int]:
    """Return the recorded voices of the caller and the agent, and the duration of the call.

    Args:
        before_ms: wait until the agent is audible before this time, in the audio of the dead worker.
    """
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http, asyncio.timeout(60):
        while True:
            summary = (await http.get(f"/api/calls/{call_id}")).json()
            answer = await http.get(f"/api/calls/{call_id}/audio?format=wav")
            samples = np.frombuffer(answer.content[44:], "<i2").reshape(-1, 2) if answer.status_code == 200 else None
            if summary["status"] == "ended" and samples is not None and samples[: 24 * before_ms, 1].any():
                return samples[:, 0], samples[:, 1], summary["duration_ms"]
            await asyncio.sleep(0.2)

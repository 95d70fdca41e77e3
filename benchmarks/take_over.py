"""Take-over of a call after the death of its server: `python benchmarks/take_over.py [--rounds 5] [--database URL]`.

`trunkline serve --workers 2` runs two servers and one engine process for both, with SQLite or the given Postgres. In
each round a caller listens to an answer of ten seconds. Its server is killed after two seconds, and the page connects
again as the console's does: after 150 to 300 ms, then after twice as long each time. The script prints the time from
the kill until another server owns the call. The floor is the same call without a kill, in the same run.

- Over WebRTC: the longest silence in the answer as the caller hears it. The voice itself is never silent in it.
- Over the relay the page has the whole answer before the kill, and plays it. So the caller asks again as soon as the
  page is connected. The figure is the time from the kill to the audio of the next answer; without a kill, from the
  question.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import websockets
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from shared.serve_command import until_ready

from trunkline.engine.transports.webrtc import only_loopback

SCENARIO = """
from agents.realtime import RealtimeAgent
from trunkline import Caller, Lines, Rehearsal, Scenario, say

rehearsal = Rehearsal()

@rehearsal.plays("host")
async def host(caller: Caller) -> Lines:
    yield say("Welcome.")
    while True:
        await caller.says()
        yield say(LONG)

LONG = " ".join(["one"] * 40)

scenario = Scenario("story", agents=[RealtimeAgent(name="host")], rehearsal=rehearsal)
"""
TRANSPORTS = ("webrtc", "websocket")
KILL_AFTER_S = 2.0
RATE, BLOCK_MS = 24_000, 20
BLOCK_BYTES = RATE * 2 * BLOCK_MS // 1000
QUIET = 100.0
"""RMS of PCM16 below which a block is silent."""
SETTLED_S = 3.0
"""Silence after which an answer is over; no gap was ever that long."""


class Servers:
    """Two servers and an engine, in a session of their own."""

    def __init__(self, folder: Path, port: int, database: str | None) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log.txt"
        (folder / "story.py").write_text(SCENARIO)
        self._environment = {
            **os.environ,
            "TRUNKLINE_STT": "sphinx",
            "TRUNKLINE_TTS": "espeak",
            "TRUNKLINE_ICE_LOOPBACK": "true",
            "TRUNKLINE_DATA_DIR": str(folder / "data"),
            **({"TRUNKLINE_DATABASE_URL": database} if database else {}),
        }
        serve = ("serve", "story.py", "--port", str(port), "--provider", "local", "--workers", "2")
        self._command = (sys.executable, "-m", "trunkline.cli", *serve)
        self._folder = folder

    @property
    def log(self) -> str:
        """The output of all processes so far."""
        return self._log.read_text()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them inside the `with` block."""
        with self._log.open("w") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                yield
            finally:
                process.terminate()
                await process.wait()

    async def until_ready(self) -> None:
        """Wait until both servers accept calls."""
        await until_ready(self.url, answers=10, timeout_s=180)  # either server may answer
        await asyncio.sleep(2)  # the databases of both are open, and the machine is quiet

    async def line(self, pattern: str) -> re.Match[str]:
        """Wait for a line of the log."""
        async with asyncio.timeout(30):
            while (found := re.search(pattern, self.log)) is None:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        return found

    async def kill_owner(self, call_id: str) -> float:
        """Kill the server of a call; return the time of the wall clock in seconds."""
        owner = await self.line(rf'call\.started call={call_id} .*process="(worker \d)"')
        pid = int(re.findall(rf'process\.started process="{owner[1]}" pid=(\d+)', self.log)[-1])
        os.kill(pid, signal.SIGKILL)
        return time.time()

    async def owned_at(self, call_id: str) -> float:
        """Return the time at which another server has taken the call over, by the wall clock in seconds."""
        found = await self.line(rf"(\S+Z) \w+: call\.taken_over call={call_id}")
        return datetime.fromisoformat(found[1]).timestamp()


@dataclass
class Ear:
    """The levels that the caller hears, in blocks of 20 ms, with the time at which each is played."""

    blocks: list[tuple[float, float]] = field(default_factory=list)
    _ends_s: float = 0.0
    _rest: bytes = b""

    def plays(self, pcm: bytes) -> None:
        """Queue audio behind the audio that plays, as the relay's page does; without a queue it plays at once."""
        self._ends_s = max(self._ends_s, time.monotonic())
        self._rest += pcm
        while len(self._rest) >= BLOCK_BYTES:
            block, self._rest = self._rest[:BLOCK_BYTES], self._rest[BLOCK_BYTES:]
            self.blocks.append((self._ends_s, level(block)))
            self._ends_s += BLOCK_MS / 1000

    def clears(self) -> None:
        """Drop the audio that has not been played."""
        now = time.monotonic()
        self.blocks = [block for block in self.blocks if block[0] <= now]
        self._ends_s, self._rest = now, b""

    @property
    def last_sound_s(self) -> float:
        """The time of the latest sound; 0 before the first."""
        return max((at for at, loudness in self.blocks if loudness > QUIET), default=0.0)

    def longest_silence_ms(self) -> float:
        """Return the longest silence in ms between the first sound and the last."""
        sounds = sorted(at for at, loudness in self.blocks if loudness > QUIET)
        return 1000 * max((later - earlier for earlier, later in itertools.pairwise(sounds)), default=0.0) - BLOCK_MS


def level(pcm: bytes) -> float:
    """Return the RMS of PCM16."""
    return float(np.sqrt(np.mean(np.frombuffer(pcm, np.int16).astype(np.float64) ** 2)))


class Caller:
    """A caller with a page, over the relay or over WebRTC."""

    def __init__(self, url: str, transport: str) -> None:
        self._url, self._transport = url, transport
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.ear = Ear()
        self.call_id = ""
        self._query = ""
        self._seen = 0
        self._socket: websockets.ClientConnection | None = None

    @contextlib.asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Hold a call inside the `with` block."""
        wanted: dict[str, Any] = {"scenario": "story", "transport": self._transport}
        async with asyncio.TaskGroup() as tasks:
            if self._transport == "webrtc":
                self._peer.addTrack(AudioStreamTrack())
                self._peer.on("track", lambda track: tasks.create_task(self._listen(track)))
                with only_loopback():
                    await self._peer.setLocalDescription(await self._peer.createOffer())
                wanted["sdp"] = self._peer.localDescription.sdp
            async with httpx2.AsyncClient(base_url=self._url, trust_env=False, timeout=30) as http:
                started = (await http.post("/api/calls", json=wanted)).json()
            self.call_id, self._query = started["call_id"], f"leg={started['leg_id']}"
            if "sdp" in started:
                await self._peer.setRemoteDescription(RTCSessionDescription(started["sdp"], "answer"))
            page = tasks.create_task(self._stay_connected())
            try:
                yield
            finally:
                page.cancel()
                async with httpx2.AsyncClient(base_url=self._url, trust_env=False, timeout=30) as http:
                    await http.delete(f"/api/calls/{self.call_id}?{self._query}")
                await self._peer.close()

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame: Any = await track.recv()
                mono = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                self.ear.blocks.append((time.monotonic(), level(mono.astype("<i2").tobytes())))

    async def _stay_connected(self) -> None:
        attempts = 0
        while True:
            with contextlib.suppress(OSError, websockets.InvalidHandshake, websockets.ConnectionClosed):
                address = f"{self._url.replace('http', 'ws')}/api/calls/{self.call_id}?{self._query}&after={self._seen}"
                async with websockets.connect(address, proxy=None, max_size=None, max_queue=None) as socket:
                    self._socket = socket
                    if self._transport == "webrtc":
                        await socket.send('{"type": "media_ready"}')
                    async for frame in socket:
                        attempts = 0
                        self._on_frame(frame)
            await asyncio.sleep(min(5.0, 0.3 * 2**attempts) * random.uniform(0.5, 1.0))
            attempts += 1

    def _on_frame(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            self.ear.plays(frame)
            return
        event = json.loads(frame)
        self._seen = event["seq"] or self._seen
        if event["kind"] == "audio.cleared" and self._transport == "websocket":
            self.ear.clears()

    async def asks(self) -> None:
        """Ask for an answer."""
        assert self._socket is not None  # the page has been connected
        await self._socket.send('{"type": "say", "text": "and then"}')

    async def hears(self) -> None:
        """Wait until the answer is heard."""
        while not self.ear.last_sound_s:  # noqa: ASYNC110 - the levels have no event
            await asyncio.sleep(0.005)

    async def hears_more(self) -> None:
        """Wait until more audio arrives."""
        arrived = len(self.ear.blocks)
        while len(self.ear.blocks) == arrived:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)

    async def connects_again(self) -> None:
        """Wait until the page has another socket."""
        former = self._socket
        while self._socket is former:  # noqa: ASYNC110 - the new connection has no event
            await asyncio.sleep(0.005)

    async def hears_the_end(self) -> None:
        """Wait until the answer is over."""
        while time.monotonic() - self.ear.last_sound_s < SETTLED_S:  # noqa: ASYNC110 - the levels have no event
            await asyncio.sleep(0.05)


async def one_round(servers: Servers, transport: str, *, kills: bool) -> tuple[float, float]:
    """Hold one call; return the time from the kill to the new owner, and the caller's figure, both in ms."""
    await servers.until_ready()
    caller = Caller(servers.url, transport)
    owned_ms = 0.0
    async with asyncio.timeout(120), caller.calling():
        await caller.hears()
        await caller.hears_the_end()
        caller.ear = Ear()
        await caller.asks()
        await caller.hears()
        await asyncio.sleep(KILL_AFTER_S)
        began_s = time.monotonic()
        if kills:
            killed_at = await servers.kill_owner(caller.call_id)
            await caller.connects_again()
        if transport == "websocket":
            await caller.asks()
            await caller.hears_more()
        answered_ms = 1000 * (time.monotonic() - began_s)
        if kills:
            owned_ms = 1000 * (await servers.owned_at(caller.call_id) - killed_at)
        if transport == "webrtc":
            await caller.hears_the_end()
    return owned_ms, caller.ear.longest_silence_ms() if transport == "webrtc" else answered_ms


async def measure(rounds: int, database: str | None, transports: Sequence[str]) -> None:
    """Measure the transports, and print the medians and the worst values."""
    with tempfile.TemporaryDirectory() as folder:
        servers = Servers(Path(folder), 8700 + os.getpid() % 1000, database)
        async with servers.running():
            for transport in transports:
                floor = [(await one_round(servers, transport, kills=False))[1] for _ in range(rounds)]
                killed = [await one_round(servers, transport, kills=True) for _ in range(rounds)]
                owned, found = [one[0] for one in killed], [one[1] for one in killed]
                what = "longest silence" if transport == "webrtc" else "until the next answer"
                print(f"{transport}, {rounds} calls whose server is killed, and as many without a kill")
                print(f"  from the kill until owned  {statistics.median(owned):.0f} ms, worst {max(owned):.0f}")
                print(f"  {what:<25}  {statistics.median(found):.0f} ms, worst {max(found):.0f}")
                print(f"  the same without a kill    {statistics.median(floor):.0f} ms, worst {max(floor):.0f}")
                print(f"  ratio of the medians       {statistics.median(found) / statistics.median(floor):.1f}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database", help="a URL of Postgres; by default SQLite in a temporary folder")
    parser.add_argument("--transports", nargs="+", choices=TRANSPORTS, default=TRANSPORTS)
    given = parser.parse_args()
    asyncio.run(measure(given.rounds, given.database, given.transports))


if __name__ == "__main__":
    main()

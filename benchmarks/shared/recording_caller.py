"""A caller on the relay with a recording of the received audio on their own clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import websockets

RATE = 24_000
FRAME_S = 0.02
LOUD_RMS = 150.0
"""Level above which a frame of 20 ms is heard: -47 dB."""
GIVEN_UP_AFTER_S = 3.0
"""Time without audio after which a call that waits for its caller has given up the answer."""
SILENCE = bytes(2 * round(RATE * FRAME_S))


class RecordingCaller:
    """A caller with a silent microphone, and typed messages.

    Attributes:
        events: the log's events, with the time of their arrival.
        closed_at: the time at which the server closed the socket; None while it is open.
    """

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._began = time.monotonic()
        self._recording = np.zeros(0, dtype="<i2")
        self._ends_at = 0.0
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.closed_at: float | None = None

    def now(self) -> float:
        """Return the seconds since the beginning of the recording."""
        return time.monotonic() - self._began

    async def type(self, text: str) -> None:
        """Send a message."""
        await self._socket.send(json.dumps({"type": "say", "text": text}))

    async def until(self, condition: Callable[[], object], within_s: float) -> bool:
        """Wait for a condition, or for the end of the call; return whether it came true."""
        until = self.now() + within_s
        while not condition():
            if self.closed_at is not None or self.now() > until:
                return False
            await asyncio.sleep(0.02)
        return True

    def said(self, words: str, since: float = 0.0) -> float | None:
        """Return the time at which an agent's message with these words was complete; None before."""
        for at, event in self.events:
            if at >= since and event["kind"] == "message.done" and words in (event.get("text") or ""):
                return at
        return None

    def started(self, kind: str, since: float = 0.0) -> int:
        """Return the number of events of a kind."""
        return sum(at >= since and event["kind"] == kind for at, event in self.events)

    def longest_silence(self, since: float, until: float) -> float:
        """Return the longest time without audible sound, in seconds."""
        heard = [at for at in self._loud_frames() if since <= at <= until]
        marks = [since, *heard, until]
        return max(later - earlier for earlier, later in pairwise(marks))

    def first_sound(self, since: float) -> float | None:
        """Return the time of the first audible sound after a time."""
        return next((at for at in self._loud_frames() if at >= since), None)

    @property
    def is_quiet(self) -> bool:
        """True if all received audio has been played."""
        return self.now() > self._ends_at

    def given_up(self, since: float) -> float | None:
        """Return the time at which nothing follows: the call waits for its caller, and all audio was played."""
        waits = [(at, event) for at, event in self.events if event["kind"] == "turn.waiting" and at > since]
        if len(waits) < 2 or waits[-1][1].get("for") != "caller":  # the question ends the wait for the caller
            return None
        at = max(waits[-1][0], self._ends_at)
        return at if self.now() - at > GIVEN_UP_AFTER_S else None

    def save(self, file: Path) -> None:
        """Write the recording as a WAV file."""
        with wave.open(str(file), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(self._recording.tobytes())

    async def run(self) -> None:
        """Play and record until the socket closes."""
        speaking = asyncio.create_task(self._speak())
        try:
            async for frame in self._socket:
                if isinstance(frame, bytes):
                    self._play(frame)
                    continue
                event = json.loads(frame)
                self.events.append((self.now(), event))
                if event["kind"] == "audio.cleared" or (event["kind"] == "filler.done" and event.get("interrupted")):
                    self._drop_queue()
        except websockets.ConnectionClosed:
            pass
        finally:
            speaking.cancel()
            self.closed_at = self.now()

    async def _speak(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self._socket.send(SILENCE)
                await asyncio.sleep(FRAME_S)

    def _play(self, pcm: bytes) -> None:
        """Play audio after the queued audio, as a page does."""
        samples = np.frombuffer(pcm, "<i2")
        start = max(self.now(), self._ends_at)
        first = round(start * RATE)
        missing = first + len(samples) - len(self._recording)
        if missing > 0:
            self._recording = np.concatenate([self._recording, np.zeros(missing + RATE, dtype="<i2")])
        self._recording[first : first + len(samples)] = samples
        self._ends_at = start + len(samples) / RATE

    def _drop_queue(self) -> None:
        now = self.now()
        if self._ends_at > now:
            self._recording[round(now * RATE) : round(self._ends_at * RATE) + 1] = 0
            self._ends_at = now

    def _loud_frames(self) -> Iterator[float]:
        size = round(RATE * FRAME_S)
        whole = self._recording[: len(self._recording) // size * size].reshape(-1, size).astype(np.float64)
        for index in np.flatnonzero(np.sqrt((whole**2).mean(axis=1)) > LOUD_RMS):
            yield float(index) * FRAME_S


@asynccontextmanager
async def calling(url: str, scenario: str) -> AsyncIterator[RecordingCaller]:
    """Start a call, and record it."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=90) as http:
        answer = await http.post("/api/calls", json={"scenario": scenario, "transport": "websocket"})
        started = answer.raise_for_status().json()
    address = f"{url.replace('http', 'ws', 1)}/api/calls/{started['call_id']}?leg={started['leg_id']}"
    async with websockets.connect(address, proxy=None, max_size=None, max_queue=None) as socket:
        caller = RecordingCaller(socket)
        running = asyncio.create_task(caller.run())
        try:
            yield caller
        finally:
            running.cancel()
            await asyncio.wait({running})

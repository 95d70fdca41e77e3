"""A caller on the relay whose microphone hears the loudspeaker, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from agents.realtime import RealtimeAgent
from numpy.typing import NDArray

from trunkline import Caller, Lines, Rehearsal, Scenario
from trunkline.calls.call import Call
from trunkline.calls.log import Entry
from trunkline.calls.log_events import AudioCleared, AudioStarted, LogEvent
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.speech import SpeechChunk
from trunkline.testing.caller_playout import CallerPlayout
from trunkline.testing.in_memory_provider import InMemoryProvider

FRAME_MS = 20
Samples = NDArray[np.float64]


class EchoLine:
    """The caller's side of a call: a loudspeaker, and a microphone with an echo of it.

    Args:
        gain_db: the level of the echo, relative to the loudspeaker.
        delay_ms: the time from the loudspeaker to the microphone.
    """

    def __init__(self, call: Call, gain_db: float, delay_ms: float) -> None:
        self.call = call
        self._loop = asyncio.get_running_loop()
        self._gain = 10 ** (gain_db / 20)
        self._delay_ms = delay_ms
        self._speech: deque[Samples] = deque()
        self._random = np.random.default_rng(1)
        self.playout = CallerPlayout(self.now_ms, self._report, records_audio=True)
        self.events: list[tuple[float, LogEvent]] = []
        call.log.subscribe(self._on_entry)
        call.attach(self.playout, call.leg.leg_id, after=0)
        self.command(type="audio_report", echo_cancelled=False)

    def now_ms(self) -> float:
        return self._loop.time() * 1000

    def count(self, kind: type[LogEvent]) -> int:
        return sum(isinstance(event, kind) for _at_ms, event in self.events)

    def command(self, **fields: object) -> None:
        self.call.command(self.playout, json.dumps(fields))

    def speak(self, pcm: bytes) -> None:
        """Say PCM16 at 24 kHz into the microphone."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        size = FRAME_MS * 24
        self._speech.extend(samples[start : start + size] for start in range(0, len(samples) - size, size))

    async def run(self) -> None:
        """Send a frame every 20 ms, until cancelled."""
        while True:
            now = self.now_ms()
            # The room has some noise of its own.
            frame = self._random.standard_normal(FRAME_MS * 24) * 8
            frame += self._gain * self._played(now - self._delay_ms - FRAME_MS)
            if self._speech:
                frame += self._speech.popleft()
            self.call.receive_audio(self.playout, np.clip(frame, -32768, 32767).astype("<i2").tobytes())
            await asyncio.sleep(FRAME_MS / 1000)

    async def until_quiet(self) -> None:
        """Wait until the agent has spoken, and its echo is over."""
        while True:
            await asyncio.sleep(0.1)
            if self.playout.segments and self.playout.end_ms < self.now_ms() - 1000 - self._delay_ms:
                return

    def _played(self, from_ms: float) -> Samples:
        """Return the 20 ms that the loudspeaker played from a time on."""
        out = np.zeros(FRAME_MS * 24)
        for segment in self.playout.segments[-3:]:
            start = round((from_ms - segment.start_ms) * 24)
            audio = np.frombuffer(bytes(segment.pcm[max(start, 0) * 2 : (start + len(out)) * 2]), "<i2")
            at = max(-start, 0)
            out[at : at + len(audio)] += audio[: max(len(out) - at, 0)]
        return out

    def _on_entry(self, entry: Entry) -> None:
        self.events.append((self.now_ms(), entry.event))
        if isinstance(entry.event, AudioStarted):
            self.playout.on_audio_started(entry.event.item_id)
        elif isinstance(entry.event, AudioCleared):
            self.playout.on_audio_cleared()

    def _report(self, item_id: str, ms: int) -> None:
        if not self.call.is_over:
            self.command(type="played", item_id=item_id, ms=ms)


class RecordedVoice:
    """A voice that has the audio of each text: PCM16 at 24 kHz."""

    def __init__(self, audio: Mapping[str, bytes]) -> None:
        self._audio = audio

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        yield SpeechChunk(self._audio[text])

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def echo_line(audio: Mapping[str, bytes], *, gain_db: float, delay_ms: float) -> AsyncIterator[EchoLine]:
    """Start a call whose agent says the texts of `audio`, one for each message of the caller."""
    agent: RealtimeAgent[Any] = RealtimeAgent(name="reader", instructions="Read.")
    rehearsal = Rehearsal()

    @rehearsal.plays("reader")
    async def reader(caller: Caller) -> Lines:
        for text in audio:
            yield text
            await caller.says()

    scenario: Scenario[Any] = Scenario(
        "reading", agents=[agent], rehearsal=rehearsal, fillers=None, interruption="speech"
    )
    async with asyncio.TaskGroup() as tasks:
        provider = InMemoryProvider(
            lambda _model, _settings: RehearsalBrain(scenario, rehearsal), tasks, tts=RecordedVoice(audio)
        )
        call = Call(scenario, provider)
        running = tasks.create_task(call.run())
        line = EchoLine(call, gain_db, delay_ms)
        microphone = tasks.create_task(line.run())
        try:
            yield line
        finally:
            microphone.cancel()
            call.hang_up()
            await running

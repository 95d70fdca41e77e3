"""Processor time of a recorded call, beside the same call without a recording: `python benchmarks/recording.py`.

A process serves calls on the relay in memory: each caller sends a frame every 20 ms, as a browser does, and the agent
speaks half of the time; both use the speech that ships with the package. The calls run in real time, first without and
then with a recorder, in turns, and the difference of the process's time is the recording: placement, encoding and
storing in a folder, until the last segment is stored. The processor time of the recorder's thread is a part of it; the
rest is the loop's.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import resource
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from agents.realtime import RealtimeAgent

from trunkline import Scenario
from trunkline.calls.call import Call
from trunkline.calls.filler_audio import recording as filler_recording
from trunkline.calls.pages import Page
from trunkline.providers import Connection, ConnectionLostError
from trunkline.realtime import events
from trunkline.scenario.fillers import FillerKind
from trunkline.store.audio.open_segments import OpenSegments
from trunkline.store.audio.recorder import AudioRecorder, StoredAudio
from trunkline.store.audio.segment_store import open_segment_store
from trunkline.testing.in_memory_provider import InMemoryProvider

FRAME = 960
TURN_S = 6.0
LIMIT = 0.9
"""Percent of a core for each recorded call."""


def speech(seconds: float) -> bytes:
    """Return speech of the package's own recordings."""
    spoken = b"".join(filler_recording("en", kind) for kind in FillerKind)
    return (spoken * (int(seconds * 48_000 / len(spoken)) + 1))[: int(seconds * 48_000) & ~1]


class SpeakingConnection:
    """A session that speaks for three of every six seconds, and reads the events."""

    receive_count = None

    def __init__(self) -> None:
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._speaking: asyncio.Task[None] | None = None
        self._closed = False

    async def receive(self) -> bytes:
        """See `Connection.receive`."""
        frame = await self._frames.get()
        if not frame:
            raise ConnectionLostError("closed", 1000)
        return frame

    async def send(self, frame: str) -> None:
        """See `Connection.send`."""
        self.try_send(frame)

    def try_send(self, frame: str) -> bool:
        """See `Connection.try_send`."""
        if '"session.update"' in frame:
            self._put({"type": "session.updated", "session": events.decode(frame)["session"]})
            self._speaking = asyncio.create_task(self._speak())
        return True

    async def close(self) -> None:
        """See `Connection.close`."""
        self._closed = True
        if self._speaking is not None:
            self._speaking.cancel()
        self._frames.put_nowait(b"")

    async def _speak(self) -> None:
        answer = speech(3.0)
        for number in range(1_000_000):
            item = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "in_progress"}
            response = {"id": f"resp_{number}", "status": "in_progress"}
            self._put({"type": "response.created", "response": response})
            self._put(
                {"type": "response.output_item.added", "response_id": response["id"], "item": {**item, "content": []}}
            )
            for at in range(0, len(answer), 9600):
                delta = base64.b64encode(answer[at : at + 9600]).decode()
                self._put({"type": "response.output_audio.delta", "item_id": item["id"], "delta": delta})
            self._put({"type": "response.output_audio.done", "item_id": item["id"]})
            self._put({"type": "response.done", "response": {**response, "status": "completed"}})
            await asyncio.sleep(TURN_S)

    def _put(self, event: events.Event) -> None:
        self._frames.put_nowait(events.encode({"event_id": "event", **event}))


class SpeakingProvider(InMemoryProvider):
    """A provider of speaking sessions."""

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        return SpeakingConnection()


async def calling(count: int, seconds: float, recorder: AudioRecorder | None) -> None:
    """Run calls."""
    async with asyncio.TaskGroup() as tasks:
        provider = SpeakingProvider(lambda _model, _settings: None, tasks)  # type: ignore[arg-type, return-value]  # its calls use neither the engine nor a brain
        scenario = Scenario("bench", agents=[RealtimeAgent(name="agent", instructions="Speak.")])
        calls = [
            Call(scenario, provider, recording=None if recorder is None else recorder.for_call()) for _ in range(count)
        ]
        running = [tasks.create_task(call.run()) for call in calls]
        pages = []
        for call in calls:
            page = Page()
            call.attach(page, call.leg.leg_id, 0)
            call.command(page, '{"type":"audio_report","echo_cancelled":true}')
            pages.append((call, page, tasks.create_task(read(call, page))))
        await asyncio.sleep(1)
        await send(pages, seconds)
        for call, _page, reading in pages:
            call.hang_up()
            reading.cancel()
        await asyncio.gather(*running)


async def send(pages: list[tuple[Call, Page, asyncio.Task[None]]], seconds: float) -> None:
    """Send every caller's frames in real time, as one timer for all."""
    voice = np.frombuffer(speech(TURN_S), "<i2").copy()
    voice[len(voice) // 2 :] = np.random.default_rng(1).integers(-12, 12, len(voice) - len(voice) // 2)
    pcm = voice.tobytes()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for frame in range(int(seconds * 50)):
        await asyncio.sleep(max(0.0, began + frame * 0.02 - loop.time()))
        at = frame * FRAME % len(pcm)
        for call, page, _reading in pages:
            call.receive_audio(page, pcm[at : at + FRAME])


async def read(call: Call, page: Page) -> None:
    """Read a page's frames, and report its playout four times a second."""
    item_id, began, heard_ms = "", 0.0, 0.0
    async for frame in page.frames():
        if isinstance(frame, str) and '"audio.started"' in frame:
            item_id, began, heard_ms = msgspec.json.decode(frame)["item_id"], time.monotonic(), 0.0
        elif isinstance(frame, bytes):
            now_ms = (time.monotonic() - began) * 1000
            if now_ms - heard_ms >= 250:
                heard_ms = now_ms
                call.command(page, f'{{"type":"played","item_id":"{item_id}","ms":{round(heard_ms)}}}')


def cpu_s() -> float:
    """Return the processor time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class TimedRecorder(AudioRecorder):
    """A recorder that knows the processor time of its thread."""

    used_s = 0.0

    def _run(self) -> None:
        super()._run()
        self.used_s = time.thread_time()


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    differences, threads, sizes = [], [], []
    for _ in range(options.rounds):
        per_call = options.calls * options.seconds
        began = cpu_s()
        await calling(options.calls, options.seconds, None)
        plain = (cpu_s() - began) / per_call
        with tempfile.TemporaryDirectory() as folder:
            stored: list[StoredAudio] = []
            began = cpu_s()
            recorder = TimedRecorder(
                open_segment_store(None, Path(folder) / "store"),
                OpenSegments(Path(folder) / "open"),
                on_stored=stored.append,
            )
            with recorder:
                await calling(options.calls, options.seconds, recorder)
                recorder.close(120)
            recorded, in_thread = (cpu_s() - began) / per_call, recorder.used_s / per_call
            sizes.append(sum(one.size for one in stored) / options.calls / (options.seconds + 1) * 60 / 1000)
        differences.append((recorded - plain) * 100)
        threads.append(in_thread * 100)
        print(
            f"{options.calls} calls: {plain * 100:.2f} % of a core each alone, {recorded * 100:.2f} % with recording; "
            f"the thread {in_thread * 100:.2f} %"
        )
    print(f"recording: {statistics.median(differences):.2f} % of a core for each call (limit {LIMIT} %), of which")
    print(f"  {statistics.median(threads):.2f} % in the recorder's thread; {statistics.median(sizes):.0f} kB a minute")


if __name__ == "__main__":
    asyncio.run(main())

"""Cost of a call over WebRTC, beside WebSocket and an echo server: `python benchmarks/webrtc_calls.py`.

The engine runs in a separate process on one core; the callers, which only send and count packets, run on the other.
Each call repeats one exchange: the caller says a sentence, the engine detects its end, and answers with about two and
a half seconds of speech. The brain's words are fixed and nothing is recognised. So the figures measure transport,
codecs, turn detection and the voice. With an energy threshold instead of the voice activity network, transport and
codecs are almost all of it. The floor is a bare `websockets` echo server. Then the same calls type one turn after
another and get answers in text, on a silent line.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import httpx2 as httpx
import numpy as np
import websockets
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, CodecContext, Packet
from shared.parts import FixedBrain, FixedStt
from shared.process import announced, echoing, serving

from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.vad import EnergyVoiceActivity
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.webrtc import only_loopback

QUESTION = "Could you tell me whether the shop is open tomorrow morning?"
ANSWER = "Yes, we are open tomorrow from nine in the morning until six."
PERIOD_S = 7.0
"""One exchange, and the pause after it."""
FRAME_BYTES = 960
SETTINGS = json.dumps({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}})
_WORDS = [{"type": "input_text", "text": "Where is it?"}]
TYPED = (
    json.dumps({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": _WORDS}}),
    '{"type":"response.create"}',
)


async def serve(activity: str) -> None:
    """Run the measured process."""
    if activity == "echo":
        await echoing()
        return
    voice = EspeakTts()
    engine = Engine(
        lambda model, settings: FixedBrain(ANSWER),
        FixedStt(),
        voice,
        {"silero": SileroVoiceActivity, "energy": EnergyVoiceActivity}[activity],
        ice=IceOptions(loopback=True, grace_s=0),
    )
    async with EngineServer(engine) as server:
        await announced(server.url)
    await voice.aclose()


@dataclass
class Tally:
    """Record of one caller: the ends of its sentences, the starts of answers, and the arrival of audio packets.

    `sent` counts its frames of 20 ms; on a busy machine they are fewer than the elapsed time allows.
    """

    sent: int = 0
    spoken: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    packets: list[float] = field(default_factory=list)
    typed: int = 0
    """Typed turns that were answered."""


class Speaker:
    """Schedule of the sentence's frames. The calls do not all speak at once."""

    def __init__(self, frames: list[bytes], silence: bytes, starts: float, tally: Tally) -> None:
        self._frames, self._silence, self._tally = frames, silence, tally
        self._start, self._ticks, self._index = starts, 0, len(frames)

    def frame(self) -> bytes:
        self._ticks += 1
        self._tally.sent += 1
        if (self._ticks * 0.02 - self._start) % PERIOD_S < 0.02 and self._ticks * 0.02 > self._start:
            self._index = 0
        if self._index == len(self._frames):
            return self._silence
        self._index += 1
        if self._index == len(self._frames):
            self._tally.spoken.append(asyncio.get_running_loop().time())
        return self._frames[self._index - 1]


async def tick(due: float) -> float:
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(max(0.0, due - now))
    return max(due, now - 0.1) + 0.02  # no burst after the machine was busy; the tally counts the omitted frames


class Sender(MediaStreamTrack):
    """A track of Opus packets that were encoded in advance."""

    kind = "audio"

    def __init__(self, speaker: Speaker) -> None:
        super().__init__()
        self._speaker = speaker
        self._due: float | None = None
        self._packets = 0

    async def recv(self) -> Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        self._due = await tick(self._due or asyncio.get_running_loop().time())
        packet = Packet(self._speaker.frame())
        packet.time_base, packet.pts = Fraction(1, 48_000), self._packets * 960
        self._packets += 1
        return packet


async def call_over_webrtc(
    url: str, sentence: bytes, starts: float, tally: Tally, over: asyncio.Event, *, typing: bool = False
) -> None:
    frames = opus(sentence + bytes(FRAME_BYTES * 5))
    speaker = Speaker(frames[:-5], frames[-1], starts, tally)
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    channel = connection.createDataChannel("oai-events")
    transceiver = connection.addTransceiver(Sender(speaker))
    loop = asyncio.get_running_loop()

    def on_message(message: str) -> None:
        if '"output_audio_buffer.started"' in message:
            tally.begun.append(loop.time())
        elif typing and ('"session.updated"' in message[:40] or '"response.done"' in message[:40]):
            tally.typed += '"response.done"' in message[:40]
            for event in TYPED:
                channel.send(event)

    async def on_packet(packet: Any, arrival_time_ms: int) -> None:
        tally.packets.append(loop.time())

    channel.on("message", on_message)
    if typing:
        channel.on("open", lambda: channel.send(SETTINGS))
    vars(transceiver.receiver)["_handle_rtp_packet"] = on_packet
    with only_loopback():
        await connection.setLocalDescription(await connection.createOffer())
    async with httpx.AsyncClient() as client:
        body = {"session": {"type": "realtime", "model": "m"}}
        secret = (await client.post(f"{url}/realtime/client_secrets", json=body)).json()["value"]
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {secret}"}
        offer = connection.localDescription.sdp
        answer = await client.post(f"{url}/realtime/calls", content=offer, headers=headers, timeout=30)
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await over.wait()
    await connection.close()


async def typing_over_webrtc(url: str, sentence: bytes, starts: float, tally: Tally, over: asyncio.Event) -> None:
    await call_over_webrtc(url, bytes(FRAME_BYTES), starts, tally, over, typing=True)


async def typing_over_websocket(url: str, sentence: bytes, starts: float, tally: Tally, over: asyncio.Event) -> None:
    async with websockets.connect(url.replace("http", "ws") + "/realtime?model=m", compression=None) as socket:
        await socket.send(SETTINGS)

        async def converse() -> None:
            async for message in socket:
                if '"session.updated"' in str(message)[:40] or '"response.done"' in str(message)[:40]:
                    tally.typed += '"response.done"' in str(message)[:40]
                    for event in TYPED:
                        await socket.send(event)

        conversing = asyncio.create_task(converse())
        due = asyncio.get_running_loop().time()
        while not over.is_set():
            due = await tick(due)
            tally.sent += 1
        conversing.cancel()


async def call_over_websocket(url: str, sentence: bytes, starts: float, tally: Tally, over: asyncio.Event) -> None:
    frames = [sentence[start : start + FRAME_BYTES] for start in range(0, len(sentence), FRAME_BYTES)]
    speaker = Speaker(frames, bytes(FRAME_BYTES), starts, tally)
    loop = asyncio.get_running_loop()
    async with websockets.connect(url.replace("http", "ws") + "/realtime?model=m", compression=None) as socket:

        async def listen() -> None:
            async for message in socket:
                if b'"response.output_audio.delta"' in message[:40].encode() if isinstance(message, str) else message:
                    tally.packets.append(loop.time())
                elif '"response.content_part.added"' in str(message)[:60]:
                    tally.begun.append(loop.time())

        listening = asyncio.create_task(listen())
        due = loop.time()
        while not over.is_set():
            due = await tick(due)
            audio = base64.b64encode(speaker.frame()).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        listening.cancel()


def opus(pcm: bytes) -> list[bytes]:
    codec = CodecContext.create("libopus", "w")
    codec.bit_rate, codec.format, codec.layout, codec.sample_rate = 32_000, "s16", "mono", 24_000
    codec.time_base, codec.options = Fraction(1, 24_000), {"application": "voip"}
    packets: list[bytes] = []
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        frame = AudioFrame(format="s16", layout="mono", samples=480)
        frame.planes[0].update(pcm[start : start + FRAME_BYTES])
        frame.sample_rate, frame.pts = 24_000, start // 2
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


Transport = Callable[[str, bytes, float, Tally, asyncio.Event], Any]


@dataclass
class Cost:
    """Cost of one call: share of a core in percent, and memory in MB. `pace` is 1 if the callers kept real time."""

    pace: float
    cpu: float
    memory: float
    delay_ms: float
    worst_gap_ms: float
    threads: int
    ms_per_turn: float
    """Of a typed turn, where there were any."""


async def measure(transport: Transport, activity: str, calls: int, seconds: float, sentence: bytes) -> Cost:
    async with serving(__file__, activity, pinned=True) as server:
        async with AsyncExitStack() as stack:
            await run(stack, transport, server.url, sentence, [0.2])
            await asyncio.sleep(4)
            await stack.aclose()
        await asyncio.sleep(1)
        before_kb = server.memory_kb
        async with AsyncExitStack() as stack:
            tallies = await run(stack, transport, server.url, sentence, [PERIOD_S * i / calls for i in range(calls)])
            await asyncio.sleep(PERIOD_S)
            cpu, began, sent = sum(server.cpu_s), asyncio.get_running_loop().time(), sent_s(tallies)
            typed = sum(tally.typed for tally in tallies)
            await asyncio.sleep(seconds)
            took = asyncio.get_running_loop().time() - began
            cpu, sent = sum(server.cpu_s) - cpu, sent_s(tallies) - sent
            typed = sum(tally.typed for tally in tallies) - typed
            grown_mb, threads = (server.memory_kb - before_kb) / 1024, server.threads
            await stack.aclose()
    delays = [delay for tally in tallies for delay in answer_delays(tally)]
    gaps = [b - a for tally in tallies for a, b in zip(tally.packets, tally.packets[1:], strict=False)]
    delay = statistics.median(delays) if delays else float("nan")
    turn = 1000 * cpu / max(typed, 1)
    return Cost(
        sent / took / calls,
        100 * cpu / sent,
        grown_mb / calls,
        1000 * delay,
        1000 * max(gaps, default=0),
        threads,
        turn,
    )


async def run(
    stack: AsyncExitStack, transport: Transport, url: str, sentence: bytes, starts: list[float]
) -> list[Tally]:
    over = asyncio.Event()
    tallies = [Tally() for _ in starts]
    group = await stack.enter_async_context(asyncio.TaskGroup())
    for start, tally in zip(starts, tallies, strict=True):
        group.create_task(transport(url, sentence, start, tally, over))
        await asyncio.sleep(0.05)
    stack.callback(over.set)
    return tallies


def answer_delays(tally: Tally) -> list[float]:
    """Return the time from the end of each sentence to the start of the answer."""
    delays = []
    for spoken in tally.spoken:
        begun = next((at for at in tally.begun if at > spoken), None)
        if begun is not None and begun - spoken < PERIOD_S:
            delays.append(begun - spoken)
    return delays


def sent_s(tallies: list[Tally]) -> float:
    """Return the seconds of audio that all callers have sent."""
    return sum(tally.sent for tally in tallies) * 0.02


async def sentence() -> bytes:
    voice = EspeakTts()
    pcm = b"".join([chunk.pcm async for chunk in voice.speak(QUESTION)])
    await voice.aclose()
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > 200)
    return pcm[: (2 * int(loud[-1]) // FRAME_BYTES + 1) * FRAME_BYTES]


async def compare(calls: int, seconds: float, activities: list[str]) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pcm = await sentence()
    print(f"{calls} calls at once, the engine on one core, {seconds:.0f} s each")
    columns = f"{'% of core/call':>15} {'MB/call':>8} {'to answer':>10} {'longest gap':>12}"
    print(f"{'voice activity':15} {'transport':10} {columns}")
    floor = await measure(call_over_websocket, "echo", calls, seconds, pcm)
    print(row("none", "echo", floor), flush=True)
    for activity in activities:
        costs = {}
        for name, transport in (("websocket", call_over_websocket), ("webrtc", call_over_webrtc)):
            costs[name] = await measure(transport, activity, calls, seconds, pcm)
            print(row(activity, name, costs[name]), flush=True)
        cpu = costs["webrtc"].cpu / costs["websocket"].cpu
        memory = costs["webrtc"].memory / max(costs["websocket"].memory, 0.01)
        print(f"{activity:15} {'ratio':10} {cpu:15.1f} {memory:8.1f}   ({costs['webrtc'].cpu / floor.cpu:.0f} echoes)")
    for name, transport in (("websocket", typing_over_websocket), ("webrtc", typing_over_webrtc)):
        cost = await measure(transport, "silero", calls, seconds / 2, pcm)
        print(f"{'typed':15} {name:10} {cost.ms_per_turn:9.2f} ms/turn {cost.memory:8.2f} MB/call", flush=True)


def row(activity: str, name: str, cost: Cost) -> str:
    gap = f"{cost.worst_gap_ms:9.0f} ms" if name == "webrtc" else ""
    late = "" if cost.pace > 0.97 else f", too busy: {cost.pace:.0%} of real time"
    figures = f"{cost.cpu:15.2f} {cost.memory:8.2f} {cost.delay_ms:7.0f} ms {gap:>12}"
    return f"{activity:15} {name:10} {figures}   ({cost.threads} threads{late})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=("silero", "energy", "echo"), help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=21.0, help="of each measurement")
    parser.add_argument("--activity", choices=("silero", "energy"), action="append", help="only this voice activity")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve))
    else:
        asyncio.run(compare(given.calls, given.seconds, given.activity or ["energy", "silero"]))


if __name__ == "__main__":
    main()

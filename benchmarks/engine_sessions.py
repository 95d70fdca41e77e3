"""Cost of a session over WebSocket, beside a bare `websockets` echo server: `engine_sessions.py`.

Server and callers are pinned to one core each. Voice: every session streams audio in real time and says a sentence
every eight seconds. The real speech parts recognise and answer it, each time with other words. The echo server returns
the same frames. Text: every session has one typed turn after another. The echo server receives and returns as many
messages of the same size as the engine sends events in a turn. The workers of the speech parts count as the engine's.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import websockets
from engine_latency import FRAME_MS, GRAMMAR, MODELS, Sentence, real_parts
from shared.process import announced, echoing, serving

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.piper import PiperTts

VOICE_SESSIONS, TEXT_SESSIONS = 12, 20
PERIOD_S = 8.0
SETTLE_S, VOICE_S, TEXT_S = 3.0, 16.0, 6.0
Socket = websockets.ClientConnection


class CountingBrain:
    """A brain whose answers all differ, so that no voice has them in its cache."""

    numbers = itertools.count(1)

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        yield TextDelta(f"Number {next(self.numbers)} is what I have found for you.")

    def grammar(self, request: BrainRequest) -> str | None:
        return GRAMMAR

    async def aclose(self) -> None:
        pass


async def serve(kind: str, stt: str, tts: str) -> None:
    """Run the measured process."""
    if kind == "echo":
        await echoing()
        return
    ears, mouth = await real_parts(GRAMMAR, stt, tts)
    engine = Engine(
        lambda model, settings: CountingBrain(),
        ears,
        mouth,
        SileroVoiceActivity,
    )
    async with EngineServer(engine) as running:
        await announced(running.url)
    await ears.aclose()
    await mouth.aclose()


@dataclass
class Cost:
    """Cost of all sessions together during the measurement."""

    cpu_s: float
    seconds: float
    sessions: int
    turns: int
    kb_per_session: float
    workers: dict[str, float]
    """The processor time in seconds of the speech parts' workers, by name."""

    @property
    def sessions_per_core(self) -> float:
        return self.sessions * self.seconds / max(self.cpu_s, 1e-9)

    @property
    def ms_per_turn(self) -> float:
        return 1000 * self.cpu_s / max(self.turns, 1)


class Turns:
    """Number of finished turns. After its first, a text session waits for `go`, so that memory is that of one turn."""

    def __init__(self) -> None:
        self.count = 0
        self.go = asyncio.Event()


Session = Callable[[Socket, Turns, int], Awaitable[None]]


async def measure(kind: str, sessions: int, seconds: float, session: Session, *parts: str) -> Cost:
    async with serving(__file__, kind, *parts, pinned=True) as server:
        async with running(server.url, 1, session, Turns()):
            await asyncio.sleep(1.0)
        before_kb = server.memory_kb
        turns = Turns()
        async with running(server.url, sessions, session, turns):
            await asyncio.sleep(SETTLE_S)
            grown_kb = server.memory_kb - before_kb
            turns.go.set()
            workers = server.cpu_s_by_worker
            begins, began, had = server.cpu_s, asyncio.get_running_loop().time(), turns.count
            await asyncio.sleep(seconds)
            ends, took = server.cpu_s, asyncio.get_running_loop().time() - began
            all_ = sum(ends) - sum(begins)
            used = {name: cpu_s - workers.get(name, 0.0) for name, cpu_s in server.cpu_s_by_worker.items()}
            return Cost(all_, took, sessions, turns.count - had, grown_kb / sessions, used)


@asynccontextmanager
async def running(url: str, sessions: int, session: Session, turns: Turns) -> AsyncIterator[None]:
    address = url.replace("http", "ws") + "/realtime?model=m"
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(websockets.connect(address, compression=None, max_size=None))
            for _ in range(sessions)
        ]
        tasks = [asyncio.ensure_future(session(socket, turns, index)) for index, socket in enumerate(sockets)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result


def voice_session(sentence: Sentence, sessions: int) -> Session:
    """Stream the sentence once in each period, with silence between. The sessions speak one after another."""

    async def talk(socket: Socket, turns: Turns, index: int) -> None:
        frames = [f'{{"type":"input_audio_buffer.append","audio":"{frame}"}}' for frame in sentence.frames]
        silent, per_period = frames[-1], int(PERIOD_S * 1000 / FRAME_MS)
        spoken = int(sentence.ends_ms / FRAME_MS) + 2
        listening = asyncio.create_task(count(socket, turns, '"response.done"'))
        loop = asyncio.get_running_loop()
        began, tick = loop.time(), index * per_period // sessions
        start = tick
        try:
            while True:
                place = tick % per_period
                await socket.send(frames[place] if place < spoken else silent)
                tick += 1
                await asyncio.sleep(max(0.0, began + (tick - start) * FRAME_MS / 1000 - loop.time()))
        finally:
            listening.cancel()

    return talk


async def count(socket: Socket, turns: Turns, mark: str) -> None:
    async for message in socket:
        turns.count += mark in str(message)[:60]


TYPED = [
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]},
    },
    {"type": "response.create", "response": {"output_modalities": ["text"]}},
]


async def text_session(socket: Socket, turns: Turns, index: int) -> None:
    frames = [json.dumps(event) for event in TYPED]
    while True:
        for frame in frames:
            await socket.send(frame)
        while '"response.done"' not in str(await socket.recv())[:60]:
            pass
        turns.count += 1
        await turns.go.wait()


def echoed_session(messages: list[str]) -> Session:
    async def talk(socket: Socket, turns: Turns, index: int) -> None:
        while True:
            for message in messages:
                await socket.send(message)
            for _ in messages:
                await socket.recv()
            turns.count += 1
            await turns.go.wait()

    return talk


async def events_of_a_turn(url: str) -> list[str]:
    """Return the engine's events of one typed turn."""
    address = url.replace("http", "ws") + "/realtime?model=m"
    async with websockets.connect(address, compression=None) as socket:
        for event in TYPED:
            await socket.send(json.dumps(event))
        events: list[str] = []
        while not events or '"response.done"' not in events[-1][:60]:
            events.append(str(await socket.recv()))
    return events[2:]  # without the session's own


async def compare(given: argparse.Namespace) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    caller = PiperTts(MODELS) if given.stt == "whisper" else EspeakTts()
    sentence = await Sentence.spoken(caller)
    await caller.aclose()
    sessions = given.sessions
    talk: Any = voice_session(sentence, sessions)
    async with serving(__file__, "engine") as server:
        messages = await events_of_a_turn(server.url)
    voice = await measure("engine", sessions, VOICE_S, talk, "--stt", given.stt, "--tts", given.tts)
    echoed_voice = await measure("echo", sessions, VOICE_S / 2, talk)
    text = await measure("engine", TEXT_SESSIONS, TEXT_S, text_session)
    echoed_text = await measure("echo", TEXT_SESSIONS, TEXT_S, echoed_session(messages))
    print(f"Voice: {sessions} sessions with {given.stt} and {given.tts}, a turn every {PERIOD_S:.0f} s")
    for name, cost in (("engine", voice), ("echo", echoed_voice)):
        print(
            f"  {name:7}{cost.sessions_per_core:7.0f} sessions a core, {100 / cost.sessions_per_core:5.2f} % of a core "
            f"each, {cost.kb_per_session:6.0f} kB each, {cost.turns} turns"
        )
    for name, cpu_s in voice.workers.items():
        ms = 1000 * cpu_s / max(voice.turns, 1)
        print(f"  {name}: {cpu_s / voice.cpu_s:.0%} of the engine's time, {ms:.0f} ms of a core for a turn")
    print(f"  the engine costs {echoed_voice.sessions_per_core / voice.sessions_per_core:.1f} times the echo")
    print(f"Text: {TEXT_SESSIONS} sessions, one turn after another, {len(messages)} events each")
    for name, cost in (("engine", text), ("echo", echoed_text)):
        print(
            f"  {name:7}{cost.ms_per_turn:7.2f} ms of a core for a turn, so {5000 / cost.ms_per_turn:6.0f} sessions a "
            f"core with a turn every 5 s; {cost.kb_per_session:5.0f} kB each, {cost.turns} turns"
        )
    print(f"  the engine costs {text.ms_per_turn / echoed_text.ms_per_turn:.1f} times the echo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=("engine", "echo"), help=argparse.SUPPRESS)
    parser.add_argument("--stt", choices=("sphinx", "whisper"), default="sphinx", help="the recogniser")
    parser.add_argument("--tts", choices=("espeak", "piper"), default="espeak", help="the voice")
    parser.add_argument("--sessions", type=int, default=VOICE_SESSIONS, help="sessions by voice")
    given = parser.parse_args()
    asyncio.run(serve(given.serve, given.stt, given.tts) if given.serve else compare(given))


if __name__ == "__main__":
    main()

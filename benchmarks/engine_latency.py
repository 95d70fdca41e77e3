"""Latency of the engine's first audio, beyond the silence that ends a turn: `engine_latency.py`.

The engine runs in a separate process. The callers, in this one, send audio over real sockets in real time and record
the first audio delta. The latency counts from the last audio of the sentence, less the configured silence. The
sentence ends anywhere within a frame of 20 ms, and the rest of that frame is part of the latency. Beside each figure
stands its floor: the same wire, turn detection and brain, with a recogniser that knows the words and a voice with
prepared audio.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import numpy as np
import websockets
from shared.parts import FixedBrain, FixedStt, PreparedTts
from shared.process import announced, serving

from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech import Stt, Tts
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.tts.espeak import EspeakTts

SENTENCE = "yes please"
ANSWER = "Very well. Here is what I have found for you."
GRAMMAR = """#JSGF V1.0;
grammar caller;
public <said> = <answer>+;
<answer> = yes [please] | sure | okay | of course | why not | no [thank you] | not now;
"""
SILENCE_MS = 500
FRAME_MS = 20
FRAME_BYTES = 48 * FRAME_MS
LEAD_MS = 300
AUDIBLE = 100
"""Amplitude from which a sample is sound: the voice's own silence is below it."""


async def serve(kind: str) -> None:
    """Run the measured process."""
    stt: Stt = FixedStt(SENTENCE)
    tts: Tts = PreparedTts()
    grammar = None if kind == "dictation" else GRAMMAR
    if kind != "floor":
        stt, tts = await real_parts(grammar)
    engine = Engine(lambda model, settings: FixedBrain(ANSWER, grammar), stt, tts, SileroVoiceActivity)
    async with EngineServer(engine) as server:
        await announced(server.url)
    await stt.aclose()
    await tts.aclose()


async def real_parts(grammar: str | None) -> tuple[Stt, Tts]:
    stt, tts = SphinxStt(), EspeakTts()
    await asyncio.gather(stt.warm(grammar), tts.warm())
    return stt, tts


@dataclass
class Sentence:
    """A sentence in frames, with the position of its last audio."""

    frames: list[str]
    ends_ms: float

    @classmethod
    async def spoken(cls, later_ms: float = 0.0) -> Sentence:
        """Return the sentence with a later start, so that its end falls elsewhere in the last frame."""
        voice = EspeakTts()
        sound = b"".join([chunk.pcm async for chunk in voice.speak(SENTENCE, voice="cedar")])
        await voice.aclose()
        samples = np.concatenate(
            (np.zeros(int(24 * (LEAD_MS + later_ms))), np.frombuffer(sound, "<i2"), np.zeros(24 * 3000))
        )
        last = int(np.flatnonzero(np.abs(samples) > AUDIBLE)[-1])
        samples += np.random.default_rng(1).normal(0, 8, samples.size)  # the noise of a quiet line
        pcm = samples.clip(-32768, 32767).astype("<i2").tobytes()
        whole = range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
        return cls([base64.b64encode(pcm[at : at + FRAME_BYTES]).decode() for at in whole], last / 24)


class Caller:
    """A caller that repeats the sentence on one session."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket

    async def turn(self, sentence: Sentence, starts: float) -> tuple[float, str]:
        """Say the sentence, and return the latency in ms and the recognised words."""
        listening = asyncio.create_task(self._listen())
        loop = asyncio.get_running_loop()
        for index, frame in enumerate(sentence.frames):
            await asyncio.sleep(max(0.0, starts + (index + 1) * FRAME_MS / 1000 - loop.time()))
            if listening.done():
                break
            await self._socket.send(f'{{"type":"input_audio_buffer.append","audio":"{frame}"}}')
        first, words = await listening
        return (first - starts) * 1000 - sentence.ends_ms - SILENCE_MS, words

    async def _listen(self) -> tuple[float, str]:
        first, words = 0.0, ""
        async with asyncio.timeout(10):
            while True:
                event = json.loads(await self._socket.recv())
                if event["type"] == "response.output_audio.delta" and not first:
                    first = asyncio.get_running_loop().time()
                elif event["type"] == "conversation.item.input_audio_transcription.completed":
                    words = event["transcript"]
                elif event["type"] == "response.done":
                    return first, words


@dataclass
class Waits:
    """Latencies of one arrangement of callers, in ms."""

    sessions: int
    spread: bool
    waits: list[float]
    heard: float

    @property
    def median(self) -> float:
        return statistics.median(self.waits)


async def measure(url: str, sentences: Sequence[Sentence], sessions: int, rounds: int, *, spread: bool) -> Waits:
    """Run rounds in which each caller says the sentence: all at once, or spread over its length."""
    waits, heard = [], 0
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(calling(url)) for _ in range(sessions)]
        length = sentences[0].ends_ms / 1000
        for number in range(rounds):
            sentence = sentences[number % len(sentences)]
            now = asyncio.get_running_loop().time() + 0.05
            starts = [now + (length * index / sessions if spread else 0.0) for index in range(sessions)]
            for wait, words in await asyncio.gather(
                *(one.turn(sentence, at) for one, at in zip(callers, starts, strict=True))
            ):
                waits.append(wait)
                heard += words == SENTENCE
    return Waits(sessions, spread, waits, heard / len(waits))


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Caller]:
    async with websockets.connect(url.replace("http", "ws") + "/realtime?model=m", compression=None) as socket:
        detection = {"type": "server_vad", "silence_duration_ms": SILENCE_MS}
        hearing = {"turn_detection": detection, "transcription": {"model": "local"}}
        await socket.send(
            json.dumps({"type": "session.update", "session": {"type": "realtime", "audio": {"input": hearing}}})
        )
        while json.loads(await socket.recv())["type"] != "session.updated":
            pass
        yield Caller(socket)


ARRANGEMENTS = ((1, 16, False), (4, 4, False), (8, 4, False), (8, 4, True))
"""Sessions, rounds, and a flag for spread callers."""


async def compare() -> None:
    sentences = [await Sentence.spoken(FRAME_MS * part / 8) for part in range(8)]
    results: dict[str, list[Waits]] = {}
    for parts in ("floor", "grammar", "dictation"):
        arrangements = ARRANGEMENTS if parts != "dictation" else ARRANGEMENTS[:2]
        async with serving(__file__, parts) as server:
            url = server.url
            first = await measure(url, sentences, 1, 1, spread=False)
            results[parts] = [first]
            for sessions, rounds, spread in arrangements:
                results[parts].append(await measure(url, sentences, sessions, rounds, spread=spread))
    print(f"From the last sound to the first of the answer, beyond {SILENCE_MS} ms of silence; median (worst) in ms")
    print(f"{'':34}{'floor':>18}{'with a grammar':>20}{'ratio':>8}{'free dictation':>20}")
    for index, floor in enumerate(results["floor"]):
        ours = results["grammar"][index]
        name = f"{ours.sessions} session{'s'[: ours.sessions > 1]}"
        name += ", the very first turn" if not index else ", spread" if ours.spread else ", at the same instant"
        free = shown(results["dictation"][index]) if index < len(results["dictation"]) else ""
        ratio = ours.median / max(floor.median, 0.1)
        print(f"{name:34}{shown(floor):>18}{shown(ours):>20}{ratio:8.1f}{free:>20}   {ours.heard:.0%} understood")


def shown(waits: Waits) -> str:
    return f"{waits.median:.1f} ({max(waits.waits):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=("floor", "grammar", "dictation"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(serve(given.serve) if given.serve else compare())


if __name__ == "__main__":
    main()

"""Latency of the engine's first audio, beyond the silence that ends a turn: `engine_latency.py`.

The engine runs in a separate process. The callers, in this one, send audio over real sockets in real time and record
the first audio delta. The latency counts from the last audio of the sentence, less the configured silence. The
sentence ends anywhere within a frame of 20 ms, and the rest of that frame is part of the latency. Beside each figure
stands its floor: the same wire, turn detection and brain, with a recogniser that knows the words and a voice with
prepared audio. `--stt` and `--tts` choose the measured parts, and `--caller` the voice of the callers. Every answer
differs, so that none comes from a cache.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import re
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import websockets
from shared.parts import FixedStt, PreparedTts
from shared.process import announced, serving

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech import Stt, Tts
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.piper import PiperTts

SENTENCE = "yes please"
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


MODELS = Path("~/.cache/trunkline").expanduser()


class VaryingBrain:
    """A brain like a rehearsal: its answer follows from the conversation, and is another one in each turn."""

    def __init__(self, grammar: str | None) -> None:
        self._grammar = grammar

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        yield TextDelta(f"Very well, {request.instructions}, here is number {len(request.items)} of your list.")

    def prepare(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        return self.respond(request)

    def grammar(self, request: BrainRequest) -> str | None:
        return self._grammar

    async def aclose(self) -> None:
        pass


async def serve(kind: str, stt_name: str, tts_name: str) -> None:
    """Run the measured process."""
    stt: Stt = FixedStt(SENTENCE)
    tts: Tts = PreparedTts()
    grammar = None if kind == "dictation" else GRAMMAR
    if kind != "floor":
        stt, tts = await real_parts(grammar, stt_name, tts_name)
    engine = Engine(lambda model, settings: VaryingBrain(grammar), stt, tts, SileroVoiceActivity)
    async with EngineServer(engine) as server:
        await announced(server.url)
    await stt.aclose()
    await tts.aclose()


async def real_parts(grammar: str | None, stt_name: str = "sphinx", tts_name: str = "espeak") -> tuple[Stt, Tts]:
    tts: PiperTts | EspeakTts = PiperTts(MODELS) if tts_name == "piper" else EspeakTts()
    await tts.warm()
    if stt_name == "whisper":
        whisper = WhisperStt("whisper-tiny.en", MODELS)
        await whisper.warm()
        return whisper, tts
    sphinx = SphinxStt()
    await sphinx.warm(grammar)
    return sphinx, tts


@dataclass
class Sentence:
    """A sentence in frames, with the position of its last audio."""

    frames: list[str]
    ends_ms: float

    @classmethod
    async def spoken(cls, voice: Tts, later_ms: float = 0.0) -> Sentence:
        """Return the sentence with a later start, so that its end falls elsewhere in the last frame."""
        sound = b"".join([chunk.pcm async for chunk in voice.speak(SENTENCE, voice="cedar")])
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
        async with asyncio.timeout(30):
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
        callers = [await stack.enter_async_context(calling(url, next(_names))) for _ in range(sessions)]
        length = sentences[0].ends_ms / 1000
        for number in range(rounds):
            sentence = sentences[number % len(sentences)]
            now = asyncio.get_running_loop().time() + 0.05
            starts = [now + (length * index / sessions if spread else 0.0) for index in range(sessions)]
            for wait, words in await asyncio.gather(
                *(one.turn(sentence, at) for one, at in zip(callers, starts, strict=True))
            ):
                waits.append(wait)
                heard += re.sub(r"[^a-z ]", "", words.lower()) == SENTENCE
    return Waits(sessions, spread, waits, heard / len(waits))


_names = map("caller {}".format, itertools.count(1))


@asynccontextmanager
async def calling(url: str, name: str) -> AsyncIterator[Caller]:
    async with websockets.connect(url.replace("http", "ws") + "/realtime?model=m", compression=None) as socket:
        detection = {"type": "server_vad", "silence_duration_ms": SILENCE_MS}
        hearing = {"turn_detection": detection, "transcription": {"model": "local"}}
        await socket.send(
            json.dumps(
                {
                    "type": "session.update",
                    "session": {"type": "realtime", "instructions": name, "audio": {"input": hearing}},
                }
            )
        )
        while json.loads(await socket.recv())["type"] != "session.updated":
            pass
        yield Caller(socket)


ARRANGEMENTS = ((1, 16, False), (4, 4, False), (8, 4, False), (8, 4, True))
"""Sessions, rounds, and a flag for spread callers."""


async def compare(stt: str, tts: str, caller: str) -> None:
    voice = PiperTts(MODELS) if caller == "piper" else EspeakTts()
    sentences = [await Sentence.spoken(voice, FRAME_MS * part / 8) for part in range(8)]
    await voice.aclose()
    results: dict[str, list[Waits]] = {}
    for parts in ("floor", "grammar", *(["dictation"] if stt == "sphinx" else [])):
        arrangements = ARRANGEMENTS if parts != "dictation" else ARRANGEMENTS[:2]
        async with serving(__file__, parts, "--stt", stt, "--tts", tts) as server:
            url = server.url
            first = await measure(url, sentences, 1, 1, spread=False)
            results[parts] = [first]
            for sessions, rounds, spread in arrangements:
                results[parts].append(await measure(url, sentences, sessions, rounds, spread=spread))
    print(f"{stt} and {tts}, {caller} calls: from the last audio of the caller to the first of the answer")
    print(f"beyond {SILENCE_MS} ms of silence; median, 95th percentile and worst in ms")
    print(f"{'':34}{'floor':>22}{'with a grammar':>24}{'ratio':>8}{'free dictation':>24}")
    for index, floor in enumerate(results["floor"]):
        ours = results["grammar"][index]
        name = f"{ours.sessions} session{'s'[: ours.sessions > 1]}"
        name += ", the very first turn" if not index else ", spread" if ours.spread else ", at the same instant"
        dictation = results.get("dictation", [])
        free = shown(dictation[index]) if index < len(dictation) else ""
        ratio = ours.median / max(floor.median, 0.1)
        print(f"{name:34}{shown(floor):>22}{shown(ours):>24}{ratio:8.1f}{free:>24}   {ours.heard:.0%} understood")


def shown(waits: Waits) -> str:
    ordered = sorted(waits.waits)
    late = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"{waits.median:.0f} / {late:.0f} / {ordered[-1]:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=("floor", "grammar", "dictation"), help=argparse.SUPPRESS)
    parser.add_argument("--stt", choices=("sphinx", "whisper"), default="sphinx", help="the recogniser")
    parser.add_argument("--tts", choices=("espeak", "piper"), default="espeak", help="the voice")
    parser.add_argument("--caller", choices=("espeak", "piper"), help="the callers' voice; piper for whisper")
    given = parser.parse_args()
    caller = given.caller or ("piper" if given.stt == "whisper" else "espeak")
    if given.serve:
        asyncio.run(serve(given.serve, given.stt, given.tts))
    else:
        asyncio.run(compare(given.stt, given.tts, caller))


if __name__ == "__main__":
    main()

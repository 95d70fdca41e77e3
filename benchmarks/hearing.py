"""Measure the recognition of callers: `python benchmarks/hearing.py`, about ten minutes.

Human callers are recorded prompts (Debian's `asterisk-core-sounds-en` and `asterisk-core-sounds-en-wav`, where they are
installed), the others are synthetic voices: Piper's, and flite's where it is installed. Each is heard clean, over a
telephone, and in noise, by PocketSphinx and by Whisper in the same run.

WER is the word error rate of dictation. "Right" is the share of sentences with the same meaning as the same
sentence typed, in the context of a question: PocketSphinx gets the grammar of that context.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SAMPLE_RATE, Stt
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.realtime.audio import FORMATS, Resampler
from trunkline.scenario.expected_reply import ExpectedReply
from trunkline.scenario.phrases import Phrases, Words, best_match, grammar, normalise
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPT_TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
CONDITIONS = ("clean", "telephone", "SNR 20", "SNR 10")
FLITE = ("slt", "rms", "awb", "kal16")
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Question:
    """The meanings that a caller may express at one point of a call, and sentences with such a meaning."""

    meanings: Sequence[Phrases]
    sentences: Sequence[str]


YES = Phrases("(yes | yeah | yep) [please | sure | correct]", "sure", "[that's | that is] (right | correct)")
NO = Phrases("no [thank you | thanks]", "[no] that's wrong", "not now")
REPEAT = Phrases("[could you | can you] (repeat | say) that [again]")
BILL = Phrases("[why is] my [last] bill [so high]", "[a question about] my bill")
HUMAN = Phrases("[let me | can i | i want to] (talk | speak) to (a human | somebody | an agent) [please]")
RETURN = Phrases(
    "[i want to | i'd like to] return [my | the] {item}", item=Words(["snowboard boots", "goggles", "jacket"])
)
ORDER = Phrases("where is my order", "[i'd like to] track my order")
TOPIC = Phrases(
    "[could you | please] [write] [one | a haiku] about [the] {topic} [please]", "now one about [the] {topic}",
    topic=Words(["old lighthouse", "snow", "mountains", "ocean in winter", "morning coffee"], open=True),
)  # fmt: skip
NUMBER = Phrases("[my number is | it's] {number}", number=DigitGroups(3, 3, 4))
BIRTHDAY = Phrases("[it's | i was born on] {date}", date=DateSlot())

QUESTIONS = (
    Question(
        (YES, NO, REPEAT),
        (
            "yes please", "um, yes please", "yeah, sure", "no thank you", "no, that's wrong", "that's right",
            "yep, correct", "could you repeat that", "not now",
        ),
    ),
    Question(
        (BILL, HUMAN, RETURN, ORDER),
        (
            "why is my last bill so high", "let me talk to a human please", "i want to return my snowboard boots",
            "i'd like to return the jacket", "where is my order", "i'd like to track my order",
        ),
    ),
    Question(
        (TOPIC,),
        ("could you write one about the old lighthouse", "now one about snow", "a haiku about the mountains please"),
    ),
    Question(
        (NUMBER,),
        (
            "my number is two oh six, seven one four, nine three eight zero",
            "it's four one five, five five five, oh one nine two",
            "five five five, one two three four",
        ),
    ),
    Question(
        (BIRTHDAY,),
        ("it's the fifth of march, nineteen ninety", "i was born on june twenty first, two thousand and one"),
    ),
)  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=40, help="how many recorded prompts")
    parser.add_argument("--errors", action="store_true", help="print each sentence that was not understood")
    parser.add_argument("--caller", default="", help="only callers whose name begins like this, such as flite")
    parser.add_argument("--stt", choices=("sphinx", "whisper"), help="only this recogniser")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        both: dict[str, Stt] = {"sphinx": SphinxStt(), "whisper": WhisperStt("whisper-tiny.en", Path(folder))}
        recognisers = {name: stt for name, stt in both.items() if options.stt in (None, name)}
        print(f"{'caller':12} {'line':10}" + "".join(f"  {name + ' WER':>12} {'right':>6}" for name in recognisers))
        async for caller, spoken in callers(Path(folder), options.prompts, options.caller):
            for condition in CONDITIONS:
                row = f"{caller:12} {condition:10}"
                for stt in recognisers.values():
                    row += await measure(stt, f"{caller} {condition}", spoken, condition, show_errors=options.errors)
                print(row, flush=True)
        for stt in recognisers.values():
            await stt.aclose()


Spoken = list[tuple[str, Question | None, Samples]]
"""Sentences, the question that each answers, if it answers one, and their audio at 24 kHz."""


async def measure(stt: Stt, session_id: str, spoken: Spoken, condition: str, *, show_errors: bool) -> str:
    """Return the two figures of a row. PocketSphinx takes dictation of recorded prompts only, which takes long."""
    errors = words = right = asked = 0
    for text, question, samples in spoken:
        expected = grammar(question.meanings) if question else None
        heard = await transcribe(stt, over_line(samples, condition), question, session_id)
        if expected is None or isinstance(stt, WhisperStt):
            reference = plain_words(text)
            errors += distance(reference, plain_words(heard))
            words += len(reference)
        is_right = plain_words(heard) == plain_words(text)
        if question is not None:
            is_right = meaning(heard, question) == meaning(text, question)
            asked += 1
            right += is_right
        if show_errors and not is_right:
            print(f"    {session_id}: {text!r} → {heard!r}")
    return f"  {share(errors, words):>12}  {share(right, asked):>6}"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


async def transcribe(stt: Stt, pcm: bytes, question: Question | None, session_id: str) -> str:
    if question is None:
        utterance = stt.open(session_id=session_id)
    else:
        expected = ExpectedReply(question.meanings)
        utterance = stt.open(grammar=expected.grammar(), expects=expected.is_expected, session_id=session_id)
    utterance.feed(pcm)
    return (await utterance.finish()).text


def meaning(text: str, question: Question) -> object:
    """Return the meaning of a sentence and the values in it; None if it has none."""
    found = best_match(text, question.meanings)
    if found is None:
        return None
    phrases, match = found
    values = {name: read_date(value) if name == "date" else value for name, value in match.slots.items()}
    return question.meanings.index(phrases), values


# ------------------------------------------------------------------------------------------------------------ callers


async def callers(folder: Path, prompts: int, only: str) -> AsyncIterator[tuple[str, Spoken]]:
    recorded: Spoken = [*recorded_prompts(prompts)] if "human".startswith(only) else []
    if recorded:
        yield "human", recorded
    sentences = [(sentence, question) for question in QUESTIONS for sentence in question.sentences]
    if "piper joe".startswith(only):
        audio = await piper([sentence for sentence, _ in sentences], folder)
        yield "piper joe", [(*sentence, samples) for sentence, samples in zip(sentences, audio, strict=True)]
    if not shutil.which("flite"):
        print("(no flite voices: install flite)")
        return
    for voice in FLITE:
        if f"flite {voice}".startswith(only):
            yield f"flite {voice}", [(text, question, flite(text, voice, folder)) for text, question in sentences]


def recorded_prompts(count: int) -> Iterator[tuple[str, None, Samples]]:
    """Yield recorded sentences of 5 to 14 words without digits, spread over the alphabet of their file names."""
    if not PROMPTS.is_dir() or not PROMPT_TEXTS.is_file():
        print("(no human callers: install asterisk-core-sounds-en and asterisk-core-sounds-en-wav)")
        return
    lines = gzip.decompress(PROMPT_TEXTS.read_bytes()).decode("utf-8", "replace").splitlines()
    found = []
    for line in lines:
        name, _, text = line.partition(":")
        path = PROMPTS / f"{name.strip()}.wav"
        words = text.split()
        if path.is_file() and 5 <= len(words) <= 14 and not re.search(r"[\d\[\]<>()*#…]|\.\.\.", text):
            found.append((text.strip(), path))
    step = max(len(found) // count, 1)
    for text, path in found[::step][:count]:
        yield text, None, read_wav(path)


async def piper(sentences: Sequence[str], folder: Path) -> list[Samples]:
    tts = PiperTts(folder)
    spoken = []
    for text in sentences:
        pcm = b"".join([chunk.pcm async for chunk in tts.speak(text)])
        spoken.append(padded(np.frombuffer(pcm, "<i2").astype(np.float32)))
    await tts.aclose()
    return spoken


def flite(text: str, voice: str, folder: Path) -> Samples:
    path = folder / "flite.wav"
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
    return read_wav(path)


def read_wav(path: Path) -> Samples:
    """Return a WAV file at 24 kHz, with the 300 ms before it and 500 ms after it that turn detection leaves."""
    with wave.open(str(path)) as file:
        resampler = Resampler(file.getframerate(), SAMPLE_RATE)
        pcm = resampler.feed(file.readframes(file.getnframes())) + resampler.flush()
    return padded(np.frombuffer(pcm, "<i2").astype(np.float32))


def padded(samples: Samples) -> Samples:
    samples *= 6000 / max(np.abs(samples).max(), 1)
    whole: Samples = np.concatenate((np.zeros(7200, np.float32), samples, np.zeros(12_000, np.float32)))
    return whole


# ------------------------------------------------------------------------------------------------------------ the line


def over_line(samples: Samples, condition: str) -> bytes:
    """Return PCM16 at 24 kHz as it arrives over a line."""
    if condition.startswith("SNR"):
        return to_pcm(samples + pink_noise(samples, float(condition.split()[1])))
    samples = samples + np.random.default_rng(1).normal(0, 4, samples.size).astype(np.float32)
    if condition == "clean":
        return to_pcm(samples)
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    banded = np.fft.irfft(spectrum, samples.size).astype(np.float32)
    encoder, decoder = FORMATS["audio/pcmu"].encoder(), FORMATS["audio/pcmu"].decoder()
    return decoder.feed(encoder.feed(to_pcm(banded)) + encoder.flush()) + decoder.flush()


def pink_noise(samples: Samples, snr_db: float) -> Samples:
    white = np.fft.rfft(np.random.default_rng(2).normal(0, 1, samples.size))
    pink = np.fft.irfft(white / np.sqrt(np.maximum(np.arange(white.size), 1)), samples.size)
    speech = samples[np.abs(samples) > 100]
    wanted = np.sqrt(np.mean(speech**2)) / 10 ** (snr_db / 20)
    noise: Samples = (pink * wanted / np.sqrt(np.mean(pink**2))).astype(np.float32)
    return noise


def to_pcm(samples: Samples) -> bytes:
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


# ------------------------------------------------------------------------------------------------------------- figures

_DIGIT_WORDS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905 - ten words


def plain_words(text: str) -> list[str]:
    """Return the words of a text as they are compared: digits one by one, "oh" as zero."""
    spelled = re.sub(r"\d", lambda digit: f" {_DIGIT_WORDS[int(digit.group())]} ", text.replace("-", " "))
    return ["zero" if word == "oh" else word for word in normalise(spelled).split()]


def distance(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Return the number of words to insert, delete or replace."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(reference, 1):
        before, row = row, [count]
        for at, other in enumerate(heard, 1):
            row.append(min(row[-1] + 1, before[at] + 1, before[at - 1] + (word != other)))
    return row[-1]


if __name__ == "__main__":
    asyncio.run(main())

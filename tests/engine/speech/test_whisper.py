"""Whisper's utterances: decoding ahead in a silence, partial transcripts, long audio, overload, a worker that dies."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.stt.decode_queue import DecodeQueue, Decoding, Urgency
from trunkline.engine.speech.stt.long_audio import MAX_PART_S, quiet_cut
from trunkline.engine.speech.stt.whisper import WhisperStt, WhisperUtterance, chosen_text
from trunkline.engine.speech.stt.whisper_ipc import Decoded, Hypothesis
from trunkline.engine.speech.stt.whisper_model import is_loop
from trunkline.realtime.audio import ms_to_bytes
from trunkline.scenario.phrases import Phrases, grammar

FAKE = "tests.engine.speech.fake_whisper_worker"


def audio(seconds: float) -> bytes:
    return (np.sin(np.arange(int(24_000 * seconds)) / 20) * 8000).astype("<i2").tobytes()


@asynccontextmanager
async def whisper(control: Path) -> AsyncIterator[WhisperStt]:
    stt = WhisperStt("whisper-tiny.en", control, threads=1, worker_module=FAKE)
    try:
        await stt.warm()
        yield stt
    finally:
        await stt.aclose()


def decoded(control: Path) -> list[str]:
    path = control / "decoded"
    return path.read_text().splitlines() if path.exists() else []


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - the worker is another process
            await asyncio.sleep(0.005)


def has_length(texts: list[str], count: int) -> bool:
    return len(texts) == count


def feed(utterance: WhisperUtterance, seconds: float) -> None:
    """Feed audio in frames of 20 ms."""
    pcm = audio(seconds)
    for at in range(0, len(pcm), 960):
        utterance.feed(pcm[at : at + 960])


async def test_an_utterance_is_decoded_at_its_end(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        utterance = stt.open(language="en", prompt="Snowy Peak")
        feed(utterance, 1.5)
        assert (await utterance.finish()).text == "1.5 s en Snowy Peak"
        assert (await utterance.finish()).text == "1.5 s en Snowy Peak"
    assert decoded(tmp_path) == ["1.5 s en Snowy Peak"]


async def test_uncommon_words_of_the_grammar_are_part_of_the_prompt(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        utterance = stt.open(prompt="Snowy Peak.", grammar=grammar([Phrases("i want a haiku", "return my goggles")]))
        feed(utterance, 1.0)
        assert (await utterance.finish()).text == "1.0 s Snowy Peak. Haiku, return, goggles."


async def test_an_utterance_is_decoded_ahead_in_a_silence_and_only_once(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        utterance = stt.open()
        feed(utterance, 1.0)
        utterance.pause()
        await until(lambda: decoded(tmp_path))
        feed(utterance, 0.3)
        assert (await utterance.finish()).text == "1.0 s"
    assert decoded(tmp_path) == ["1.0 s"]


async def test_a_result_ahead_is_discarded_when_speech_continues(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        partials: list[str] = []
        utterance = stt.open(on_partial=partials.append)
        feed(utterance, 0.8)
        utterance.pause()
        utterance.resume()
        feed(utterance, 0.6)
        await until(lambda: partials)
        assert partials == ["0.8 s"]
        assert (await utterance.finish()).text == "1.4 s"


async def test_the_words_of_a_pause_come_again_if_a_sound_before_the_next_one_adds_none(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        partials: list[str] = []
        utterance = stt.open(on_partial=partials.append)
        feed(utterance, 0.8)
        utterance.pause()
        await until(lambda: partials)
        utterance.resume()
        feed(utterance, 0.03)
        utterance.pause()
        await until(lambda: len(partials) > 1)
        utterance.abandon()
    assert partials == ["0.8 s", "0.8 s"]


async def test_a_second_pause_replaces_the_first(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        utterance = stt.open()
        feed(utterance, 0.5)
        utterance.pause()
        utterance.resume()
        feed(utterance, 0.5)
        utterance.pause()
        feed(utterance, 0.3)
        assert (await utterance.finish()).text == "1.0 s"


async def test_a_waiting_result_ahead_becomes_urgent_at_the_end(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "hold").touch()
        first, second, third = (stt.open(session_id=session) for session in "abc")
        for utterance in (first, second, third):
            feed(utterance, 0.5 + 0.1 * "abc".index(utterance._session_id))
        for utterance in (first, second, third):
            utterance.pause()
        finished = [asyncio.create_task(utterance.finish()) for utterance in (third, first)]
        await asyncio.sleep(0.05)
        (tmp_path / "hold").unlink()
        assert [transcript.text for transcript in await asyncio.gather(*finished)] == ["0.7 s", "0.5 s"]
        await until(lambda: len(decoded(tmp_path)) == 3)
    assert decoded(tmp_path) == ["0.5 s", "0.7 s", "0.6 s"]


async def test_partial_transcripts_come_about_once_a_second_of_audio(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        partials: list[str] = []
        utterance = stt.open(on_partial=partials.append)
        for count in range(1, 4):
            feed(utterance, 1.1)
            await until(functools.partial(has_length, partials, count))
        await utterance.finish()
    assert [round(float(text.split()[0])) for text in partials] == [1, 2, 3]


async def test_no_partial_transcript_is_made_while_the_worker_is_busy(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "hold").touch()
        busy = stt.open(session_id="a")
        feed(busy, 0.5)
        finishing = asyncio.create_task(busy.finish())
        await asyncio.sleep(0.01)
        partials: list[str] = []
        utterance = stt.open(session_id="b", on_partial=partials.append)
        feed(utterance, 3.0)
        (tmp_path / "hold").unlink()
        await finishing
        assert (await utterance.finish()).text == "3.0 s"
        assert not partials
    assert decoded(tmp_path) == ["0.5 s", "3.0 s"]


async def test_a_long_utterance_is_decoded_in_parts(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        utterance = stt.open()
        feed(utterance, 60.0)
        parts = [float(part) for part in (await utterance.finish()).text.split() if part != "s"]
    assert len(parts) >= 3
    assert max(parts) <= MAX_PART_S
    assert sum(parts) == pytest.approx(60.0, abs=0.3)


def test_long_audio_is_cut_in_its_quietest_place() -> None:
    loud = np.full(16_000 * 25, 8000, "<i2")
    loud[16_000 * 18 : 16_000 * 19] = 10
    assert 18 < quiet_cut(loud.tobytes()) / 32_000 < 19
    assert 15 <= quiet_cut(np.full(16_000 * 25, 8000, "<i2").tobytes()) / 32_000 <= 25


async def test_audio_that_is_too_short_for_words_is_not_decoded(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        utterance = stt.open()
        utterance.pause()
        assert (await utterance.finish()).text == ""
        short = stt.open()
        short.feed(bytes(ms_to_bytes(80)))
        assert (await short.finish()).text == ""
    assert not decoded(tmp_path)


async def test_an_overloaded_recogniser_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        stt._queue = DecodeQueue(limit=2)
        (tmp_path / "hold").touch()
        finishing = []
        for number in range(4):
            utterance = stt.open(session_id=f"{number}")
            feed(utterance, 0.5)
            finishing.append(asyncio.create_task(utterance.finish()))
        with pytest.raises(SpeechError, match="overloaded: 2 utterances wait"):
            await finishing[3]
        (tmp_path / "hold").unlink()
        assert [(await task).text for task in finishing[:3]] == ["0.5 s"] * 3


async def test_a_pause_in_an_overload_is_made_up_for_at_the_end(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "hold").touch()
        stt.decode(Decoding("other", audio(0.1), Urgency.FINAL))
        stt._queue = DecodeQueue(limit=1)
        stt.decode(Decoding("other", audio(0.1), Urgency.FINAL))
        utterance = stt.open()
        feed(utterance, 0.5)
        utterance.pause()
        (tmp_path / "hold").unlink()
        await until(lambda: len(decoded(tmp_path)) == 2)
        assert (await utterance.finish()).text == "0.5 s"


def heard(*hypotheses: tuple[str, float], no_speech: float = 0.1) -> Decoded:
    return Decoded(1, tuple(Hypothesis(*hypothesis) for hypothesis in hypotheses), no_speech)


YES_OR_NO = ("yes", "not now")


@pytest.mark.parametrize(
    ("hypotheses", "text"),
    [
        ([("Knock now.", -0.45), ("not now", -0.6)], "not now"),
        ([("Knock now.", -0.45), ("Knock.", -0.5), ("yes", -0.55), ("not now", -0.6)], "yes"),
        ([("Knock now.", -0.45), ("not now", -0.9)], "Knock now."),
        ([("yes", -0.45), ("not now", -0.46)], "yes"),
        ([("Knock now.", -0.45), ("Nickel.", -0.5)], "Knock now."),
        ([("Mm.", -1.5), ("yes", -1.5)], ""),
    ],
)
def test_an_expected_reply_is_preferred_if_it_is_almost_as_likely(
    hypotheses: list[tuple[str, float]], text: str
) -> None:
    assert chosen_text(heard(*hypotheses), YES_OR_NO.__contains__) == text


async def test_the_words_of_a_pause_come_with_others_that_are_almost_as_likely(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        found: list[tuple[str, tuple[str, ...]]] = []
        utterance = stt.open(on_partial=lambda text: found.append((text, utterance.alternatives())))
        feed(utterance, 0.5)
        utterance.pause()
        await until(lambda: found)
        utterance.abandon()
    assert found == [("0.5 s", ("0.5 s 1", "0.5 s 2", "0.5 s 3"))]


async def test_an_expected_reply_is_looked_for_in_whole_utterances_only(tmp_path: Path) -> None:
    partials: list[str] = []
    async with whisper(tmp_path) as stt:
        utterance = stt.open(expects=lambda text: text.endswith("s 2"), on_partial=partials.append)
        feed(utterance, 1.1)
        await until(lambda: partials)
        assert (await utterance.finish()).text == "1.1 s 2"
        assert partials == ["1.0 s"]
        utterance = stt.open(expects=lambda text: text.endswith("s 2"))
        feed(utterance, 30.0)
        assert not (await utterance.finish()).text.endswith("s 2")


async def test_words_for_a_hum_are_dropped(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        assert chosen_text(heard(("Thank you.", -1.0), no_speech=0.9)) == ""
        assert chosen_text(heard(("Mm.", -1.5), no_speech=0.1)) == ""
        assert chosen_text(heard(("Yes.", -0.3), no_speech=0.9)) == "Yes."
        decoding = Decoding("a", b"hum" + bytes(9999), Urgency.FINAL)
        stt.decode(decoding)
        assert await decoding.text == ""


async def test_a_failed_decoding_leaves_the_next_one_working(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        decoding = Decoding("a", b"bad" + bytes(9999), Urgency.FINAL)
        stt.decode(decoding)
        with pytest.raises(SpeechError, match="out of memory"):
            await decoding.text
        utterance = stt.open()
        feed(utterance, 0.5)
        assert (await utterance.finish()).text == "0.5 s"


async def test_when_the_worker_dies_open_utterances_fail_and_the_next_one_works(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "die").touch()
        utterance = stt.open()
        feed(utterance, 0.5)
        with pytest.raises(SpeechError, match="died"):
            await utterance.finish()
        (tmp_path / "die").unlink()
        utterance = stt.open()
        feed(utterance, 0.5)
        assert (await utterance.finish()).text == "0.5 s"


async def test_a_worker_that_cannot_work_says_why(tmp_path: Path) -> None:
    (tmp_path / "unusable").touch()
    stt = WhisperStt("whisper-tiny.en", tmp_path, worker_module=FAKE)
    with pytest.raises(SpeechError, match="CTranslate2 is not installed"):
        await stt.warm()
    utterance = stt.open()
    feed(utterance, 0.5)
    with pytest.raises(SpeechError, match="CTranslate2 is not installed"):
        await utterance.finish()
    await stt.aclose()


async def test_cancelling_the_wait_abandons_the_utterance(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "hold").touch()
        utterance = stt.open()
        feed(utterance, 0.5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await utterance.finish()
        with pytest.raises(SpeechError, match="abandoned"):
            await utterance.finish()
        (tmp_path / "hold").unlink()


async def test_an_abandoned_utterance_takes_no_work(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "hold").touch()
        busy = stt.open(session_id="a")
        feed(busy, 0.5)
        finishing = asyncio.create_task(busy.finish())
        await asyncio.sleep(0.01)
        utterance = stt.open(session_id="b")
        feed(utterance, 0.7)
        utterance.pause()
        utterance.abandon()
        utterance.abandon()
        (tmp_path / "hold").unlink()
        assert (await finishing).text == "0.5 s"
        with pytest.raises(SpeechError, match="abandoned"):
            await utterance.finish()
    assert decoded(tmp_path) == ["0.5 s"]


async def test_closing_fails_open_utterances_and_refuses_new_ones(tmp_path: Path) -> None:
    async with whisper(tmp_path) as stt:
        (tmp_path / "hold").touch()
        utterances = [stt.open(session_id=session) for session in "ab"]
        for utterance in utterances:
            feed(utterance, 0.5)
        finishing = [asyncio.create_task(utterance.finish()) for utterance in utterances]
        await asyncio.sleep(0.01)
        await stt.aclose()
        for task in finishing:
            with pytest.raises(SpeechError, match="closed"):
                await task
        with pytest.raises(SpeechError, match="closed"):
            stt.open()


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("I want to go I want to go I want to go", True),
        ("and then, and so, and then, and so,", True),
        ("five five five five five five", False),
        ("no no no no no no no no", False),
        ("one two three four one two three five", False),
        ("Yes, please.", False),
    ],
)
def test_a_loop_is_a_run_of_three_differing_words_that_repeats(text: str, loops: bool) -> None:
    assert is_loop(text) is loops

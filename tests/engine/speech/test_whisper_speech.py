"""Whisper with its own weights, and callers with Piper's voice, for which nothing here was tuned."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.realtime.audio import FORMATS
from trunkline.scenario.expected_reply import ExpectedReply
from trunkline.scenario.phrases import Phrases, Words
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date

pytestmark = pytest.mark.speech

YES = Phrases("yes please")
RETURN = Phrases("return my {item}", item=Words(["snowboard boots", "goggles"]))
BILL = Phrases("why is my last bill so high")
NUMBER = Phrases("[my number is] {number}", number=DigitGroups(3, 3, 4))
BIRTHDAY = Phrases("[i was born on] {date}", date=DateSlot())

EXPECTED = (YES, RETURN, BILL, NUMBER, BIRTHDAY)

Heard = Callable[..., Awaitable[str]]


def on_telephone(pcm: bytes) -> bytes:
    """Return audio after a telephone line: 300 to 3,400 Hz, mu-law."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(samples.size, 1 / 24_000)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    banded = np.fft.irfft(spectrum, samples.size).astype("<i2").tobytes()
    encoder, decoder = FORMATS["audio/pcmu"].encoder(), FORMATS["audio/pcmu"].decoder()
    return decoder.feed(encoder.feed(banded) + encoder.flush()) + decoder.flush()


@asynccontextmanager
async def speech_parts(models_dir: Path) -> AsyncIterator[tuple[WhisperStt, PiperTts]]:
    """A recogniser and a caller's voice."""
    stt, tts = WhisperStt("whisper-tiny.en", models_dir), PiperTts(models_dir)
    try:
        yield stt, tts
    finally:
        await stt.aclose()
        await tts.aclose()


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    """Return `await heard(text, telephone=…)`: Whisper's words for a reply to a rehearsal, in Piper's voice."""

    async def words(text: str, *, telephone: bool = False) -> str:
        async with speech_parts(tmp_path) as (stt, tts):
            pcm = bytes(14_400) + b"".join([chunk.pcm async for chunk in tts.speak(text)]) + bytes(24_000)
            expected = ExpectedReply(EXPECTED)
            utterance = stt.open(grammar=expected.grammar(), expects=expected.is_expected)
            utterance.feed(on_telephone(pcm) if telephone else pcm)
            return (await utterance.finish()).text

    return words


@pytest.mark.parametrize("telephone", [False, True], ids=["clean", "telephone"])
async def test_expected_sentences_are_understood(heard: Heard, telephone: bool) -> None:
    assert YES.match(await heard("Um, yes please.", telephone=telephone))
    assert RETURN.match(await heard("I'd like to return my snowboard boots.", telephone=telephone))
    assert BILL.match(await heard("Why is my last bill so high?", telephone=telephone))


async def test_spoken_numbers_and_dates_match_as_typed_ones(heard: Heard) -> None:
    number = NUMBER.match(await heard("My number is two oh six, seven one four, nine three eight zero."))
    assert number
    assert number.slots["number"] == "2067149380"
    born = BIRTHDAY.match(await heard("I was born on March fifth, nineteen ninety."))
    assert born
    assert str(read_date(born.slots["date"])) == "1990-03-05"


@pytest.mark.parametrize(
    "pcm",
    [
        bytes(48_000),
        np.random.default_rng(1).normal(0, 800, 36_000).astype("<i2").tobytes(),
        (np.sin(np.arange(36_000) * 2 * np.pi * 50 / 24_000) * 6000).astype("<i2").tobytes(),
    ],
    ids=["silence", "noise", "mains hum"],
)
async def test_audio_without_speech_has_no_words(tmp_path: Path, pcm: bytes) -> None:
    stt = WhisperStt("whisper-tiny.en", tmp_path)
    utterance = stt.open()
    utterance.feed(pcm)
    assert (await utterance.finish()).text == ""
    await stt.aclose()

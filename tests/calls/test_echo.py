"""Echo: the agent's voice in the caller's microphone does not interrupt the agent, and the caller still does."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.calls.echo_line import EchoLine, echo_line
from tests.synthetic_caller import said
from trunkline.caller_audio.echo_canceller import create_echo_canceller
from trunkline.calls.log_events import AudioCleared, SpeechStarted
from trunkline.realtime.audio import SAMPLE_RATE, ms_to_bytes
from trunkline.testing.virtual_time import in_virtual_time

pytest.importorskip("pywebrtc_audio", reason="the extra `local` is not installed")
pytestmark = pytest.mark.speech
REPLIES = [
    f"Reply {number}: {rest}"
    for number, rest in enumerate(
        4
        * [
            "the keeper climbs the stairs before the evening.",
            "your order was sent on Monday morning.",
            "we have three models of that board in stock.",
            "please hold on to the receipt for the shop.",
            "a quiet river runs behind the houses.",
        ],
        1,
    )
]


@pytest.fixture(scope="module")
def replies() -> dict[str, bytes]:
    """The replies in the voice of eSpeak, at the level of a telephone's announcements."""

    async def speak() -> dict[str, bytes]:
        return {text: await said(text, voice="sage") for text in REPLIES}

    return asyncio.run(speak())


@pytest.fixture(scope="module")
def caller() -> bytes:
    """A barge-in of the caller."""
    return asyncio.run(said("excuse me, I have another question"))


async def hear(line: EchoLine, count: int) -> None:
    """Let the agent give so many replies, the greeting included."""
    for number in range(count):
        if number:
            line.command(type="say", text="Go on.")
        await line.until_quiet()


def test_an_echo_at_minus_20_db_never_interrupts_20_replies(replies: dict[str, bytes]) -> None:
    @in_virtual_time
    async def test() -> None:
        async with echo_line(replies, gain_db=-20, delay_ms=120) as line:
            await hear(line, 20)
            assert line.count(SpeechStarted) == 0
            assert line.count(AudioCleared) == 0

    test()


def test_a_late_echo_never_interrupts_once_its_lag_was_found(replies: dict[str, bytes]) -> None:
    @in_virtual_time
    async def test() -> None:
        async with echo_line(replies, gain_db=-20, delay_ms=700) as line:
            await hear(line, 2)
            before = line.count(SpeechStarted)
            line.command(type="say", text="Go on.")
            await line.until_quiet()
            await hear(line, 4)
            assert line.count(SpeechStarted) == before

    test()


@pytest.mark.parametrize("after_ms", [300, 1200, 2400])
def test_a_caller_without_an_echo_is_passed_on_as_they_are(
    replies: dict[str, bytes], caller: bytes, after_ms: int
) -> None:
    canceller = create_echo_canceller()
    assert canceller is not None
    canceller.play(b"".join(list(replies.values())[:3]))
    spoken = bytes(ms_to_bytes(after_ms)) + caller[: len(caller) // 960 * 960]
    frames = [spoken[start : start + 960] for start in range(0, len(spoken), 960)]
    assert b"".join(canceller.process(frame) for frame in frames) == spoken


def test_an_echo_is_removed_once_it_was_found(replies: dict[str, bytes]) -> None:
    canceller = create_echo_canceller()
    assert canceller is not None
    played = b"".join(list(replies.values())[:3])
    canceller.play(played)
    echo = (np.frombuffer(bytes(ms_to_bytes(120)) + played, "<i2") // 10).astype("<i2").tobytes()
    frames = [echo[start : start + 960] for start in range(0, len(echo) - 960, 960)]
    cleaned = np.frombuffer(b"".join(canceller.process(frame) for frame in frames), "<i2")
    assert canceller.lag_ms == pytest.approx(120, abs=3)
    late = slice(2 * SAMPLE_RATE, None)
    assert level(cleaned[late]) < level(np.frombuffer(echo, "<i2")[late]) / 10


def level(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_without_cancellation_that_echo_interrupts(replies: dict[str, bytes]) -> None:
    @in_virtual_time
    async def test() -> None:
        async with echo_line(replies, gain_db=-20, delay_ms=120) as line:
            line.command(type="audio_report", echo_cancelled=True)  # which is not true here
            await hear(line, 3)
            assert line.count(SpeechStarted) > 0

    test()


def test_the_caller_interrupts_in_spite_of_the_echo(replies: dict[str, bytes], caller: bytes) -> None:
    @in_virtual_time
    async def test() -> None:
        async with echo_line(replies, gain_db=-20, delay_ms=120) as line:
            await hear(line, 2)
            for interruption in range(1, 6):
                line.command(type="say", text="Go on.")
                await asyncio.sleep(1.2)
                spoke_at = line.now_ms()
                line.speak(caller)
                await line.until_quiet()
                cleared = [at_ms for at_ms, event in line.events if isinstance(event, AudioCleared)]
                assert len(cleared) == interruption
                assert cleared[-1] - spoke_at < 400

    test()

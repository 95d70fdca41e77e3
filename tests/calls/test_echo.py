"""Echo: the agent's voice in the caller's microphone does not interrupt the agent, and the caller still does."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.echo_line import EchoLine, echo_line
from tests.synthetic_caller import said
from trunkline.calls.log_events import AudioCleared, SpeechStarted
from trunkline.testing.virtual_time import in_virtual_time

pytest.importorskip("pywebrtc_audio")
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

"""A caller with Piper's voice, whom Whisper hears: the first spoken turn of each built-in scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.browser.conftest import Caller, Server
from trunkline.testing.caller_voice import missing_part

pytestmark = [
    pytest.mark.browser,
    pytest.mark.speech,
    pytest.mark.realtime,
    pytest.mark.skipif(missing_part("joe", "whisper") is not None, reason="The extra `local` is not installed."),
]
Tab = Callable[[str], Caller]


@pytest.fixture(scope="module")
def whisper_server() -> Iterator[Server]:
    """A server whose recogniser is Whisper, and whose agents speak with eSpeak, which needs less of the machine."""
    running = Server(environment={"TRUNKLINE_STT": "whisper", "TRUNKLINE_TTS": "espeak"})
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("address", "greeting", "words", "understood", "answer"),
    [
        (
            "?agentConfig=simpleHandoff&transport=webrtc",
            "Hello, and welcome",
            "Yes, please.",
            "yes, please",
            "What shall yours be about",
        ),
        (
            "?agentConfig=chatSupervisor&transport=websocket",
            "How can I help you?",
            "Why is my last bill so high?",
            "my last bill",
            "ten-digit phone number",
        ),
        (
            "?agentConfig=customerServiceRetail&agent=returns&transport=websocket",
            "Jane from returns",
            "I would like to return my snowboard.",
            "return my snowboard",
            "By which phone number",
        ),
    ],
    ids=["haiku", "supervisor", "retail"],
)
def test_a_natural_voice_is_understood(
    whisper_server: Server, tab: Tab, address: str, greeting: str, words: str, understood: str, answer: str
) -> None:
    caller = tab(f"{whisper_server.url}/{address}")
    caller.hears(greeting, timeout_s=40)  # the recogniser is still loading
    caller.waits_for_sound()
    caller.waits_for_quiet(timeout_s=40)
    asked_at = caller.now()
    caller.says(words, voice="joe")
    caller.hears(answer, timeout_s=40)
    caller.hears(understood)
    caller.waits_for_sound(since=asked_at, timeout_s=40)

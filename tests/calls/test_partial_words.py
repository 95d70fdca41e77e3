"""The caller's words in the log while they speak."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.calls.call_driver import CallDriver, call
from tests.calls.webrtc_driver import webrtc_call
from trunkline.calls import commands, log_events
from trunkline.calls.machine.transcript import Status
from trunkline.scenario.context import HistoryMessage

pytestmark = pytest.mark.pure
DELTA = "conversation.item.input_audio_transcription.delta"
MESSAGES = (log_events.MessageAdded, log_events.MessageDelta, log_events.MessageDone)
ADDED = log_events.MessageAdded(item_id="speech_1", role="user", spoken=True)


def delta(text: str, item_id: str = "speech_1") -> log_events.MessageDelta:
    return log_events.MessageDelta(item_id=item_id, text=text)


def done(text: str, status: Status = "completed", item_id: str = "speech_1") -> log_events.MessageDone:
    return log_events.MessageDone(item_id=item_id, role="user", text=text, status=status)


def hears(driver: CallDriver, *words: str, item_id: str = "speech_1") -> None:
    """Let the service recognise words of the caller."""
    for word in words:
        driver.wire(DELTA, item_id=item_id, content_index=0, delta=word)


def speaking(*words: str) -> CallDriver:
    """Return a call in which the caller speaks, and the service has recognised `words`."""
    driver = call()
    driver.caller_starts_to_speak()
    hears(driver, *words)
    return driver


@pytest.mark.parametrize("make", [call, webrtc_call])
def test_words_are_logged_while_the_caller_speaks(make: Callable[[], CallDriver]) -> None:
    driver = make()
    driver.caller_starts_to_speak()
    driver.clear()
    hears(driver, "I want", " a haiku")
    assert driver.logged(*MESSAGES) == [ADDED, delta("I want"), delta(" a haiku")]


def test_the_final_text_replaces_the_words_of_one_message() -> None:
    driver = speaking("I want")
    driver.clear()
    driver.caller_stops_speaking()
    driver.transcribes("I went home.")
    assert driver.logged(*MESSAGES) == [done("I went home.")]


def test_speech_without_early_words_is_added_with_its_item() -> None:
    driver = speaking()
    assert driver.logged(*MESSAGES) == []
    driver.caller_stops_speaking()
    hears(driver, "Hello")
    assert driver.logged(*MESSAGES) == [ADDED, delta("Hello")]


def test_words_of_an_unknown_item_are_ignored() -> None:
    driver = call()
    hears(driver, "ghost")
    assert driver.logged(*MESSAGES) == []
    driver.caller_starts_to_speak()
    hears(driver, "ghost", item_id="speech_9")
    assert driver.logged(*MESSAGES) == []


def test_words_are_neither_history_nor_replayed_before_the_turn_ends() -> None:
    driver = speaking("I want")
    assert all(message.role != "user" or message.text == "hi" for message in driver.machine.transcript.history())
    driver.link_lost()
    driver.clear()
    driver.link_up()
    assert "speech_1" not in {event["item"]["id"] for event in driver.sent_of("conversation.item.create")}


def test_words_of_a_committed_turn_are_replayed_as_audio_only() -> None:
    driver = speaking()
    driver.caller_stops_speaking()
    hears(driver, "I want")
    driver.link_lost()
    driver.clear()
    driver.link_up()
    assert "speech_1" not in {event["item"]["id"] for event in driver.sent_of("conversation.item.create")}


def test_a_new_session_that_hears_the_turn_again_repeats_no_word() -> None:
    driver = speaking("I want")
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.caller_starts_to_speak("speech_2")
    hears(driver, "I want", " a haiku", item_id="speech_2")
    driver.caller_stops_speaking("speech_2")
    driver.transcribes("I want a haiku.", "speech_2")
    assert driver.logged(*MESSAGES) == [done("I want a haiku.")]


def test_each_of_two_turns_that_are_heard_again_keeps_its_message() -> None:
    driver = speaking("One")
    driver.caller_stops_speaking()
    driver.caller_starts_to_speak("speech_2")
    hears(driver, "Two", item_id="speech_2")
    driver.link_lost()
    driver.link_up()
    driver.clear()
    for number, text in ((3, "One."), (4, "Two.")):
        driver.caller_starts_to_speak(f"speech_{number}")
        driver.caller_stops_speaking(f"speech_{number}")
        driver.transcribes(text, f"speech_{number}")
    assert driver.logged(*MESSAGES) == [done("One."), done("Two.", item_id="speech_2")]


def test_speech_that_the_session_drops_ends_with_the_words_so_far() -> None:
    driver = speaking("Well")
    driver.clear()
    driver.commands(commands.PushToTalk(on=True))
    assert driver.logged(*MESSAGES) == [done("Well", "interrupted")]


def test_dropped_speech_ends_when_the_caller_speaks_again_and_is_not_replayed() -> None:
    driver = speaking("Well")
    driver.clear()
    driver.caller_starts_to_speak("speech_2")
    assert driver.logged(*MESSAGES) == [done("Well", "interrupted")]
    driver.caller_stops_speaking("speech_2")
    driver.transcribes("Hello.", "speech_2")
    assert HistoryMessage("user", "Hello.", None) in driver.machine.transcript.history()
    assert "Well" not in {message.text for message in driver.machine.transcript.history()}


def test_speech_takes_the_place_of_its_item_in_the_conversation() -> None:
    driver = speaking("Wait")
    driver.types("Typed meanwhile")
    driver.confirms_items()
    driver.caller_stops_speaking(previous=[*driver.machine.transcript.entries][-1])
    driver.transcribes("Wait a second.")
    assert [message.text for message in driver.machine.transcript.history()][-2:] == [
        "Typed meanwhile",
        "Wait a second.",
    ]

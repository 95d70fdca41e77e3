"""Interruption over WebRTC: by voice the service truncates; by button and text the call does, by the time played."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import items_of
from tests.calls.webrtc_driver import WebRtcDriver, webrtc_call, webrtc_speaking
from trunkline.calls import commands, log_events

pytestmark = pytest.mark.pure
TEXT = "one two three four five six seven eight"


def test_the_log_has_the_start_and_the_duration_of_audio() -> None:
    driver = webrtc_call()
    driver.types("Go on.")
    item_id = driver.begins_to_speak()
    assert driver.logged(log_events.AudioStarted) == [log_events.AudioStarted(item_id=item_id)]
    response_id = driver.finishes_generating(item_id)
    assert driver.logged(log_events.AudioDone) == []  # it is still being played
    driver.wait(1700)
    driver.played_out(response_id)
    assert driver.logged(log_events.AudioDone) == [log_events.AudioDone(item_id=item_id, ms=1700)]


def test_the_greeting_waits_for_the_webrtc_connection() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    assert driver.requests == 0
    driver.webrtc_connects()
    assert items_of(driver.sent) == ["user: hi"]
    assert driver.requests == 1


def test_a_second_media_ready_does_not_greet_again() -> None:
    driver = webrtc_call()
    driver.webrtc_connects()
    driver.wait(60_000)
    assert driver.sent == []
    assert driver.logged(log_events.LegJoined) == []


def test_an_interruption_by_voice_is_left_to_the_service() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(800)
    driver.talked_over(item_id, 790)
    driver.wait(1000)
    assert driver.sent == []
    assert driver.logged(log_events.AudioCleared) == [log_events.AudioCleared(item_id=item_id)]
    (truncated,) = driver.logged(log_events.MessageTruncated)
    assert (truncated.item_id, truncated.heard_ms) == (item_id, 790)


def test_the_call_truncates_if_the_service_does_not() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(800)
    driver.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
    driver.wire("output_audio_buffer.cleared", response_id="any")
    driver.wait(249)
    assert driver.sent_of("conversation.item.truncate") == []
    driver.wait(1)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 800)


@pytest.mark.parametrize("how", ["button", "text"])
def test_button_and_text_cancel_clear_and_truncate_after_250_ms(how: str) -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(900)
    interrupt(driver, how)
    assert driver.types_sent[:2] == ["response.cancel", "output_audio_buffer.clear"]
    assert driver.logged(log_events.AudioCleared) == [log_events.AudioCleared(item_id=item_id)]
    driver.wait(249)
    assert driver.sent_of("conversation.item.truncate") == []
    driver.wait(1)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 900)


@pytest.mark.parametrize("how", ["button", "text"])
def test_the_services_own_truncation_has_priority(how: str) -> None:
    driver, item_id = webrtc_speaking(TEXT)
    driver.wait(900)
    interrupt(driver, how)
    driver.wire("output_audio_buffer.cleared", response_id="any")
    driver.message_done(item_id, TEXT, "incomplete")
    driver.response_done("cancelled")
    driver.truncates(item_id, 870)
    driver.wait(1000)
    assert driver.sent_of("conversation.item.truncate") == []
    (truncated,) = driver.logged(log_events.MessageTruncated)
    assert truncated.heard_ms == 870


def test_a_truncation_by_the_call_is_logged_once() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(900)
    driver.interrupts()
    driver.response_done("cancelled")
    driver.wait(250)
    driver.truncates(item_id, 900)  # the service confirms it
    assert [event.heard_ms for event in driver.logged(log_events.MessageTruncated)] == [900]


def test_text_is_answered_once_the_model_has_the_heard_position() -> None:
    driver, _item_id = webrtc_speaking()
    driver.types("Stop, something else.")
    driver.confirms_items()
    driver.response_done("cancelled")
    assert driver.requests == 0
    driver.wait(250)
    assert driver.types_sent[-2:] == ["conversation.item.truncate", "response.create"]
    driver.wait(60_000)
    assert driver.requests == 1


def test_an_answer_whose_last_word_was_heard_just_before_the_interruption_stays_whole() -> None:
    driver, item_id = webrtc_speaking()
    response_id = driver.finishes_generating(item_id)
    driver.wait(1_500)
    driver.types("Something else.")
    driver.confirms_items()
    driver.played_out(response_id)  # it was on its way
    driver.wire("output_audio_buffer.cleared", response_id=response_id)
    assert driver.types_sent[-1] == "response.create"  # nothing waits for a truncation
    driver.wait(1_000)
    assert driver.sent_of("conversation.item.truncate") == []
    assert driver.said(item_id) == "one two three four"


@pytest.mark.parametrize("finished", [True, False])
def test_a_truncation_behind_the_end_of_the_audio_leaves_the_message_whole(finished: bool) -> None:
    driver, item_id = webrtc_speaking()
    if finished:
        driver.finishes_generating(item_id)
    driver.wait(900)  # the audio has paused, so that less of it was played
    driver.interrupts()
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    message = "Audio content of 700ms is already shorter than 900ms"
    error = {"code": "invalid_value", "message": message, "param": "audio_end_ms", "event_id": truncate["event_id"]}
    driver.wire("error", error=error)
    if not finished:
        driver.message_done(item_id, "one two three four", "incomplete")
        driver.response_done("cancelled")
    assert driver.said(item_id) == "one two three four"
    assert driver.logged(log_events.CallError) == []


def test_another_refusal_of_a_truncation_is_an_error() -> None:
    driver, _item_id = webrtc_speaking()
    driver.wait(900)
    driver.interrupts()
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    error = {"code": "item_truncate_invalid_item_id", "param": "item_id", "event_id": truncate["event_id"]}
    driver.wire("error", error=error)
    assert len(driver.logged(log_events.CallError)) == 1


def test_a_complete_response_that_still_plays_is_cleared() -> None:
    driver, item_id = webrtc_speaking()
    driver.finishes_generating(item_id)
    driver.wait(600)
    driver.interrupts()
    driver.wait(250)
    assert driver.types_sent == ["output_audio_buffer.clear", "conversation.item.truncate"]
    assert driver.said(item_id) != "one two three four"


def test_a_message_that_has_not_started_to_play_is_truncated_at_0() -> None:
    driver = webrtc_call()
    driver.types("Go on.")
    item_id = driver.begins_to_speak(audible=False)
    driver.wait(500)
    driver.interrupts()
    driver.message_done(item_id, "one two three four", "incomplete")
    driver.response_done("cancelled")
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 0)
    assert driver.said(item_id) == ""


def test_a_message_that_waits_for_another_is_truncated_at_0() -> None:
    driver, first = webrtc_speaking()
    driver.finishes_generating(first)
    driver.wire("response.created", response={"id": "resp_next", "status": "in_progress"})
    driver._responding = "resp_next"
    second = driver.speaks("five six seven eight", audible=False)
    driver.wait(700)
    driver.interrupts()
    driver.wait(250)
    cuts = [(event["item_id"], event["audio_end_ms"]) for event in driver.sent_of("conversation.item.truncate")]
    assert cuts == [(first, 700), (second, 0)]


def test_a_cancelled_message_without_audio_is_not_truncated_later() -> None:
    driver = webrtc_call()
    driver.types("Go on.")
    never = driver.begins_to_speak(audible=False)
    driver.caller_starts_to_speak()  # the service cancels it before any audio
    driver.truncates(never, 0)
    driver.caller_stops_speaking()
    item_id = driver.begins_to_speak()
    driver.clear()
    driver.wait(400)
    driver.interrupts()
    driver.wait(250)
    assert [event["item_id"] for event in driver.sent_of("conversation.item.truncate")] == [item_id]


def test_a_message_without_a_start_event_counts_as_played_once_the_next_one_starts() -> None:
    driver = webrtc_call()
    driver.types("Go on.")
    first = driver.begins_to_speak(audible=False)
    driver.finishes_generating(first)
    driver.types("And on.")
    driver.wait(250)
    driver.types("And on.")
    second = driver.begins_to_speak()
    driver.clear()
    driver.interrupts()
    driver.wait(250)
    assert [event["item_id"] for event in driver.sent_of("conversation.item.truncate")] == [second]


def test_an_interruption_of_a_silent_agent_truncates_nothing() -> None:
    driver = webrtc_call()
    driver.interrupts()
    driver.wait(1000)
    assert "conversation.item.truncate" not in driver.types_sent
    assert driver.logged(log_events.AudioCleared, log_events.MessageTruncated) == []


def interrupt(driver: WebRtcDriver, how: str) -> None:
    if how == "button":
        driver.interrupts()
    else:
        driver.types("Stop.")


def test_a_message_stopped_by_a_guardrail_is_cleared_and_truncated() -> None:
    driver = webrtc_call(guardrails={"host": ["moderation"], "poet": []})
    driver.types("Tell me everything.")
    item_id = driver.begins_to_speak("You are a fool. And so on.")
    driver.wait(500)
    driver.clear()
    driver.guardrail_finishes("fail", category="OFFENSIVE")
    assert driver.types_sent[:2] == ["response.cancel", "output_audio_buffer.clear"]
    driver.wait(250)
    (cut,) = driver.sent_of("conversation.item.truncate")
    assert (cut["item_id"], cut["audio_end_ms"]) == (item_id, 500)


def test_the_services_truncation_excludes_the_audio_that_was_still_on_its_way() -> None:
    driver, item_id = webrtc_speaking()
    driver.commands(commands.AudioReport(buffer_ms=120, output_ms=30))
    driver.wait(800)
    driver.talked_over(item_id, 790)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 670)
    driver.truncates(item_id, 670)  # the service confirms it
    driver.wait(1000)
    assert [event.heard_ms for event in driver.logged(log_events.MessageTruncated)] == [670]
    assert len(driver.sent_of("conversation.item.truncate")) == 1


def test_a_message_that_was_only_on_its_way_is_truncated_at_0() -> None:
    driver, item_id = webrtc_speaking()
    driver.commands(commands.AudioReport(buffer_ms=120))
    driver.wait(60)
    driver.talked_over(item_id, 60)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 0


@pytest.mark.parametrize("how", ["button", "text"])
def test_button_and_text_truncate_without_the_audio_on_its_way(how: str) -> None:
    driver, _item_id = webrtc_speaking()
    driver.commands(commands.AudioReport(buffer_ms=120, output_ms=30))
    driver.wait(900)
    interrupt(driver, how)
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 780


def test_a_report_from_before_webrtc_connects_counts_too() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.commands(commands.AudioReport(buffer_ms=90))
    driver.webrtc_connects()
    item_id = driver.begins_to_speak()
    driver.wait(400)
    driver.talked_over(item_id, 390)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 300


def test_a_truncation_of_an_unknown_message_changes_nothing() -> None:
    driver = webrtc_call()
    driver.clear()
    driver.wire("conversation.item.truncated", item_id="nobody", content_index=0, audio_end_ms=500)
    assert driver.logged(log_events.MessageTruncated) == []

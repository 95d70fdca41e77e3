"""Reconnecting over WebRTC: page's socket, sideband and WebRTC call are lost one by one, and no turn is lost."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import items_of
from tests.calls.webrtc_driver import WebRtcDriver, webrtc_call, webrtc_speaking
from trunkline.calls import log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.session_lifecycle import MISSED_RESPONSE_WAIT_MS

pytestmark = pytest.mark.pure


# The page's socket ----------------------------------------------------------------------------------------------------
def test_audio_continues_without_the_pages_socket() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(500)
    driver.caller_leaves()
    assert driver.sent == []
    response_id = driver.finishes_generating(item_id)
    driver.wait(2000)
    driver.webrtc_connects()
    driver.played_out(response_id)
    driver.wait(1000)
    assert driver.sent == []
    assert driver.logged(log_events.AudioCleared, log_events.MessageTruncated) == []
    assert driver.said(item_id) == "one two three four"


def test_a_page_that_kept_its_connection_has_heard_everything() -> None:
    driver, item_id = webrtc_speaking()
    driver.caller_leaves()
    driver.wait(1000)
    driver.played_out(driver.finishes_generating(item_id))
    driver.webrtc_connects()
    driver.interrupts()
    driver.wait(1000)
    assert driver.sent_of("conversation.item.truncate") == []


def test_no_response_is_requested_without_a_caller() -> None:
    driver = webrtc_call()
    driver.caller_leaves()
    driver.response_created()
    assert driver.types_sent[0] == "response.cancel"
    driver.response_done("cancelled")
    driver.webrtc_connects()
    assert driver.requests == 1


def test_the_call_ends_if_the_caller_does_not_return() -> None:
    driver = webrtc_call()
    driver.caller_leaves()
    driver.wait(30_000)
    assert driver.ended == "the caller did not come back"


# A new offer ----------------------------------------------------------------------------------------------------------
def test_a_new_offer_during_an_answer_replays_the_heard_part_and_requests_one_response() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(620)
    driver.caller_leaves()
    driver.wait(1500)  # the page is being loaded; nobody hears this
    driver.redials()
    driver.webrtc_connects()
    assert items_of(driver.sent)[-2:] == ["user: Tell me everything.", "assistant: one two"]
    assert driver.requests == 1
    (truncated,) = driver.logged(log_events.MessageTruncated)
    assert (truncated.item_id, truncated.heard_ms) == (item_id, 620)
    driver.wait(20_000)
    assert driver.requests == 1


def test_an_answer_that_nobody_heard_is_given_again() -> None:
    driver, item_id = webrtc_speaking()
    response_id = driver.finishes_generating(item_id)
    driver.wait(620)
    driver.caller_leaves()
    driver.wait(500)
    driver.played_out(response_id)
    driver.wait(500)
    driver.redials()
    driver.webrtc_connects()
    assert items_of(driver.sent)[-1] == "assistant: one two"
    assert driver.requests == 1


def test_a_new_offer_during_silence_requests_nothing() -> None:
    driver = webrtc_call()
    driver.caller_leaves()
    driver.redials()
    driver.webrtc_connects()
    driver.wait(5000)
    assert items_of(driver.sent) == ["user: hi", "assistant: Hello, I am the host."]
    assert driver.requests == 0


def test_a_new_offer_is_requested_when_the_webrtc_call_ends_and_no_turn_is_lost() -> None:
    driver, _item_id = webrtc_speaking()
    driver.webrtc_call_ends()
    assert driver.logged(log_events.LegReofferRequested) == [log_events.LegReofferRequested(reason="no such call")]
    driver.link_up()
    driver.webrtc_connects()
    assert driver.requests == 1


# Another transport ----------------------------------------------------------------------------------------------------
def test_a_fallback_to_the_relay_before_the_connection_greets_once() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.feed(inputs.LinkDropped("the caller changed the audio connection", None, 0))
    driver.joins_by_relay("no connection within 3 s")
    driver.link_up()
    assert items_of(driver.sent) == ["user: hi"]
    assert driver.requests == 1
    (joined,) = driver.logged(log_events.LegJoined)
    assert (joined.transport, joined.reason) == ("websocket", "no connection within 3 s")
    greetings = [event for event in driver.logged(log_events.MessageAdded) if event.role == "user"]
    assert len(greetings) == 1


def test_changing_to_the_relay_during_an_answer_gives_it_again_without_a_greeting() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(620)
    driver.joins_by_relay()
    driver.redials()
    driver.confirms_items()
    assert items_of(driver.sent)[-2:] == ["user: Tell me everything.", "assistant: one two"]
    assert driver.types_sent[-1] == "response.create"
    assert [event.item_id for event in driver.logged(log_events.AudioCleared)] == [item_id]
    driver.clear()
    driver.response_created()
    spoken = driver.agent_says("again", audio_ms=500)
    assert driver.played[spoken] == 500


# The sideband ---------------------------------------------------------------------------------------------------------
def test_a_resumed_sideband_gets_the_session_and_no_replay() -> None:
    driver = webrtc_call()
    driver.sideband_cut()
    driver.sideband_back()
    driver.wait(60_000)
    assert driver.types_sent == ["session.update"]
    (restored,) = driver.logged(log_events.LinkRestored)
    assert restored.replayed == 0
    assert driver.logged(log_events.LegReofferRequested) == []


def test_text_without_a_sideband_is_sent_when_it_is_resumed() -> None:
    driver = webrtc_call()
    driver.sideband_cut()
    driver.types("Are you there?")
    assert driver.sent == []
    driver.sideband_back()
    assert items_of(driver.sent) == ["user: Are you there?"]
    assert driver.types_sent[0] == "session.update"
    assert driver.types_sent[-1] == "response.create"
    assert driver.requests == 1


def test_a_tool_output_without_a_sideband_is_sent_when_it_is_resumed() -> None:
    driver = webrtc_call()
    driver.types("The weather?")
    driver.confirms_items()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.response_done()
    driver.clear()
    driver.sideband_cut()
    driver.tool_finishes(call_id, "sunny")
    driver.sideband_back()
    assert items_of(driver.sent) == ["= sunny"]
    assert driver.requests == 1


def test_an_interruption_without_a_sideband_reaches_the_model() -> None:
    driver, item_id = webrtc_speaking()
    driver.wait(500)
    driver.sideband_cut()
    driver.interrupts()
    driver.wait(250)
    driver.sideband_back()
    assert driver.types_sent == [
        "session.update", "response.cancel", "output_audio_buffer.clear", "conversation.item.truncate",
    ]  # fmt: skip
    assert driver.sent[-1]["item_id"] == item_id


def test_a_handoff_without_a_sideband_is_sent_once() -> None:
    driver = webrtc_call()
    driver.types("A poem!")
    driver.confirms_items()
    driver.response_created()
    driver.configures = False
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.clear()
    driver.sideband_cut()
    driver.configured()
    driver.sideband_back()
    driver.configured()
    (update,) = driver.sent_of("session.update")
    assert update["session"]["instructions"] == "be poet"
    assert items_of(driver.sent) == ['= {"assistant":"poet"}']
    assert driver.requests == 1


def test_text_is_answered_after_a_missed_end_of_speech() -> None:
    driver = webrtc_call()
    driver.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
    driver.sideband_cut()  # so speech_stopped is missed
    driver.sideband_back()
    driver.types("Hello?")
    assert driver.requests == 1


def test_a_missed_end_of_a_response_requests_a_new_offer() -> None:
    driver, _item_id = webrtc_speaking()
    driver.sideband_cut()
    driver.sideband_back()
    driver.wait(MISSED_RESPONSE_WAIT_MS - 1)
    assert driver.logged(log_events.LegReofferRequested) == []
    driver.wait(1)
    assert len(driver.logged(log_events.LegReofferRequested)) == 1


@pytest.mark.parametrize("times", [1, 4])
def test_a_response_that_continues_after_the_gap_requests_no_offer(times: int) -> None:
    driver, item_id = webrtc_speaking()
    driver.sideband_cut()
    driver.sideband_back()
    for _ in range(times):
        driver.wait(MISSED_RESPONSE_WAIT_MS - 1000)
        driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=" and")
    driver.finishes_generating(item_id)
    driver.wait(60_000)
    assert driver.logged(log_events.LegReofferRequested) == []


def test_a_response_requested_after_the_gap_is_not_taken_for_a_missed_one() -> None:
    driver = webrtc_call()
    driver.sideband_cut()
    driver.sideband_back()
    driver.types("Think hard.")
    driver.confirms_items()
    driver.response_created()
    driver.wait(MISSED_RESPONSE_WAIT_MS * 3)
    assert driver.logged(log_events.LegReofferRequested) == []


def test_a_missed_tool_call_is_found_in_response_done() -> None:
    driver = webrtc_call()
    driver.types("The weather?")
    driver.confirms_items()
    driver.response_created()
    driver.sideband_cut()
    driver.sideband_back()
    called = {
        "id": "item_9", "type": "function_call", "status": "completed",
        "call_id": "fc_9", "name": "weather", "arguments": "{}",
    }  # fmt: skip
    driver.response_done(output=[called])
    assert list(driver.tools) == ["fc_9"]
    driver.clear()
    driver.tool_finishes("fc_9", "sunny")
    assert items_of(driver.sent) == ["= sunny"]
    assert driver.requests == 1


def test_a_tool_call_is_not_run_again_at_response_done() -> None:
    driver = webrtc_call()
    driver.types("The weather?")
    driver.confirms_items()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.tool_finishes(call_id)
    called = {
        "id": f"item_{call_id}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": "weather",
    }
    driver.response_done(output=[called])
    assert driver.tools == {}
    assert len(driver.logged(log_events.ToolStarted)) == 1


def test_a_missed_message_is_in_the_transcript() -> None:
    driver = webrtc_call()
    driver.types("Tell me.")
    driver.confirms_items()
    driver.response_created()
    driver.sideband_cut()
    driver.sideband_back()
    content = [{"type": "output_audio", "transcript": "This is all."}]
    message = {"id": "msg_x", "type": "message", "role": "assistant", "status": "completed", "content": content}
    driver.response_done(output=[message])
    assert driver.said("msg_x") == "This is all."
    (done,) = driver.logged(log_events.MessageDone)[-1:]
    assert (done.text, done.status) == ("This is all.", "completed")

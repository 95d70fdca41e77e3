"""A call over WebRTC on another server: the same session, what was said meanwhile, and each turn answered once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import items_of
from tests.calls.taken_over_driver import TakenOverDriver, answer, tool_call, turn
from tests.calls.webrtc_driver import WebRtcDriver, webrtc_call, webrtc_speaking
from trunkline.calls import commands, log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.effects import Connecting
from trunkline.calls.machine.missed_items import ANSWER_WAIT_MS
from trunkline.calls.machine.restoration import OUTCOME_UNKNOWN, REANCHOR
from trunkline.calls.machine.session_lifecycle import MISSED_RESPONSE_WAIT_MS

pytestmark = pytest.mark.pure
STORY = "one two three four"


def taken_over(former: WebRtcDriver, *, lost: int = 0) -> TakenOverDriver:
    """Return the driver of the next server, attached to the session, with its page back."""
    driver = TakenOverDriver(former, lost=lost)
    driver.attaches()
    driver.comes_back()
    return driver


def last_item(driver: WebRtcDriver) -> str:
    """Return the id of the last item that a session has confirmed."""
    added = [
        entry.event.event["item"]["id"]
        for entry in driver.log
        if isinstance(entry.event, log_events.WireReceived) and entry.event.event["type"] == "conversation.item.added"
    ]
    return str(added[-1])


# The same session -----------------------------------------------------------------------------------------------------
def test_the_session_is_continued_without_a_replay_or_a_new_offer() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows(last_item(former))
    driver.wait(60_000)
    assert driver.types_sent == ["session.update", "conversation.item.create", "conversation.item.delete"]
    assert driver.logged(log_events.LegReofferRequested) == []
    (restored,) = driver.logged(log_events.LinkRestored)
    assert restored.replayed == 0


def test_the_caller_is_not_greeted_again() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows(last_item(former))
    assert driver.requests == 0
    assert driver.logged(log_events.MessageAdded) == []


def test_a_greeting_that_the_log_lost_is_not_asked_for_again() -> None:
    former = WebRtcDriver()
    former.link_up()
    before = len(former.log)
    former.webrtc_connects()
    hidden = {"id": "hi", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    driver = taken_over(former, lost=len(former.log) - before)
    driver.shows("hi", hidden)
    (added,) = driver.logged(log_events.MessageAdded)
    assert added.hidden
    assert driver.requests == 1
    assert items_of(driver.sent) == ["system: The application has connected again."]


def test_the_next_question_is_answered() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows(last_item(former))
    driver.types("And now?")
    assert items_of(driver.sent)[-1] == "user: And now?"
    assert driver.requests == 1


def test_nothing_is_requested_before_the_search_is_over() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.types("And now?")
    assert driver.requests == 0
    driver.shows(last_item(former))
    assert driver.requests == 1


def test_a_service_that_does_not_answer_the_search_delays_the_call_for_a_limited_time() -> None:
    driver = taken_over(webrtc_call())
    driver.types("And now?")
    driver.wait(ANSWER_WAIT_MS)
    assert driver.requests == 1


def test_the_search_begins_again_with_the_sideband() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.sideband_cut()
    driver.clear()
    driver.attaches()
    driver.shows(last_item(former))
    driver.types("And now?")
    assert driver.requests == 1


# An answer in progress ------------------------------------------------------------------------------------------------
def test_an_answer_in_progress_is_not_touched() -> None:
    former, item_id = webrtc_speaking()
    driver = taken_over(former)
    driver.shows(item_id, answer(item_id, "", "in_progress"))
    driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=" five")
    response_id = driver.finishes_generating(item_id, "one two three four and five")
    driver.wait(2000)
    driver.played_out(response_id)
    driver.wait(60_000)
    assert driver.requests == 0
    assert driver.sent_of("response.cancel") == driver.sent_of("output_audio_buffer.clear") == []
    assert driver.logged(log_events.AudioCleared, log_events.LegReofferRequested) == []
    assert driver.said(item_id) == "one two three four and five"


def test_the_words_of_an_answer_that_ended_meanwhile_are_fetched() -> None:
    former, item_id = webrtc_speaking()
    driver = taken_over(former)
    driver.shows(item_id, answer(item_id, "one two three four and five"))
    (done,) = driver.logged(log_events.MessageDone)
    assert (done.text, done.status) == ("one two three four and five", "completed")
    driver.wait(60_000)
    assert driver.requests == 0
    assert driver.logged(log_events.LegReofferRequested) == []
    driver.types("And now?")
    assert driver.requests == 1


def test_fetched_audio_is_not_in_the_log() -> None:
    former, item_id = webrtc_speaking()
    driver = taken_over(former)
    driver.shows(item_id, answer(item_id, STORY))
    shown = [event.event for event in driver.logged(log_events.WireReceived)]
    (item,) = [event["item"] for event in shown if event["type"] == "conversation.item.retrieved"]
    assert item["content"] == [{"type": "output_audio", "transcript": STORY, "audio": "[audio]"}]


def test_a_response_that_begins_before_the_page_is_back_is_not_cancelled() -> None:
    former = webrtc_call()
    driver = TakenOverDriver(former)
    driver.attaches()
    driver.response_created()
    assert driver.sent_of("response.cancel") == []


def test_the_answer_that_was_requested_is_not_requested_again() -> None:
    former = webrtc_call()
    former.types("Tell me everything.")
    former.confirms_items()
    former.response_created()
    driver = taken_over(former)
    driver.shows(last_item(former))
    driver.speaks(STORY)
    driver.wait(60)
    assert driver.requests == 0


def test_an_answer_that_never_came_is_requested_again() -> None:
    former = webrtc_call()
    former.types("Tell me everything.")
    former.confirms_items()
    driver = taken_over(former)
    asked = last_item(former)
    driver.shows(asked)
    assert driver.requests == 0  # the former server's request may still be answered
    driver.wait(MISSED_RESPONSE_WAIT_MS)
    driver.shows(asked)
    driver.wait(MISSED_RESPONSE_WAIT_MS)
    assert driver.requests == 1
    assert driver.logged(log_events.LegReofferRequested) == []


def test_an_answer_that_began_and_ended_meanwhile_is_in_the_transcript() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows("msg_x", answer("msg_x", "This is all."))
    assert driver.said("msg_x") == "This is all."
    driver.wait(60_000)
    assert driver.requests == 0


def test_guardrails_check_an_answer_that_they_had_not_checked_whole() -> None:
    guarded: dict[str, Any] = {"guardrails": {"host": ["moderation"]}}
    former = webrtc_call(**guarded)
    former.types("Tell me everything.")
    item_id = former.begins_to_speak("One. ")
    driver = TakenOverDriver(former, **guarded)
    driver.attaches()
    driver.comes_back()
    driver.guardrail_finishes()
    driver.shows(item_id, answer(item_id, "One. Two is bad."))
    assert driver.checks[-1].text == "One. Two is bad."
    driver.guardrail_finishes("fail")
    assert driver.sent_of("output_audio_buffer.clear")


# The caller's turns ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["Are you there?", None])
def test_a_turn_that_nobody_heard_is_answered(text: str | None) -> None:
    """The service starts the answer by itself; if it does not, the machine requests it."""
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows("speech_9", turn("speech_9", text))
    if text is None:
        driver.transcribes("Are you there?", "speech_9")
    assert driver.said("speech_9") == "Are you there?"
    driver.wait(2_900)
    assert driver.requests == 0
    driver.wait(200)
    assert driver.requests == 1


def test_a_turn_that_the_call_must_answer_itself_is_answered_at_once() -> None:
    detection = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    changes: dict[str, Any] = {
        "turn_detection": detection,
        "interruption": "words",
        "word_transports": frozenset({"webrtc"}),
    }
    former = webrtc_call(**changes)
    driver = TakenOverDriver(former, **changes)
    driver.attaches()
    driver.comes_back()
    driver.shows("speech_9", turn("speech_9", "Are you there?"))
    assert driver.requests == 1


def test_a_transcript_that_was_missed_is_fetched() -> None:
    former = webrtc_call()
    former.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
    former.caller_stops_speaking(previous=last_item(former))
    driver = taken_over(former)
    driver.shows("speech_1", turn("speech_1", "Are you there?"))
    assert driver.said("speech_1") == "Are you there?"


def test_a_transcript_of_a_turn_that_nobody_heard_is_in_the_log() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows("msg_x", answer("msg_x", "I am."))
    driver.transcribes("Are you there?", "speech_9")
    messages = [event.item_id for event in driver.logged(log_events.MessageAdded)]
    assert messages == ["msg_x", "speech_9"]
    assert driver.said("speech_9") == "Are you there?"
    assert driver.requests == 0


def test_text_that_may_not_have_arrived_is_sent_again_under_its_id() -> None:
    former = webrtc_call()
    former.types("Are you there?")
    (sent,) = former.sent_of("conversation.item.create")
    driver = taken_over(former)
    (again,) = [event for event in driver.sent_of("conversation.item.create") if event["item"]["role"] == "user"]
    assert again["item"] == sent["item"]
    assert again["event_id"] == f"again_{sent['item']['id']}"


def test_speech_whose_end_nobody_reports_does_not_block_the_call() -> None:
    former = webrtc_call()
    former.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
    driver = taken_over(former)
    assert [event.item_id for event in driver.logged(log_events.SpeechStopped)] == ["speech_1"]
    driver.shows(last_item(former))
    driver.types("And now?")
    assert driver.requests == 1


def test_audio_that_the_page_holds_is_resumed() -> None:
    changes: dict[str, Any] = {"interruption": "words", "word_transports": frozenset({"webrtc"})}
    former = webrtc_call(**changes)
    former.types("Tell me everything.")
    former.begins_to_speak()
    former.wire("input_audio_buffer.speech_started", item_id="speech_1", audio_start_ms=100)
    assert former.logged(log_events.AudioDucked)
    driver = TakenOverDriver(former, **changes)
    (resumed,) = driver.logged(log_events.AudioResumed)
    assert resumed.item_id == "speech_1"


# Tools ----------------------------------------------------------------------------------------------------------------
def test_a_tool_that_the_model_called_meanwhile_is_run_and_answered() -> None:
    former = webrtc_call()
    former.types("The weather?")
    former.confirms_items()
    former.response_created()
    driver = taken_over(former)
    driver.shows("call_x", tool_call("call_x", "weather"))
    assert [tool.name for tool in driver.tools.values()] == ["weather"]
    driver.tool_finishes("fc_missed", "sunny")
    assert items_of(driver.sent)[-1] == "= sunny"
    assert driver.requests == 1


def test_a_handoff_that_was_not_done_is_done() -> None:
    former = webrtc_call()
    former.types("A poem!")
    former.confirms_items()
    former.response_created()
    former.configures = False
    former.model_calls("transfer_to_poet")
    driver = taken_over(former)
    driver.shows(last_item(former))
    (changed,) = driver.logged(log_events.AgentChanged)
    assert changed.agent == "poet"
    assert driver.requests == 1


def test_a_tool_with_a_result_is_not_run_again_when_the_response_ends() -> None:
    former = webrtc_call()
    former.types("The weather?")
    former.confirms_items()
    former.response_created()
    call_id = former.model_calls("weather")
    former.tool_finishes(call_id, "sunny")
    driver = taken_over(former)
    driver.shows(former.sent_of("conversation.item.create")[-1]["item"]["id"])
    driver.response_done(output=[tool_call(f"item_{call_id}", "weather", call_id)])
    assert driver.tools == {}
    assert driver.logged(log_events.ToolStarted) == []


def test_a_tool_that_was_running_is_not_run_again_and_the_model_reads_so() -> None:
    former = webrtc_call()
    former.types("The weather?")
    former.confirms_items()
    former.response_created()
    call_id = former.model_calls("weather")
    former.response_done()
    driver = taken_over(former)
    driver.shows(last_item(former))
    assert driver.tools == {}
    (done,) = driver.logged(log_events.ToolDone)
    assert (done.call_id, done.error) == (call_id, OUTCOME_UNKNOWN)
    assert driver.requests == 1


def test_an_approval_that_was_waiting_is_asked_for_again() -> None:
    former = webrtc_call()
    former.types("The weather?")
    former.confirms_items()
    former.response_created()
    call_id = former.model_calls("weather")
    former.feed(inputs.ApprovalRequested(call_id, "{}"))
    former.response_done()
    driver = taken_over(former)
    driver.shows(last_item(former))
    assert list(driver.tools) == [call_id]
    driver.feed(inputs.ApprovalRequested(call_id, "{}"))
    driver.commands(commands.Approve(call_id, True))
    assert driver.approved == {call_id: True}


def test_an_approval_that_a_hosted_server_waits_for_still_counts() -> None:
    former = webrtc_call()
    former.types("The manual?")
    former.confirms_items()
    former.response_created()
    asked = {"id": "mcpr_1", "type": "mcp_approval_request", "name": "look", "arguments": "{}", "server_label": "docs"}
    former.wire("conversation.item.added", item=asked)
    former.wire("response.output_item.done", item=asked)
    former.response_done()
    driver = taken_over(former)
    driver.shows("mcpr_1")
    assert driver.tools == {}
    assert driver.logged(log_events.ToolDone) == []
    driver.commands(commands.Approve("mcpr_1", True))
    response = driver.sent_of("conversation.item.create")[-1]["item"]
    assert (response["type"], response["approval_request_id"]) == ("mcp_approval_response", "mcpr_1")
    assert driver.requests == 1


# Playout --------------------------------------------------------------------------------------------------------------
def test_an_interruption_after_the_take_over_truncates_at_the_heard_position() -> None:
    former, item_id = webrtc_speaking()
    former.wait(1000)
    driver = taken_over(former)  # 800 ms later
    driver.shows(item_id, answer(item_id, STORY))
    driver.wait(200)
    driver.interrupts()
    driver.wait(250)
    (truncated,) = driver.sent_of("conversation.item.truncate")
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 2000)


def test_the_end_of_the_audio_that_was_missed_is_known_by_the_silence_of_the_page() -> None:
    former, item_id = webrtc_speaking()
    driver = taken_over(former)
    driver.page_hears(audible=False, since_ms=500)
    driver.shows(item_id, answer(item_id, STORY))
    assert driver.logged(log_events.AudioDone) == []
    driver.wait(500)
    assert [event.item_id for event in driver.logged(log_events.AudioDone)] == [item_id]


@pytest.mark.parametrize("reported", [True, False])
def test_audio_that_was_played_without_a_server_counts_as_heard(reported: bool) -> None:
    former = webrtc_call()
    former.types("Tell me everything.")
    item_id = former.begins_to_speak(STORY, audible=False)
    response_id = former.finishes_generating(item_id)
    driver = taken_over(former)
    driver.shows(item_id)
    if reported:  # its start was not
        driver.played_out(response_id)
    else:
        driver.page_hears(audible=False, since_ms=200)
        driver.wait(1000)
    driver.types("And now?")
    driver.wait(1000)
    assert driver.sent_of("conversation.item.truncate") == []
    assert driver.said(item_id) == ""  # so it stays as the former server has logged it


def test_the_end_of_a_later_answer_ends_an_earlier_one_too() -> None:
    former, item_id = webrtc_speaking()
    former.message_done(item_id, STORY)
    call_id = former.model_calls("weather")
    former.response_done()
    former.tool_finishes(call_id)
    later = former.begins_to_speak(STORY, audible=False)
    response_id = former.finishes_generating(later)
    driver = taken_over(former)
    driver.shows(later)
    driver.played_out(response_id)
    driver.types("And now?")
    driver.wait(1000)
    assert driver.sent_of("conversation.item.truncate") == []


def test_the_audio_of_an_answer_that_the_page_hears_plays() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows("msg_x", answer("msg_x", STORY))
    driver.page_hears(audible=True)
    assert [event.item_id for event in driver.logged(log_events.AudioStarted)] == ["msg_x"]
    driver.played_out("resp_x")
    assert [event.item_id for event in driver.logged(log_events.AudioDone)] == ["msg_x"]


# The WebRTC call is over ----------------------------------------------------------------------------------------------
def test_a_webrtc_call_that_is_over_is_offered_again_with_the_conversation() -> None:
    former, item_id = webrtc_speaking()
    driver = TakenOverDriver(former)
    driver.refused()
    driver.comes_back()
    assert len(driver.logged(log_events.LegReofferRequested)) == 1
    driver.clear()
    driver.link_up()
    driver.webrtc_connects("leg_2")
    assert items_of(driver.sent)[-1] == f"system: {REANCHOR}"
    assert driver.requests == 1
    assert item_id in [event["item"]["id"] for event in driver.sent_of("conversation.item.create")]


def test_a_session_that_is_lost_later_needs_no_note() -> None:
    former = webrtc_call()
    driver = taken_over(former)
    driver.shows(last_item(former))
    driver.webrtc_call_ends()
    driver.clear()
    driver.link_up()
    assert REANCHOR not in str(items_of(driver.sent))


def test_the_callers_settings_continue() -> None:
    former = webrtc_call()
    former.commands(commands.PushToTalk(on=True))
    driver = taken_over(former)
    assert driver.machine.configuration().purpose == Connecting(0, log_events.CallSettings(push_to_talk=True), None)

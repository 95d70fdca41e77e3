"""What a service gets wrong, and limits: sessions that only fail, fall silent or grow old; calls that last too long."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from tests.calls.webrtc_driver import WebRtcDriver, webrtc_call
from trunkline.calls import commands, log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.session_lifecycle import RENEWAL_GRACE_MS, RENEWAL_RETRY_MS, STALL_TIMEOUT_MS

HOUR = 3_600_000.0


def resumed_call() -> WebRtcDriver:
    """A WebRTC call whose sideband was cut while nobody spoke, and is back."""
    driver = webrtc_call()
    driver.feed(inputs.LinkDropped("the connection broke", None, 250, resumable=True))
    driver.feed(inputs.LinkOpened(resumed=True))
    driver.clear()
    return driver


def asked_something(driver: CallDriver) -> None:
    driver.types("Something?")
    driver.confirms_items()
    driver.response_created()
    driver.clear()


def fails(driver: CallDriver, **error: Any) -> None:
    driver.response_done("failed", status_details={"type": "failed", "error": error})


def test_a_session_that_only_fails_is_made_anew_and_the_turn_asked_again() -> None:
    driver = call()
    asked_something(driver)
    fails(driver, type="server_error", message="The server had an error.")
    assert driver.renewals == []
    driver.wait(1_000)
    assert driver.requests == 1
    driver.response_created()
    driver.clear()
    fails(driver, type="server_error", message="The server had an error.")
    assert [renewal.make_before_break for renewal in driver.renewals] == [False]
    assert driver.requests == 0  # not of the session that fails
    driver.link_lost(retry_in_ms=0)
    driver.link_up()
    assert driver.requests == 1


def test_a_content_filter_is_explained_to_the_model_which_answers_again() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done("incomplete", status_details={"type": "incomplete", "reason": "content_filter"})
    assert "content filter" in items_of(driver.sent)[0]
    driver.confirms_items()
    assert driver.requests == 1


def test_a_model_that_falls_silent_in_an_answer_gets_another_session() -> None:
    driver = call()
    asked_something(driver)
    driver.wait(STALL_TIMEOUT_MS)
    assert [renewal.make_before_break for renewal in driver.renewals] == [False]
    assert driver.logged(log_events.CallError)[0].code == "stalled"


def test_a_model_that_goes_on_answering_is_left_alone() -> None:
    driver = call()
    asked_something(driver)
    item_id = driver.agent_says("On and", finished=False)
    for _piece in range(5):
        driver.wait(STALL_TIMEOUT_MS / 2)
        driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=" on")
    driver.message_done(item_id, "On and on")
    driver.response_done()
    driver.wait(STALL_TIMEOUT_MS * 2)
    assert driver.renewals == []


def test_a_session_is_made_anew_before_its_hour_is_over() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.wait(HOUR - 6 * RENEWAL_GRACE_MS)
    assert driver.renewals == []
    driver.wait(2 * RENEWAL_GRACE_MS)
    assert [renewal.make_before_break for renewal in driver.renewals] == [True]
    driver.clear()
    driver.feed(inputs.LinkOpened(renewed=True))
    (rolled,) = driver.logged(log_events.LinkRolledOver)
    assert rolled.replayed == 2
    assert driver.types_sent[:2] == ["session.update", "conversation.item.create"]
    assert driver.requests == 0
    assert driver.logged(log_events.LinkLost, log_events.LinkRestored) == []


def test_a_session_is_not_made_anew_while_somebody_speaks() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.caller_starts_to_speak()
    driver.wait(HOUR - 4 * RENEWAL_GRACE_MS)
    assert driver.renewals == []
    driver.caller_stops_speaking()
    driver.response_created()
    item_id = driver.agent_says("Well.")
    driver.response_done()
    driver.reports(item_id, 1000)
    assert [renewal.make_before_break for renewal in driver.renewals] == [True]


def test_a_session_is_made_anew_at_the_last_even_if_somebody_speaks() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.caller_starts_to_speak()
    driver.wait(HOUR - RENEWAL_GRACE_MS)
    driver.types("Still here.")
    assert len(driver.renewals) == 1


def test_over_webrtc_the_page_makes_it_anew() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.feed(inputs.CallerJoined("leg_1", "webrtc"))
    driver.wait(HOUR - 4 * RENEWAL_GRACE_MS)
    assert driver.renewals == []
    assert driver.logged(log_events.LegReofferRequested)


def test_a_renewal_that_fails_is_tried_again() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.wait(HOUR - 4 * RENEWAL_GRACE_MS)
    driver.feed(inputs.RenewalFailed("429"))
    driver.wait(RENEWAL_RETRY_MS)
    assert len(driver.renewals) == 2


def test_a_call_that_lasts_too_long_ends_with_a_goodbye() -> None:
    driver = call(max_call_ms=600_000)
    driver.wait(545_000)
    assert driver.logged(log_events.Notice)[0].code == "call_limit_near"
    driver.clear()
    driver.wait(60_000)
    assert "Say goodbye" in items_of(driver.sent)[0]
    driver.answers("Goodbye!")
    assert driver.ended is None
    driver.wait(10_000)
    assert driver.ended == "the call reached its maximum duration"


def test_a_caller_who_says_nothing_for_long_is_taken_leave_of() -> None:
    driver = call(idle_timeout_ms=120_000)
    driver.wait(100_000)
    driver.types("Still here.")
    driver.answers("Good.")
    driver.wait(100_000)
    assert driver.ended is None
    driver.wait(40_000)
    assert driver.ended == "the caller was silent for too long"


@pytest.mark.parametrize("speaks", ["types", "says"])
def test_a_caller_who_speaks_up_while_they_are_taken_leave_of_stays(speaks: str) -> None:
    driver = call(idle_timeout_ms=120_000)
    driver.wait(121_000)
    driver.confirms_items()
    driver.response_created()
    item_id = driver.agent_says("Goodbye!", audio_ms=3000)
    driver.response_done()
    driver.wait(1_000)
    driver.reports(item_id, 900)  # to hear the goodbye is not to speak up
    driver.clear()
    if speaks == "types":
        driver.types("No, wait!")
    else:
        driver.caller_starts_to_speak()
        driver.caller_stops_speaking()
    assert any("there after all" in item for item in items_of(driver.sent))
    driver.wait(60_000)
    assert driver.ended is None
    driver.wait(120_000)
    assert driver.ended == "the caller was silent for too long"


def test_a_model_that_calls_tools_for_ever_is_told_to_speak() -> None:
    driver = call()
    asked_something(driver)
    for _round in range(40):
        call_id = driver.model_calls("clock")
        if call_id not in driver.tools:
            break
        driver.tool_finishes(call_id)
    assert driver.logged(log_events.CallError)[0].code == "too_many_calls"
    assert "Speak to the caller" in items_of(driver.sent)[-1]


def test_a_tool_waits_for_the_callers_approval() -> None:
    driver = call()
    asked_something(driver)
    call_id = driver.model_calls("weather", '{"city": "Oslo"}')
    driver.feed(inputs.ApprovalRequested(call_id, '{"city": "Oslo"}'))
    (needed,) = driver.logged(log_events.ApprovalNeeded)
    assert (needed.call_id, needed.name, needed.arguments) == (call_id, "weather", {"city": "Oslo"})
    driver.commands(commands.Approve(call_id, True))
    driver.commands(commands.Approve(call_id, False))  # a second press changes nothing
    assert driver.approved == {call_id: True}
    assert len(driver.logged(log_events.ApprovalResolved)) == 1


def test_an_approval_is_for_whoever_called_the_tool_also_after_a_handoff() -> None:
    driver = call()
    asked_something(driver)
    call_id = driver.model_calls("weather")
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.types("Go on.")
    driver.confirms_items()
    driver.response_created()
    driver.feed(inputs.ApprovalRequested(call_id, "{}"))
    (needed,) = driver.logged(log_events.ApprovalNeeded)
    assert (driver.machine.agent, needed.agent) == ("poet", "host")


def test_an_approval_that_never_comes_is_told_as_none() -> None:
    driver = call()
    asked_something(driver)
    call_id = driver.model_calls("weather")
    driver.feed(inputs.ApprovalRequested(call_id, "{}"))
    driver.tool_finishes(call_id, error="the caller did not allow it")
    assert driver.logged(log_events.ApprovalResolved)[0].approved is False


def test_an_approval_of_nothing_is_ignored() -> None:
    driver = call()
    driver.commands(commands.Approve("fc_9", True))
    assert (driver.approved, driver.events) == ({}, [])


def test_what_was_said_wholly_in_a_gap_of_the_sideband_is_fetched() -> None:
    driver = resumed_call()
    item = {"id": "msg_9", "type": "message", "role": "assistant", "content": []}
    driver.wire("conversation.item.added", item=item, previous_item_id="speech_missed")
    assert driver.sent_of("conversation.item.retrieve") == [
        {"type": "conversation.item.retrieve", "item_id": "speech_missed"}
    ]
    content = [{"type": "input_audio", "transcript": "What time is it?"}]
    missed = {"id": "speech_missed", "type": "message", "role": "user", "content": content}
    driver.wire("conversation.item.retrieved", item=missed)
    assert driver.said("speech_missed") == "What time is it?"


def test_a_call_of_a_tool_wholly_in_a_gap_is_run() -> None:
    driver = resumed_call()
    item = {"id": "msg_9", "type": "message", "role": "user", "content": []}
    driver.wire("conversation.item.added", item=item, previous_item_id="item_fc")
    call_item = {"id": "item_fc", "type": "function_call", "call_id": "fc", "name": "clock", "arguments": "{}"}
    driver.wire("conversation.item.retrieved", item=call_item)
    assert list(driver.tools) == ["fc"]


def test_an_account_without_quota_is_told_and_not_asked_again() -> None:
    driver = call()
    asked_something(driver)
    fails(driver, type="insufficient_quota", code="insufficient_quota", message="You exceeded your current quota.")
    driver.wait(60_000)
    assert driver.requests == 0
    (error,) = driver.logged(log_events.CallError)
    assert error.hint

"""Session renewal: stalled sessions, sessions close to their time limit, and items missed while a sideband was down."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import asked_something, call
from tests.calls.webrtc_driver import WebRtcDriver, webrtc_call
from trunkline.calls import log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.session_lifecycle import RENEWAL_GRACE_MS, RENEWAL_RETRY_MS
from trunkline.calls.machine.stall_watch import STALL_NOTICE_MS

pytestmark = pytest.mark.pure
HOUR = 3_600_000.0


def resumed_call() -> WebRtcDriver:
    """Return a WebRTC call after its sideband was lost and resumed while nobody spoke."""
    driver = webrtc_call()
    driver.feed(inputs.LinkDropped("the connection broke", None, 250, resumable=True))
    driver.feed(inputs.LinkOpened(resumed=True))
    driver.clear()
    return driver


def test_a_model_that_stalls_during_a_response_gets_a_new_session() -> None:
    driver = call()
    asked_something(driver)
    driver.wait(driver.machine.plan.stall_timeout_ms)
    assert [renewal.make_before_break for renewal in driver.renewals] == [False]
    assert driver.logged(log_events.CallError)[0].code == "stalled"


def test_a_model_that_is_silent_for_five_seconds_is_in_the_log_once() -> None:
    driver = call()
    asked_something(driver)
    driver.wait(STALL_NOTICE_MS - 1)
    assert driver.logged(log_events.TurnStalled) == []
    driver.wait(driver.machine.plan.stall_timeout_ms - STALL_NOTICE_MS)
    assert driver.logged(log_events.TurnStalled) == [log_events.TurnStalled(reason="model", silent_ms=5_000)]
    assert driver.renewals == []


def test_a_model_that_sends_only_audio_is_not_silent() -> None:
    driver = call()
    asked_something(driver)
    item_id = driver.agent_says("A long story.", finished=False)
    for _second in range(30):
        driver.wait(1_000)
        driver.audio(item_id, 1_000)
    assert driver.logged(log_events.TurnStalled) == []
    driver.wait(STALL_NOTICE_MS)
    assert len(driver.logged(log_events.TurnStalled)) == 1


def test_a_model_that_continues_and_stalls_again_is_in_the_log_again() -> None:
    driver = call()
    asked_something(driver)
    driver.wait(STALL_NOTICE_MS)
    driver.wire("response.output_item.added", item={"type": "message", "id": "m1", "role": "assistant"})
    driver.wait(STALL_NOTICE_MS)
    assert len(driver.logged(log_events.TurnStalled)) == 2


def test_a_response_that_the_service_has_started_by_itself_may_stall_too() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.response_created()
    driver.wait(driver.machine.plan.stall_timeout_ms)
    assert len(driver.logged(log_events.TurnStalled)) == 1
    assert len(driver.renewals) == 1


def test_a_caller_who_speaks_to_a_silent_model_gets_a_notice_of_their_own() -> None:
    driver = call()
    asked_something(driver)
    driver.wait(STALL_NOTICE_MS)
    driver.types("Hello?")
    driver.wait(STALL_NOTICE_MS)
    assert [stall.reason for stall in driver.logged(log_events.TurnStalled)] == ["model", "request"]


def test_a_pause_before_a_retry_is_a_stall() -> None:
    driver = call()
    asked_something(driver)
    error = {"code": "rate_limit_exceeded", "message": "Try again in 8 s."}
    driver.response_done("failed", status_details={"type": "failed", "error": error})
    driver.wait(STALL_NOTICE_MS)
    assert driver.logged(log_events.TurnStalled) == [log_events.TurnStalled(reason="request", silent_ms=5_000)]


def test_a_call_that_waits_for_its_caller_or_a_tool_never_stalls() -> None:
    driver = call()
    driver.wait(60_000)
    asked_something(driver)
    driver.model_calls("weather")
    driver.response_done()
    driver.wait(60_000)
    assert driver.logged(log_events.TurnStalled) == []


def test_a_slow_response_is_not_a_stall() -> None:
    driver = call()
    asked_something(driver)
    item_id = driver.agent_says("On and", finished=False)
    for _piece in range(5):
        driver.wait(driver.machine.plan.stall_timeout_ms / 2)
        driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta=" on")
    driver.message_done(item_id, "On and on")
    driver.response_done()
    driver.wait(driver.machine.plan.stall_timeout_ms * 2)
    assert driver.renewals == []


def test_a_session_is_renewed_before_its_time_limit() -> None:
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


def test_a_session_is_not_renewed_while_somebody_speaks() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.caller_starts_to_speak()
    driver.caller_audio(HOUR - 4 * RENEWAL_GRACE_MS, step_ms=1000)
    assert driver.renewals == []
    driver.caller_stops_speaking()
    driver.response_created()
    item_id = driver.agent_says("Well.")
    driver.response_done()
    driver.reports(item_id, 1000)
    assert [renewal.make_before_break for renewal in driver.renewals] == [True]


def test_an_overdue_session_is_renewed_even_if_somebody_speaks() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.caller_starts_to_speak()
    driver.wait(HOUR - RENEWAL_GRACE_MS)
    driver.types("Still here.")
    assert len(driver.renewals) == 1


def test_over_webrtc_the_page_is_asked_for_a_new_offer() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.feed(inputs.CallerJoined("leg_1", "webrtc"))
    driver.wait(HOUR - 4 * RENEWAL_GRACE_MS)
    assert driver.renewals == []
    assert driver.logged(log_events.LegReofferRequested)


def test_a_failed_renewal_is_tried_again() -> None:
    driver = call(session_limit_ms=HOUR)
    driver.wait(HOUR - 4 * RENEWAL_GRACE_MS)
    driver.feed(inputs.RenewalFailed("429"))
    driver.wait(RENEWAL_RETRY_MS)
    assert len(driver.renewals) == 2


def test_a_message_that_the_sideband_missed_is_retrieved() -> None:
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


def test_a_tool_call_that_the_sideband_missed_is_run() -> None:
    driver = resumed_call()
    item = {"id": "msg_9", "type": "message", "role": "user", "content": []}
    driver.wire("conversation.item.added", item=item, previous_item_id="item_fc")
    call_item = {"id": "item_fc", "type": "function_call", "call_id": "fc", "name": "clock", "arguments": "{}"}
    driver.wire("conversation.item.retrieved", item=call_item)
    assert list(driver.tools) == ["fc"]

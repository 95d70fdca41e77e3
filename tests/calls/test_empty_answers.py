"""A response that ends without audio and without a tool call is requested again once, then reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call
from tests.calls.webrtc_driver import WebRtcDriver
from trunkline.calls import log_events

pytestmark = pytest.mark.pure
CUT_CALL = {
    "id": "item_cut", "type": "function_call", "status": "incomplete",
    "call_id": "c1", "name": "weather", "arguments": '{"ci',
}  # fmt: skip
CUT: dict[str, Any] = {
    "status": "incomplete",
    "status_details": {"reason": "max_output_tokens"},
    "output": [CUT_CALL],
}
IN_TEXT: dict[str, Any] = {
    "output": [
        {"id": "msg_text", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sun."}]}
    ]
}


def reported(driver: CallDriver) -> list[str | None]:
    return [event.code for event in driver.logged(log_events.Notice, log_events.CallError)]


def test_an_empty_response_is_requested_again() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done()
    assert driver.requests == 1
    assert reported(driver) == ["empty_answer"]


def test_a_second_empty_response_is_an_error() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done()
    driver.response_created()
    driver.response_done()
    assert driver.requests == 1
    assert reported(driver) == ["empty_answer", "no_answer"]
    assert driver.logged(log_events.TurnWaiting)[-1].reason == "caller"


def test_an_answer_in_text_only_is_not_an_answer() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done(**IN_TEXT)
    assert driver.requests == 1
    [notice] = driver.logged(log_events.Notice)
    assert "in text, without audio" in notice.message


def test_a_tool_call_that_was_cut_off_is_not_an_answer() -> None:
    driver = call()
    asked_something(driver)
    driver.wire("response.output_item.done", item=CUT_CALL)
    driver.response_done(**CUT)
    assert driver.requests == 1
    driver.response_created()
    driver.response_done(**CUT)
    assert driver.requests == 1
    assert reported(driver) == ["max_output_tokens", "empty_answer", "max_output_tokens", "no_answer"]
    assert "max_output_tokens" not in "".join(event.hint or "" for event in driver.logged(log_events.CallError))


@pytest.mark.parametrize("silent", ["tool", "audio"])
def test_an_answer_with_audio_or_a_tool_call_is_enough(silent: str) -> None:
    driver = call()
    asked_something(driver)
    if silent == "tool":
        driver.model_calls("weather")
    else:
        driver.agent_says("Sunny.")
    driver.response_done()
    assert driver.requests == 0


def test_words_without_audio_on_the_relay_are_not_an_answer() -> None:
    driver = call()
    asked_something(driver)
    driver.agent_says("Sunny.", audio_ms=0)
    driver.response_done()
    assert driver.requests == 1


def test_spoken_words_over_webrtc_are_an_answer() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.webrtc_connects()
    item_id = driver.begins_to_speak()
    driver.finishes_generating(item_id)
    assert driver.requests == 1


def test_an_answer_that_was_missed_while_the_sideband_was_down_is_an_answer() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.webrtc_connects()
    driver.response_created()
    driver.sideband_cut()
    driver.sideband_back()
    spoken = {"type": "output_audio", "transcript": "Sunny."}
    driver.response_done(output=[{"id": "m1", "type": "message", "role": "assistant", "content": [spoken]}])
    assert driver.requests == 1


def test_a_cancelled_response_needs_no_answer() -> None:
    driver = call()
    asked_something(driver)
    driver.interrupts()
    driver.response_done()
    assert driver.requests == 0


def test_a_caller_who_speaks_again_needs_no_other_request() -> None:
    driver = call()
    asked_something(driver)
    driver.caller_starts_to_speak(cuts=False)
    driver.response_done()
    assert driver.requests == 0


def test_a_new_turn_of_the_caller_allows_another_request() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done()
    driver.response_created()
    driver.response_done()
    asked_something(driver)
    driver.response_done()
    assert driver.requests == 1


@pytest.mark.parametrize("kind", ["mcp_call", "mcp_approval_request"])
def test_a_call_of_a_hosted_tool_is_an_answer(kind: str) -> None:
    driver = call()
    asked_something(driver)
    driver.response_done(output=[{"id": "item_1", "type": kind, "name": "search", "arguments": "{}"}])
    assert reported(driver) == []


def test_an_item_of_an_unknown_type_is_not_an_answer() -> None:
    driver = call()
    asked_something(driver)
    driver.response_done(output=[{"id": "item_1", "type": "reasoning"}])
    assert reported(driver) == ["empty_answer"]

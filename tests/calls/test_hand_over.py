"""Hand-over of a call to another server: its moment, and the facts that its log has for the next server."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call
from tests.calls.webrtc_driver import webrtc_call, webrtc_speaking
from trunkline.calls import log_events
from trunkline.calls.machine.inputs import HandOverMoment, HandOverRequested, HangUpRequested
from trunkline.calls.machine.restoration import restore

pytestmark = pytest.mark.pure
BETWEEN_TURNS, NO_TOOL, NOW = HandOverMoment


def asked(driver: CallDriver, moment: HandOverMoment = BETWEEN_TURNS) -> CallDriver:
    """Ask for a hand-over."""
    driver.feed(HandOverRequested(moment))
    return driver


def test_a_call_between_two_turns_is_handed_over_at_once() -> None:
    driver = call()
    driver.wait(2000)
    assert asked(driver).hand_overs == 1
    assert driver.events[-1] == log_events.CallHandedOver(call_id="call_1", reason="the server of this call stops")


def test_nothing_happens_in_a_call_that_was_handed_over() -> None:
    driver = call()
    driver.wait(2000)
    asked(driver)
    driver.types("Are you there?")
    driver.hangs_up()
    driver.wait(120_000)
    assert isinstance(driver.events[-1], log_events.CallHandedOver)
    assert driver.ended is None


def test_the_caller_hears_the_answer_to_its_end_first() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    driver.agent_says("A long answer.", audio_ms=3000)
    driver.response_done()
    assert asked(driver).hand_overs == 0
    driver.wait(2900)
    assert driver.hand_overs == 0
    driver.wait(200)
    assert driver.hand_overs == 1
    assert driver.logged(log_events.CallHandedOver)[0].answer_due is False


def test_an_answer_under_way_is_finished_first() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    assert asked(driver).hand_overs == 0
    driver.agent_says("Here you are.", audio_ms=500)
    driver.response_done()
    driver.wait(600)
    assert driver.hand_overs == 1


def test_the_callers_turn_is_understood_and_answered_first() -> None:
    driver = call()
    driver.wait(2000)
    driver.caller_starts_to_speak()
    assert asked(driver).hand_overs == 0
    driver.caller_stops_speaking()
    assert driver.hand_overs == 0
    driver.response_created()
    driver.answers("Here you are.", audio_ms=500)
    driver.wait(600)
    assert driver.hand_overs == 0  # the words of the caller are not known yet
    driver.transcribes("Where is it?")
    assert driver.hand_overs == 1


@pytest.mark.parametrize("moment", [BETWEEN_TURNS, NO_TOOL])
def test_a_running_tool_is_finished_first(moment: HandOverMoment) -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    tool_call_id = driver.model_calls("weather")
    driver.response_done()
    assert asked(driver, moment).hand_overs == 0
    driver.tool_finishes(tool_call_id)
    if moment is BETWEEN_TURNS:
        assert driver.hand_overs == 0
        driver.response_created()
        driver.answers("It is sunny.", audio_ms=500)
        driver.wait(600)
    assert driver.hand_overs == 1
    assert driver.logged(log_events.CallHandedOver)[0].answer_due is (moment is NO_TOOL)


def test_after_a_while_an_answer_is_cut_off_and_given_again() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    driver.agent_says("A long story.", audio_ms=9000, finished=False)
    assert asked(driver).hand_overs == 0
    assert asked(driver, NO_TOOL).hand_overs == 1
    assert driver.logged(log_events.CallHandedOver)[0].answer_due


def test_the_callers_speech_is_cut_off_only_at_the_end() -> None:
    driver = call()
    driver.wait(2000)
    driver.caller_starts_to_speak()
    assert asked(driver, NO_TOOL).hand_overs == 0
    assert asked(driver, NOW).hand_overs == 1


def test_at_the_end_of_the_time_a_tool_is_left_running() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    driver.model_calls("weather")
    driver.response_done()
    assert asked(driver, NOW).hand_overs == 1
    assert driver.logged(log_events.ToolDone) == []


def test_a_call_without_its_caller_is_handed_over_at_once() -> None:
    driver = call()
    driver.wait(2000)
    driver.caller_leaves()
    assert asked(driver).hand_overs == 1


def test_a_call_that_waits_for_its_first_caller_is_greeted_by_the_next_server() -> None:
    driver = asked(CallDriver())
    assert driver.hand_overs == 1
    assert restore(driver.events, "host", lambda prefix: prefix).entries == {}


def test_a_call_that_a_tool_ends_is_not_handed_over() -> None:
    driver = call()
    driver.wait(2000)
    driver.feed(HangUpRequested("all is said"))
    assert asked(driver).hand_overs == 0
    driver.answers("Goodbye.", audio_ms=500)
    driver.wait(20_000)
    assert (driver.ended, driver.hand_overs) == ("all is said", 0)


def test_an_approval_of_a_hosted_tool_is_given_first() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    request = {"id": "mcpr_1", "type": "mcp_approval_request", "name": "search", "arguments": "{}"}
    driver.wire("response.output_item.done", item=request)
    driver.response_done()
    assert asked(driver).hand_overs == 0
    assert asked(driver, NO_TOOL).hand_overs == 0
    assert asked(driver, NOW).hand_overs == 1
    assert driver.logged(log_events.ApprovalResolved)[0].approved is False


def test_an_answer_that_waits_for_the_caller_is_given_by_the_next_server() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    driver.agent_says("A long story.", audio_ms=9000, finished=False)
    driver.caller_leaves()
    driver.response_done("cancelled")
    assert asked(driver).hand_overs == 1
    assert driver.logged(log_events.CallHandedOver)[0].answer_due


def test_over_webrtc_the_call_is_handed_over_while_the_agent_speaks() -> None:
    driver, _item_id = webrtc_speaking()
    assert asked(driver).hand_overs == 1


def test_over_webrtc_a_running_tool_is_finished_first() -> None:
    driver = webrtc_call()
    asked_something(driver)
    tool_call_id = driver.model_calls("weather")
    driver.response_done()
    assert asked(driver).hand_overs == 0
    driver.tool_finishes(tool_call_id)
    assert driver.hand_overs == 1


def test_the_next_server_adds_no_note_for_the_model_after_a_pause() -> None:
    driver = call()
    driver.wait(2000)
    asked(driver)
    restored = restore(driver.events, "host", lambda prefix: prefix)
    assert (restored.wants_answer, restored.needs_note) == (False, False)


def test_the_next_server_continues_an_answer_that_was_cut_off() -> None:
    driver = call()
    driver.wait(2000)
    asked_something(driver)
    driver.agent_says("A long story.", audio_ms=9000, finished=False)
    asked(driver, NO_TOOL)
    restored = restore(driver.events, "host", lambda prefix: prefix)
    assert (restored.wants_answer, restored.needs_note) == (True, True)

"""Tools: all of a turn are answered before the one response that follows; a slow one does not hold up the caller."""

from __future__ import annotations

from tests.calls.call_driver import CallDriver, call, items_of
from trunkline.calls import log_events


def asking_tools(*names: str) -> tuple[CallDriver, list[str]]:
    """A response that calls tools and is over."""
    driver = call()
    driver.types("How is the weather, and what time is it?")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    calls = [driver.model_calls(name) for name in names]
    driver.response_done()
    return driver, calls


def test_a_tool_is_run_with_its_arguments_and_logged() -> None:
    driver = call()
    driver.response_created()
    call_id = driver.model_calls("weather", '{"city": "Wanaka"}')
    started = log_events.ToolStarted(call_id=call_id, name="weather", arguments={"city": "Wanaka"}, agent="host")
    assert driver.logged(log_events.ToolStarted) == [started]
    assert driver.tools[call_id].arguments == '{"city": "Wanaka"}'


def test_its_output_goes_to_the_model_which_is_then_asked() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.wait(120)
    driver.tool_finishes(call_id, "sunny")
    assert driver.types_sent == ["conversation.item.create", "response.create"]
    assert items_of(driver.sent) == ["= sunny"]
    assert driver.logged(log_events.ToolDone) == [
        log_events.ToolDone(call_id=call_id, name="weather", duration_ms=120, result="sunny")
    ]


def test_a_failed_tool_is_answered_too() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.tool_finishes(call_id, error="no network")
    assert driver.logged(log_events.ToolDone)[0].error == "no network"
    assert driver.requests == 1


def test_parallel_tools_are_all_answered_before_one_response() -> None:
    driver, (weather, clock) = asking_tools("weather", "clock")
    driver.tool_finishes(clock, "noon")
    assert driver.requests == 0
    driver.tool_finishes(weather, "sunny")
    assert items_of(driver.sent) == ["= noon", "= sunny"]
    assert driver.requests == 1
    assert driver.types_sent[-1] == "response.create"


def test_a_quick_tool_waits_for_the_end_of_the_response_that_called_it() -> None:
    driver = call()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.tool_finishes(call_id)
    driver.confirms_items()
    assert driver.requests == 0
    driver.response_done()
    assert driver.requests == 1


def test_a_caller_who_types_meanwhile_is_answered_at_once_and_the_tool_later() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.types("Are you still there?")
    assert driver.requests == 1
    driver.confirms_items()
    driver.response_created()
    driver.tool_finishes(call_id)
    driver.confirms_items()
    assert driver.requests == 1
    driver.agent_says("Yes.")
    driver.response_done()
    assert driver.requests == 2


def test_a_caller_who_speaks_meanwhile_is_answered_by_the_service_and_the_tool_later() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.response_created()
    driver.agent_says("I am looking.")
    driver.tool_finishes(call_id)
    driver.response_done()
    assert driver.requests == 1


def test_a_service_response_that_has_seen_the_output_is_enough() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.caller_starts_to_speak()
    driver.tool_finishes(call_id)
    driver.confirms_items()
    driver.wire("input_audio_buffer.speech_stopped", item_id="speech_1")
    driver.response_created()
    driver.refuses_request()
    driver.agent_says("It is sunny, and yes.")
    driver.response_done()
    driver.wait(60_000)
    assert driver.requests == 1


def test_a_tool_called_by_a_response_that_was_cut_off_does_not_hold_up_the_caller() -> None:
    driver = call()
    driver.types("What is the weather?")
    driver.confirms_items()
    driver.response_created()
    driver.types("Never mind.")
    call_id = driver.model_calls("weather")
    driver.confirms_items()
    driver.response_done("cancelled")
    assert driver.requests == 2
    assert call_id in driver.tools


def test_a_function_call_that_was_cut_off_itself_is_not_run() -> None:
    driver = call()
    driver.response_created()
    item = {"id": "i", "type": "function_call", "status": "incomplete", "call_id": "c", "name": "weather"}
    driver.wire("response.output_item.done", item=item)
    assert driver.tools == {}


def test_an_unknown_tool_is_refused_with_the_names_there_are() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("teleport")
    driver.response_done()
    assert items_of(driver.sent)[-1].startswith('= {"error":"Unknown tool teleport.')
    assert "weather, clock, transfer_to_poet" in items_of(driver.sent)[-1]
    assert driver.logged(log_events.CallError)[0].code == "unknown_tool"
    assert driver.requests == 1


def test_the_same_call_told_twice_is_run_once() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("weather", call_id="fc_same")
    driver.model_calls("weather", call_id="fc_same")
    assert len(driver.logged(log_events.ToolStarted)) == 1


def test_arguments_that_are_no_json_are_logged_as_they_came() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("weather", '{"city": ')
    assert driver.logged(log_events.ToolStarted)[0].arguments == '{"city": '


def test_a_call_that_ends_says_what_became_of_its_tools() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.hangs_up()
    (done,) = driver.logged(log_events.ToolDone)
    assert done.call_id == call_id
    assert done.error == "The call ended before the tool finished."
    assert isinstance(driver.events[-1], log_events.CallEnded)


def test_an_answer_to_a_call_that_has_ended_is_passed_over() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.hangs_up()
    driver.tool_finishes(call_id)
    assert len(driver.logged(log_events.ToolDone)) == 1
    assert driver.sent == []

"""Tool calls: one response follows all outputs of a turn, a slow tool does not delay the caller, and approvals."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call, items_of
from trunkline.calls import commands, log_events
from trunkline.calls.machine import inputs

pytestmark = pytest.mark.pure


def asking_tools(*names: str) -> tuple[CallDriver, list[str]]:
    """Return a call in which a complete response has called tools."""
    driver = call()
    driver.types("How is the weather, and what time is it?")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    calls = [driver.model_calls(name) for name in names]
    driver.response_done()
    return driver, calls


def test_a_tool_runs_with_its_arguments_and_is_logged() -> None:
    driver = call()
    driver.response_created()
    call_id = driver.model_calls("weather", '{"city": "Wanaka"}')
    started = log_events.ToolStarted(call_id=call_id, name="weather", arguments={"city": "Wanaka"}, agent="host")
    assert driver.logged(log_events.ToolStarted) == [started]
    assert driver.tools[call_id].arguments == '{"city": "Wanaka"}'


def test_a_response_follows_the_output_of_a_tool() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.wait(120)
    driver.tool_finishes(call_id, "sunny")
    assert driver.types_sent == ["conversation.item.create", "response.create"]
    assert items_of(driver.sent) == ["= sunny"]
    assert driver.logged(log_events.ToolDone) == [
        log_events.ToolDone(call_id=call_id, name="weather", duration_ms=120, result="sunny")
    ]


def test_a_failed_tool_has_an_output_too() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.tool_finishes(call_id, error="no network")
    assert driver.logged(log_events.ToolDone)[0].error == "no network"
    assert driver.requests == 1


def test_one_response_follows_the_outputs_of_parallel_tools() -> None:
    driver, (weather, clock) = asking_tools("weather", "clock")
    driver.tool_finishes(clock, "noon")
    assert driver.requests == 0
    driver.tool_finishes(weather, "sunny")
    assert items_of(driver.sent) == ["= noon", "= sunny"]
    assert driver.requests == 1
    assert driver.types_sent[-1] == "response.create"


def test_the_next_response_waits_for_the_end_of_the_one_that_called_the_tool() -> None:
    driver = call()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.tool_finishes(call_id)
    driver.confirms_items()
    assert driver.requests == 0
    driver.response_done()
    assert driver.requests == 1


def test_text_during_a_tool_is_answered_at_once_and_the_tool_later() -> None:
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


def test_speech_during_a_tool_is_answered_by_the_service_and_the_tool_later() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.response_created()
    driver.agent_says("I am looking.")
    driver.tool_finishes(call_id)
    driver.response_done()
    assert driver.requests == 1


def test_a_response_of_the_service_that_has_seen_the_output_answers_it() -> None:
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


def test_a_tool_of_an_interrupted_response_does_not_delay_the_caller() -> None:
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


def test_an_incomplete_tool_call_is_not_run() -> None:
    driver = call()
    driver.response_created()
    item = {"id": "i", "type": "function_call", "status": "incomplete", "call_id": "c", "name": "weather"}
    driver.wire("response.output_item.done", item=item)
    assert driver.tools == {}


def test_an_unknown_tool_is_rejected_with_the_known_names() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("teleport")
    driver.response_done()
    assert items_of(driver.sent)[-1].startswith('= {"error":"Unknown tool teleport.')
    assert "weather, clock, transfer_to_poet" in items_of(driver.sent)[-1]
    assert driver.logged(log_events.CallError)[0].code == "unknown_tool"
    assert driver.requests == 1


def test_a_tool_call_that_is_reported_twice_runs_once() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("weather", call_id="fc_same")
    driver.model_calls("weather", call_id="fc_same")
    assert len(driver.logged(log_events.ToolStarted)) == 1


def test_malformed_arguments_are_logged_as_text() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("weather", '{"city": ')
    assert driver.logged(log_events.ToolStarted)[0].arguments == '{"city": '


def test_running_tools_are_logged_as_failed_when_the_call_ends() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.hangs_up()
    (done,) = driver.logged(log_events.ToolDone)
    assert done.call_id == call_id
    assert done.error == "The call ended before the tool finished."
    assert isinstance(driver.events[-1], log_events.CallEnded)


def test_an_output_after_the_end_of_the_call_is_ignored() -> None:
    driver, (call_id,) = asking_tools("weather")
    driver.hangs_up()
    driver.tool_finishes(call_id)
    assert len(driver.logged(log_events.ToolDone)) == 1
    assert driver.sent == []


def test_a_model_in_a_loop_of_tool_calls_gets_an_error() -> None:
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


def test_an_approval_names_the_agent_that_called_the_tool_even_after_a_handoff() -> None:
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


def test_a_missing_approval_is_logged_as_a_refusal() -> None:
    driver = call()
    asked_something(driver)
    call_id = driver.model_calls("weather")
    driver.feed(inputs.ApprovalRequested(call_id, "{}"))
    driver.tool_finishes(call_id, error="the caller did not allow it")
    assert driver.logged(log_events.ApprovalResolved)[0].approved is False


def test_an_approval_of_an_unknown_tool_call_is_ignored() -> None:
    driver = call()
    driver.commands(commands.Approve("fc_9", True))
    assert (driver.approved, driver.events) == ({}, [])


def test_two_tool_calls_with_one_id_both_run_and_get_their_results() -> None:
    driver = call()
    asked_something(driver)
    for index, name in enumerate(("weather", "clock")):
        item = {
            "id": f"item_{index}", "type": "function_call", "status": "completed",
            "call_id": "call_0", "name": name, "arguments": "{}",
        }  # fmt: skip
        driver.wire("response.output_item.done", item=item)
    driver.response_done()
    assert [tool.name for tool in driver.tools.values()] == ["weather", "clock"]
    for call_id, result in zip(list(driver.tools), ("sunny", "noon"), strict=True):
        driver.tool_finishes(call_id, result)
    outputs = [event["item"] for event in driver.sent_of("conversation.item.create")]
    assert [(item["call_id"], item["output"]) for item in outputs] == [("call_0", "sunny"), ("call_0", "noon")]


def test_a_later_tool_call_with_the_same_id_runs_and_keeps_its_result_in_a_new_session() -> None:
    driver = call()
    for index, result in enumerate(("sunny", "rainy")):
        asked_something(driver)
        item = {
            "id": f"item_{index}", "type": "function_call", "status": "completed",
            "call_id": "call_0", "name": "weather", "arguments": "{}",
        }  # fmt: skip
        driver.wire("response.output_item.done", item=item)
        driver.response_done(output=[item])
        [call_id] = driver.tools
        driver.tool_finishes(call_id, result)
        driver.answers(f"It is {result}.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    replayed = [event["item"] for event in driver.sent_of("conversation.item.create")]
    calls = [item["call_id"] for item in replayed if item["type"] == "function_call"]
    outputs = {item["call_id"]: item["output"] for item in replayed if item["type"] == "function_call_output"}
    assert [outputs[call_id] for call_id in calls] == ["sunny", "rainy"]


def test_the_result_of_a_tool_that_does_not_run_is_ignored() -> None:
    driver = call()
    driver.clear()
    driver.feed(inputs.ToolFinished("nobody", "weather", "sunny", "sunny", None))
    assert driver.events == []

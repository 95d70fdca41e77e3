"""Handoffs: the new agent's session precedes the tool output, and the new agent answers exactly once."""

from __future__ import annotations

import msgspec
import pytest

from tests.calls.call_driver import CallDriver, call
from trunkline.calls import log_events

pytestmark = pytest.mark.pure


def handing_over(*, configures: bool = True) -> tuple[CallDriver, str]:
    """Let the host call the tool that hands over to the poet."""
    driver = call(configures=configures)
    driver.types("A haiku, please.")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    return driver, driver.model_calls("transfer_to_poet", '{"reason": "wants a haiku"}')


def outputs(driver: CallDriver) -> dict[str, object]:
    """Return the tool outputs that were sent to the model."""
    items = [event["item"] for event in driver.sent_of("conversation.item.create")]
    return {i["call_id"]: msgspec.json.decode(i["output"]) for i in items if i["type"] == "function_call_output"}


def test_the_new_agents_session_comes_before_the_tools_output() -> None:
    driver, call_id = handing_over()
    assert driver.types_sent == ["session.update", "conversation.item.create"]
    assert driver.sent[0]["session"] == {"instructions": "be poet"}
    assert outputs(driver) == {call_id: {"assistant": "poet"}}


def test_the_log_names_the_new_agent_and_the_reason() -> None:
    driver, _call_id = handing_over()
    changed = log_events.AgentChanged(agent="poet", previous="host", reason="wants a haiku")
    assert driver.logged(log_events.AgentChanged) == [changed]


def test_the_new_agents_response_is_requested_once_after_the_former_response() -> None:
    driver, _call_id = handing_over()
    driver.confirms_items()
    assert driver.requests == 0
    driver.response_done()
    assert driver.requests == 1
    driver.answers("I am the poet.")
    driver.wait(60_000)
    assert driver.requests == 1


def test_messages_name_the_agent_that_speaks() -> None:
    driver, _call_id = handing_over()
    still_the_host = driver.agent_says("One moment.")
    driver.response_done()
    driver.reports(still_the_host, 1000)
    poet = driver.answers("I am the poet.")
    speakers = {added.item_id: added.agent for added in driver.logged(log_events.MessageAdded)}
    assert speakers == {still_the_host: "host", poet: "poet"}


def test_no_response_is_requested_while_the_new_agent_is_configured() -> None:
    driver, _call_id = handing_over(configures=False)
    driver.response_done()
    driver.wait(5000)
    assert driver.sent == []
    driver.configured()
    assert driver.types_sent == ["session.update", "conversation.item.create", "response.create"]


def test_text_during_the_handoff_waits_for_the_new_agent() -> None:
    driver, _call_id = handing_over(configures=False)
    driver.response_done()
    driver.types("About the sea.")
    driver.confirms_items()
    assert driver.requests == 0
    driver.configured()
    assert driver.requests == 1
    assert driver.types_sent[-1] == "response.create"


def test_the_first_of_two_transfers_in_one_response_counts() -> None:
    driver, first = handing_over(configures=False)
    second = driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.configured()
    assert outputs(driver) == {
        first: {"assistant": "poet"},
        second: {"error": "The caller is being transferred already."},
    }
    assert driver.requests == 1
    assert driver.machine.agent == "poet"


def test_a_second_transfer_is_rejected_even_after_a_quick_first_one() -> None:
    driver, _first = handing_over()
    second = driver.model_calls("transfer_to_poet")
    assert outputs(driver)[second] == {"error": "The caller is being transferred already."}
    assert len(driver.logged(log_events.AgentChanged)) == 1


def test_a_tool_that_the_former_agent_called_beside_the_transfer_runs() -> None:
    driver, _transfer = handing_over()
    tool = driver.model_calls("weather")
    driver.response_done()
    assert driver.tools[tool].agent == "host"
    assert driver.requests == 0
    driver.tool_finishes(tool)
    assert driver.requests == 1


def test_the_former_agent_continues_if_the_new_one_fails() -> None:
    driver, call_id = handing_over(configures=False)
    driver.response_done()
    driver.configuration_fails()
    assert driver.machine.agent == "host"
    assert outputs(driver) == {call_id: {"error": "poet is not available; go on yourself."}}
    assert driver.types_sent == ["conversation.item.create", "response.create"]
    (error,) = driver.logged(log_events.CallError)
    assert (error.code, error.source) == ("agent_failed", "scenario")
    assert "ValueError: no" in error.message


def test_the_call_ends_if_the_first_agent_fails() -> None:
    driver = CallDriver(configures=False)
    driver.link_up()
    driver.configuration_fails()
    assert driver.ended == "the agent host could not be set up"


def test_speech_during_the_handoff_is_answered_once_by_the_new_agent() -> None:
    driver, _call_id = handing_over()
    driver.confirms_items()
    driver.response_done()
    driver.caller_starts_to_speak(cuts=False)
    driver.response_created()  # the request crossed the caller's speech
    driver.response_done("cancelled")
    driver.caller_stops_speaking()
    assert driver.requests == 2
    driver.response_created()  # the service's own response, which has seen everything
    driver.refuses_request()
    driver.agent_says("About the sea, then.")
    driver.response_done()
    driver.wait(60_000)
    assert driver.requests == 2


def test_a_handoff_while_the_caller_speaks_waits_for_the_end_of_the_turn() -> None:
    driver = call(configures=False)
    driver.types("A haiku, please.")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.caller_starts_to_speak()
    driver.configured()
    driver.confirms_items()
    assert driver.types_sent == ["session.update", "conversation.item.create"]
    driver.caller_stops_speaking()
    assert driver.requests == 1


def test_agents_can_hand_back_and_forth() -> None:
    driver, _call_id = handing_over()
    driver.confirms_items()
    driver.response_done()
    driver.response_created()
    driver.model_calls("transfer_to_host")
    driver.confirms_items()
    driver.response_done()
    assert [changed.agent for changed in driver.logged(log_events.AgentChanged)] == ["poet", "host"]
    assert driver.requests == 2


def test_a_reason_that_is_not_text_is_ignored() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("transfer_to_poet", '{"reason": {"no": "text"}}')
    assert driver.logged(log_events.AgentChanged)[0].reason is None

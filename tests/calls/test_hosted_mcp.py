"""Hosted MCP tools: the service calls them; the log shows the calls, and the caller approves them."""

from __future__ import annotations

from typing import Any

import pytest
from agents import HostedMCPTool, RunContextWrapper
from agents.realtime import RealtimeAgent

from tests.calls.call_driver import CallDriver, asked_something, call
from trunkline import Scenario, ScenarioError
from trunkline.calls import commands, log_events
from trunkline.calls.agents.session_config import agent_session
from trunkline.calls.machine.redaction import for_log
from trunkline.providers.hosted_parts import hosted_only_problem
from trunkline.realtime import service_rules

pytestmark = pytest.mark.pure
CONFIG: Any = {
    "type": "mcp",
    "server_label": "weather",
    "server_url": "https://weather.example/mcp",
    "authorization": "Bearer secret",
    "require_approval": "always",
}
CALL = {
    "id": "mcp_1",
    "type": "mcp_call",
    "server_label": "weather",
    "name": "forecast",
    "arguments": '{"day": "Monday"}',
}


def answering() -> CallDriver:
    driver = call()
    asked_something(driver)
    return driver


def tool_called(driver: CallDriver, **result: Any) -> None:
    driver.wire("response.output_item.added", response_id="resp_1", item={**CALL, "arguments": ""})
    driver.wait(700)
    driver.wire("response.output_item.done", item={**CALL, **result})
    driver.response_done(output=[{**CALL, **result}])


# In the session -------------------------------------------------------------------------------------------------------
def agent_with(config: Any, **fields: Any) -> Scenario[Any]:
    return Scenario("x", agents=[RealtimeAgent(name="host", tools=[HostedMCPTool(config, **fields)])])


async def test_a_hosted_mcp_tool_is_in_the_session_as_the_services_take_it() -> None:
    played = agent_with(CONFIG)
    session = await agent_session(played, played.first_agent, RunContextWrapper(None), {})
    assert session["tools"] == [CONFIG]
    assert service_rules.refusal({"type": "session.update", "session": session}) is None


def test_the_log_has_no_credentials_of_a_hosted_mcp_tool() -> None:
    event = {"type": "session.update", "session": {"type": "realtime", "tools": [CONFIG]}}
    (shown,) = for_log(event)["session"]["tools"]
    assert shown == {**CONFIG, "authorization": "[secret]"}
    assert event["session"]["tools"] == [CONFIG]  # type: ignore[index]  # an event


@pytest.mark.parametrize(
    ("config", "fields", "message"),
    [
        ({"type": "mcp"}, {}, "HostedMCPTool has no 'server_label'"),
        ({"type": "mcp", "server_label": "weather"}, {}, "HostedMCPTool 'weather' has no address"),
        (CONFIG, {"on_approval_request": lambda _request: {"approve": True}}, "the caller approves in the console"),
    ],
)
def test_a_hosted_mcp_tool_that_cannot_work_is_refused(config: Any, fields: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        agent_with(config, **fields)


def test_a_service_without_hosted_mcp_tools_names_the_agent_and_the_way_out() -> None:
    problem = hosted_only_problem(agent_with(CONFIG), "The local engine")
    assert problem is not None
    assert problem.startswith("The local engine has no hosted MCP tools, which the agent 'host' of 'x' uses.")
    assert problem.endswith("mcp_servers=[…].")


# Calls of tools -------------------------------------------------------------------------------------------------------
def test_a_tool_call_of_the_service_is_in_the_log() -> None:
    driver = answering()
    tool_called(driver, output="rain")
    (started,) = driver.logged(log_events.ToolStarted)
    assert (started.name, started.arguments, started.agent) == ("forecast", {"day": "Monday"}, "host")
    (done,) = driver.logged(log_events.ToolDone)
    assert (done.call_id, done.result, done.error, done.duration_ms) == ("mcp_1", "rain", None, 700)


def test_a_failed_tool_call_has_the_services_words() -> None:
    driver = answering()
    tool_called(driver, error={"type": "protocol_error", "code": 1, "message": "no such day"})
    assert driver.logged(log_events.ToolDone)[0].error == "no such day"


def test_the_service_answers_a_tool_call_by_itself() -> None:
    driver = answering()
    tool_called(driver, output="rain")
    driver.wait(500)
    driver.response_created()
    driver.agent_says("It rains.")
    driver.response_done()
    driver.wait(10_000)
    assert driver.requests == 0
    assert not driver.logged(log_events.Notice, log_events.CallError)


def test_an_answer_that_the_service_does_not_begin_is_requested() -> None:
    driver = answering()
    tool_called(driver, output="rain")
    driver.wait(2900)
    assert driver.requests == 0
    driver.wait(200)
    assert driver.requests == 1


# Approvals ------------------------------------------------------------------------------------------------------------
def asks_for_approval(driver: CallDriver) -> None:
    driver.wire("response.output_item.done", item={**CALL, "id": "mcpr_1", "type": "mcp_approval_request"})
    driver.response_done()


@pytest.mark.parametrize("approved", [True, False])
def test_the_caller_decides_on_a_tool_call(approved: bool) -> None:
    driver = answering()
    asks_for_approval(driver)
    (needed,) = driver.logged(log_events.ApprovalNeeded)
    assert (needed.call_id, needed.name, needed.arguments) == ("mcpr_1", "forecast", {"day": "Monday"})
    driver.commands(commands.Approve("mcpr_1", approved))
    (created,) = driver.sent_of("conversation.item.create")
    item = {name: value for name, value in created["item"].items() if name != "id"}
    assert item == {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": approved}
    assert service_rules.refusal(created) is None
    assert driver.requests == 1
    assert driver.logged(log_events.ApprovalResolved)[0].approved is approved
    assert (driver.logged(log_events.ToolDone)[0].error is None) is approved


def test_an_approval_counts_once() -> None:
    driver = answering()
    asks_for_approval(driver)
    driver.commands(commands.Approve("mcpr_1", True))
    driver.commands(commands.Approve("mcpr_1", False))
    assert len(driver.sent_of("conversation.item.create")) == 1


def test_a_lost_session_ends_its_approvals() -> None:
    driver = answering()
    asks_for_approval(driver)
    driver.link_lost()
    (resolved,) = driver.logged(log_events.ApprovalResolved)
    assert (resolved.approved, resolved.reason) == (False, "the session with the model was lost")


def test_a_server_that_the_service_cannot_list_is_an_error() -> None:
    driver = answering()
    driver.wire("mcp_list_tools.failed", item_id="mcpl_1")
    (error,) = driver.logged(log_events.CallError)
    assert error.code == "mcp_list_tools_failed"
    assert "HostedMCPTool" in error.hint

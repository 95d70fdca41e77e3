"""An agent's session configuration: the SDK's tools and handoffs, without disabled ones."""

from __future__ import annotations

from typing import Any

from agents import RunContextWrapper
from agents.realtime import RealtimeAgent, realtime_handoff
from agents.realtime.handoffs import collect_enabled_handoffs

from trunkline import Scenario
from trunkline.calls.agents.session_config import agent_session

CONTEXT: RunContextWrapper[Any] = RunContextWrapper(None)
poet: RealtimeAgent[Any] = RealtimeAgent(name="Haiku writer", handoff_description="Writes about anything.")
clerk: RealtimeAgent[Any] = RealtimeAgent(name="clerk")


async def test_handoffs_become_the_same_tools_as_in_the_sdk() -> None:
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=[poet, realtime_handoff(clerk)])
    session = await agent_session(Scenario("x", agents=[host, poet, clerk]), host, CONTEXT, {})
    assert [(tool["name"], tool["description"], tool["parameters"]) for tool in session["tools"]] == [
        (handoff.tool_name, handoff.tool_description, handoff.input_json_schema)
        for handoff in await collect_enabled_handoffs(host, CONTEXT)
    ]


async def test_a_disabled_handoff_is_not_offered() -> None:
    async def never(_context: object, _agent: object) -> bool:
        return False

    handoffs: list[Any] = [realtime_handoff(poet, is_enabled=never), realtime_handoff(clerk, is_enabled=True)]
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=handoffs)
    session = await agent_session(Scenario("x", agents=[host, poet, clerk]), host, CONTEXT, {})
    assert [tool["name"] for tool in session["tools"]] == ["transfer_to_clerk"]

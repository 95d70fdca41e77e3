"""Mocks of a scenario's tools for one call."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from trunkline.scenario.scenario import AnyScenario

if TYPE_CHECKING:
    from agents.tool_context import ToolContext

_CONTEXT = ("ctx", "context")


def with_own_tools(scenario: AnyScenario) -> AnyScenario:
    """Return a copy of a scenario with its own lists of tools, so that mocks do not affect the original."""
    copied = copy.copy(scenario)
    copied.agents = tuple(copy.copy(agent) for agent in scenario.agents)
    for agent in copied.agents:
        agent.tools = list(agent.tools)
    return copied


def mock_tool(scenario: AnyScenario, name: str, mock: object) -> None:
    """Replace the tool by `mock`, for every agent that has it.

    A function is called with the tool's arguments by name, and with the tool's context if it has a parameter `ctx`; an
    exception is raised; any other value is the result.

    Raises:
        LookupError: the agents have no such tool.
    """
    known = set()
    found = False
    for agent in scenario.agents:
        for index, tool in enumerate(agent.tools):
            known.add(tool.name)
            if tool.name == name:
                replaced = copy.copy(tool)
                replaced.on_invoke_tool = _invoker(mock)  # type: ignore[union-attr]  # `_invoker` makes what a tool has
                agent.tools[index] = replaced
                found = True
    if not found:
        there = ", ".join(sorted(known)) or "none"
        raise LookupError(f"The scenario {scenario.name!r} has no tool {name!r}. There are: {there}.")


def _invoker(mock: object) -> Callable[[ToolContext, str], Any]:
    async def invoke(context: ToolContext, arguments: str) -> object:
        if isinstance(mock, BaseException):
            raise mock
        if not callable(mock):
            return mock
        named = msgspec.json.decode(arguments or "{}")
        for parameter in inspect.signature(mock).parameters:
            if parameter in _CONTEXT and parameter not in named:
                named[parameter] = context
        result = mock(**named)
        return await result if inspect.isawaitable(result) else result

    return invoke

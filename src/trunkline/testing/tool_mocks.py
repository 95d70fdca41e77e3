"""Replacing a scenario's tools for one call."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from trunkline.scenario.scenario import Scenario

if TYPE_CHECKING:
    from agents.tool_context import ToolContext

_CONTEXT = ("ctx", "context")


def replaceable(scenario: Scenario[Any]) -> Scenario[Any]:
    """A copy of a scenario whose agents' tools can be replaced without touching the original."""
    own = copy.copy(scenario)
    own.agents = tuple(copy.copy(agent) for agent in scenario.agents)
    for agent in own.agents:
        agent.tools = list(agent.tools)
    return own


def replace_tool(scenario: Scenario[Any], name: str, stand_in: object) -> None:
    """Lets `stand_in` answer instead of the tool, for every agent that has it.

    A function is called with the tool's arguments by name, and with the tool's context if it has a parameter `ctx`; an
    exception is raised; anything else is the result.

    Raises:
        LookupError: no agent has such a tool.
    """
    known = set()
    found = False
    for agent in scenario.agents:
        for index, tool in enumerate(agent.tools):
            known.add(tool.name)
            if tool.name == name:
                replaced = copy.copy(tool)
                replaced.on_invoke_tool = _invoker(stand_in)  # type: ignore[union-attr]  # `_invoker` makes what a tool has
                agent.tools[index] = replaced
                found = True
    if not found:
        there = ", ".join(sorted(known)) or "none"
        raise LookupError(f"The scenario {scenario.name!r} has no tool {name!r}. There are: {there}.")


def _invoker(stand_in: object) -> Callable[[ToolContext[Any], str], Any]:
    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        if isinstance(stand_in, BaseException):
            raise stand_in
        if not callable(stand_in):
            return stand_in
        named = msgspec.json.decode(arguments or "{}")
        for parameter in inspect.signature(stand_in).parameters:
            if parameter in _CONTEXT and parameter not in named:
                named[parameter] = context
        result = stand_in(**named)
        return await result if inspect.isawaitable(result) else result

    return invoke

"""Mocks of a scenario's tools for one call, and answers of tools from the record of another call."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from trunkline.realtime.json_values import decode_or_text
from trunkline.scenario.scenario import AnyScenario
from trunkline.testing.conversation_view import shown_arguments

if TYPE_CHECKING:
    from agents import Tool
    from agents.tool_context import ToolContext

_CONTEXT = ("ctx", "context")
Invoke = Callable[["ToolContext", str], Awaitable[object]]
"""A tool's function: the context and the arguments as JSON."""


@dataclass(frozen=True)
class ToolAnswer:
    """An answer of a tool in a recorded call.

    Attributes:
        tool: the tool's name.
        arguments: the arguments of the call that got this answer.
        result: the result.
        error: the error instead of a result, as the log has it: `ValueError: no basket`.
        took_ms: the time that the tool took.
        hangs_up: the reason with which the tool ended the call; None if it did not.
    """

    tool: str
    arguments: object = field(default_factory=dict)
    result: object = None
    error: str | None = field(default=None, kw_only=True)
    took_ms: int = field(default=0, kw_only=True)
    hangs_up: str | None = field(default=None, kw_only=True)


class NotRecordedError(LookupError):
    """A tool call without an answer in the record."""


def answer_tools(scenario: AnyScenario, answers: Sequence[ToolAnswer]) -> None:
    """Let all function tools answer from a record, without running them.

    A call gets the first unused answer to the same arguments, else the last used one to them, else the first unused
    answer of the tool. All other calls fail with `NotRecordedError`, and the model gets the reason. Tools of MCP
    servers run.
    """
    record = _Record(answers)
    for agent in scenario.agents:
        for index, tool in enumerate(agent.tools):
            if hasattr(tool, "on_invoke_tool"):
                agent.tools[index] = _replaced(tool, record.invoke(tool.name))


class _Record:
    def __init__(self, answers: Sequence[ToolAnswer]) -> None:
        self._unused = list(answers)
        self._used: list[ToolAnswer] = []

    def invoke(self, tool: str) -> Invoke:
        """Return the function of a tool that answers from the record."""

        async def answer(context: ToolContext, arguments: str) -> object:
            decoded = decode_or_text(arguments or "{}")
            found = self._take(tool, decoded)
            if found is None:
                raise NotRecordedError(f"the recorded call has no answer of {tool} to {shown_arguments(decoded)}")
            if found.took_ms:
                await asyncio.sleep(found.took_ms / 1000)
            if found.hangs_up is not None:
                context.context.hang_up(found.hangs_up)
            if found.error is not None:
                raise _recorded_error(found.error)
            return found.result

        return answer

    def _take(self, tool: str, arguments: object) -> ToolAnswer | None:
        unused = [one for one in self._unused if one.tool == tool]
        again = [one for one in self._used if one.tool == tool and one.arguments == arguments]
        found = next((one for one in unused if one.arguments == arguments), None)
        found = found or (again[-1] if again else next(iter(unused), None))
        if found in self._unused:
            self._unused.remove(found)
            self._used.append(found)
        return found


def _recorded_error(text: str) -> Exception:
    """Return an exception with the type and the message in a log's `error`."""
    name, _, message = text.partition(": ")
    if not (message and name.isidentifier()):
        return RuntimeError(text)
    kind: type[Exception] = type(name, (Exception,), {})
    return kind(message)


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
                agent.tools[index] = _replaced(tool, _invoker(mock))
                found = True
    if not found:
        there = ", ".join(sorted(known)) or "none"
        raise LookupError(f"The scenario {scenario.name!r} has no tool {name!r}. There are: {there}.")


def _replaced(tool: Tool, invoke: Invoke) -> Tool:
    """Return a copy of a function tool with another function."""
    replaced = copy.copy(tool)
    replaced.on_invoke_tool = invoke  # type: ignore[union-attr]  # callers pass function tools
    return replaced


def _invoker(mock: object) -> Invoke:
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

"""Rehearsed text models: what a scenario's moderation, verdicts and supervisors answer when there is no model.

An answer is an async function that is given the question and returns a text, or an object where JSON was asked for. It
may call the tools that the question offers, and await their results:

    @rehearsal.answers("eligibility")
    async def eligibility(question: Question) -> dict[str, Any]:
        orders = await question.call_tool("lookupOrders", phoneNumber="(206) 555-0100")
        return {"eligible": "true" if orders else "need_more_information"}

Like the parts of agents it has no state: whoever asked runs the tool and asks again with the result, and the function
is run again from its beginning, past the calls whose results are there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trunkline.realtime.events import Item, text_of
from trunkline.scenario.rehearsal import Rehearsal, RehearsalError, call_tool, error_location


@dataclass(frozen=True)
class Question:
    """What a text model is asked.

    Attributes:
        purpose: what for; the name that `Rehearsal.answers` was given.
        instructions: what the model is told about its task.
        items: the conversation as GA items: messages, function calls and their outputs.
        tools: the names of the tools that may be called.
        schema: the JSON schema that the answer has to fit, if any.
    """

    purpose: str
    instructions: str = ""
    items: Sequence[Item] = ()
    tools: Collection[str] = ()
    schema: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """The words of the last user message."""
        users = [item for item in self.items if item.get("role") == "user"]
        return text_of(users[-1]) if users else ""

    def call_tool(self, tool: str, /, **arguments: Any) -> _PendingToolCall:
        """Calls a tool: `await question.call_tool("lookupOrders", phoneNumber=…)` is its result, decoded from JSON."""
        return _PendingToolCall(call_tool(tool, **arguments))


@dataclass(frozen=True)
class _PendingToolCall:
    request: call_tool

    def __await__(self) -> Generator[_PendingToolCall, Any, Any]:
        return (yield self)


def answer(rehearsal: Rehearsal, question: Question) -> str | Mapping[str, Any] | call_tool:
    """The rehearsed answer, or the tool to call next.

    Raises:
        RehearsalError: nobody answers for the purpose, or the function failed or did what it may not.
    """
    answerer = rehearsal.answerers.get(question.purpose)
    if answerer is None:
        there = ", ".join(rehearsal.answerers) or "none"
        raise RehearsalError(f"The rehearsal has no answer for {question.purpose!r}; it has: {there}.")
    running = answerer(question)
    results = _results(question.items)
    result: Any = None
    try:
        while True:
            try:
                awaited = running.send(result)
            except StopIteration as returned:
                return _checked(question, returned.value)
            if not isinstance(awaited, _PendingToolCall):
                raise RehearsalError(_failed(question, f"awaits {awaited!r}; it may await only question.call_tool(…)"))
            if question.tools and awaited.request.tool not in question.tools:
                raise RehearsalError(_failed(question, f"calls {awaited.request.tool!r}, which is not offered"))
            found = _next_result(results, awaited.request.tool)
            if found is None:
                return awaited.request
            result = _decoded(found)
    except RehearsalError:
        raise
    except Exception as error:
        raise RehearsalError(_failed(question, f"failed: {error!r}{error_location(error, running)}")) from error
    finally:
        running.close()


def _results(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Name and output of the calls that were answered since the last user message, in order."""
    last_user = max((index for index, item in enumerate(items) if item.get("role") == "user"), default=-1)
    since = items[last_user + 1 :]
    outputs = {item["call_id"]: item["output"] for item in since if item["type"] == "function_call_output"}
    calls = [item for item in since if item["type"] == "function_call" and item["call_id"] in outputs]
    return [(item["name"], outputs[item["call_id"]]) for item in calls]


def _next_result(results: list[tuple[str, str]], tool: str) -> str | None:
    """Takes the results up to the next one of that tool."""
    for index, (name, output) in enumerate(results):
        if name == tool:
            del results[: index + 1]
            return output
    return None


def _decoded(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return output


def _checked(question: Question, answered: object) -> str | Mapping[str, Any]:
    if isinstance(answered, str | Mapping):
        return answered
    raise RehearsalError(_failed(question, f"returns {answered!r}; it may return a text or an object"))


def _failed(question: Question, what: str) -> str:
    return f"The rehearsed answer for {question.purpose!r} {what}."

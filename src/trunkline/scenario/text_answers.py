"""`answer`: one run of a rehearsed text model, such as a moderation or a supervisor, when no model is configured.

An answer is an async function from the question to a text, or to an object if the question asks for JSON. It may call
the tools that the question offers, and await their results:

    @rehearsal.answers("eligibility")
    async def eligibility(question: Question) -> dict[str, object]:
        orders = await question.call_tool("lookupOrders", phoneNumber="(206) 555-0100")
        return {"eligible": "true" if orders else "need_more_information"}

It has no state, like the parts of agents. The client runs the tool and asks again with its result. Then the function
runs again from its beginning, and each tool call with a known result returns at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trunkline.realtime.events import Item
from trunkline.scenario.conversation_cursor import decode_output
from trunkline.scenario.error_location import error_location
from trunkline.scenario.moves import call_tool
from trunkline.scenario.question import AwaitedToolCall, Question
from trunkline.scenario.rehearsal import Rehearsal, RehearsalError


def answer(rehearsal: Rehearsal, question: Question) -> str | Mapping[str, object] | call_tool:
    """Return the rehearsed answer, or the tool to call next.

    Raises:
        RehearsalError: the rehearsal has no answer for the purpose, or the function failed or broke a rule.
    """
    answerer = rehearsal.answerers.get(question.purpose)
    if answerer is None:
        there = ", ".join(rehearsal.answerers) or "none"
        raise RehearsalError(
            f"The rehearsal has no answer for {question.purpose!r}; it has: {there}. Add one with @rehearsal.answers."
        )
    running = answerer(question)
    results = _results(question.items)
    result: Any = None
    try:
        while True:
            try:
                awaited = running.send(result)
            except StopIteration as returned:
                return _checked(question, returned.value)
            if not isinstance(awaited, AwaitedToolCall):
                raise RehearsalError(_failed(question, f"awaits {awaited!r}; it may await only question.call_tool(…)"))
            if question.tools and awaited.call.tool not in question.tools:
                raise RehearsalError(_failed(question, f"calls {awaited.call.tool!r}, which is not offered"))
            found = _next_result(results, awaited.call.tool)
            if found is None:
                return awaited.call
            result = decode_output(found)
    except RehearsalError:
        raise
    except BaseException as error:
        raise RehearsalError(_failed(question, f"raised {error!r}{error_location(error)}")) from error
    finally:
        running.close()


def _results(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Return name and output of each answered tool call since the last user message, in order."""
    last_user = max((index for index, item in enumerate(items) if item.get("role") == "user"), default=-1)
    since = items[last_user + 1 :]
    outputs = {item["call_id"]: item["output"] for item in since if item["type"] == "function_call_output"}
    calls = [item for item in since if item["type"] == "function_call" and item["call_id"] in outputs]
    return [(item["name"], outputs[item["call_id"]]) for item in calls]


def _next_result(results: list[tuple[str, str]], tool: str) -> str | None:
    """Remove the results up to the next result of `tool`, and return it."""
    for index, (name, output) in enumerate(results):
        if name == tool:
            del results[: index + 1]
            return output
    return None


def _checked(question: Question, answered: object) -> str | Mapping[str, object]:
    if isinstance(answered, str | Mapping):
        return answered
    raise RehearsalError(_failed(question, f"returns {answered!r}; it may return a text or an object"))


def _failed(question: Question, what: str) -> str:
    return f"The rehearsed answer for {question.purpose!r} {what}."

"""Tool execution: the output for the model, and the result or error for the log."""

from __future__ import annotations

import asyncio
import datetime
import enum
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import pydantic
import pytest
from agents import FunctionTool, RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent
from agents.tool_guardrails import ToolGuardrailFunctionOutput, tool_input_guardrail, tool_output_guardrail

from tests.calls.call_harness import calling, scenario
from tests.calls.model_fake import Calls, FakeModel
from trunkline import CallContext, stub_tool
from trunkline.calls import log, log_events
from trunkline.calls.agents.tools import ToolOutcome, run_tool
from trunkline.realtime.json_values import to_json, to_json_value
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure


async def run(tool: FunctionTool, arguments: str = "{}", timeout_s: float = 30.0) -> ToolOutcome:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="host", tools=[tool])
    context: CallContext[Any] = CallContext(call_id="call_1", scenario="test", state=None)
    return await run_tool(tool, arguments, tool_call_id="fc_1", agent=agent, context=context, timeout_s=timeout_s)


def giving(value: object) -> FunctionTool:
    """Make a tool that returns `value`."""

    async def invoke(_context: Any, _arguments: str) -> Any:
        return value

    return FunctionTool(name="give", description="", params_json_schema={"type": "object"}, on_invoke_tool=invoke)


def raising(error: BaseException, **settings: Any) -> FunctionTool:
    """Make a tool that raises `error`."""

    async def fail() -> str:
        """Fails."""
        raise error

    made = function_tool(**settings)(fail)
    assert isinstance(made, FunctionTool)
    return made


def line_of(text: str) -> str:
    """Return the place of the first line of this file with a text, as errors show it."""
    lines = Path(__file__).read_text("utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if line.strip() == text)
    return f" (test_tools.py:{number}: {text})"


RAISED = line_of("raise error")


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: object = None


class Model(pydantic.BaseModel):
    when: datetime.date


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


ODD = [
    ({"b", "a"}, None),
    (b"\0\xff", "AP8="),
    (float("nan"), None),
    (float("inf"), None),
    (2**80, str(2**80)),
    (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
    (Model(when=datetime.date(2026, 1, 2)), {"when": "2026-01-02"}),
    (Colour.RED, "red"),
    ({1: "one", (2, 3): "pair", None: "none"}, {"1": "one", "(2, 3)": "pair", "None": "none"}),
    (Unspeakable(), "<Unspeakable>"),
    ("half \ud800 a pair", "half ? a pair"),
    ([1, "two", None, True], [1, "two", None, True]),
    (True, True),
    (None, None),
]


@pytest.mark.parametrize(("value", "expected"), ODD, ids=[type(value).__name__ for value, _ in ODD])
async def test_any_result_is_text_for_the_model_and_json_for_the_log(value: object, expected: object) -> None:
    outcome = await run(giving(value))
    assert outcome.error is None
    outcome.output.encode()
    done = log_events.ToolDone(call_id="c", name="give", duration_ms=1, result=outcome.result)
    frame = msgspec.json.decode(log.frame_of(done, 1, 1))
    if value != {"b", "a"}:
        assert frame.get("result") == expected
    else:
        assert sorted(frame["result"]) == ["a", "b"]


async def test_a_value_that_contains_itself_is_cut() -> None:
    circle: list[object] = []
    circle += [circle, circle, {"again": circle}]
    outcome = await run(giving(circle))
    assert len(outcome.output) < 1000


def test_a_value_with_too_many_branches_is_cut() -> None:
    tree: object = "leaf"
    for _ in range(40):
        tree = [tree, tree]
    began = time.monotonic()
    assert len(to_json(tree)) < 100_000_000
    assert time.monotonic() - began < 5


def test_a_converted_value_does_not_change_with_its_source() -> None:
    note = {"items": [1]}
    copy = to_json_value(note)
    note["items"].append(2)
    assert copy == {"items": [1]}


async def test_text_that_is_json_is_logged_decoded() -> None:
    outcome = await run(giving('{"city": "Wanaka"}'))
    assert outcome == ToolOutcome('{"city": "Wanaka"}', result={"city": "Wanaka"})


async def test_text_that_only_looks_like_json_is_text() -> None:
    assert (await run(giving("[" * 5000))).result == "[" * 5000


async def test_wrong_arguments_are_explained_to_the_model() -> None:
    @function_tool
    async def weather(city: str, days: int) -> str:
        """The weather."""
        return "sunny"

    outcome = await run(weather, '{"city": "Wanaka", "days": "three"}')
    assert outcome.error == "days: Input should be a valid integer, unable to parse string as an integer"
    assert "days: Input should be a valid integer" in outcome.output
    assert "Call weather again" in outcome.output
    assert (await run(weather, '{"city": "Wanaka"}')).error == "days: Field required"
    assert "not valid JSON" in ((await run(weather, '{"city": ')).error or "")
    assert (await run(weather, "[]")).error == "not a JSON object"


class Guest(pydantic.BaseModel):
    name: str
    age: int = 18


async def book(
    name: str, guests: int = 2, note: str | None = None, window: bool | Literal["any"] = "any", who: Guest | None = None
) -> dict[str, object]:
    """Book a table."""
    return {"name": name, "guests": guests, "note": note, "window": window, "who": who and who.model_dump()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"guests": 2, "note": None, "window": "any", "who": None}),
        ({"guests": "4"}, {"guests": 4}),
        ({"guests": 4.0}, {"guests": 4}),
        ({"note": None}, {"note": None}),
        ({"note": "by the door"}, {"note": "by the door"}),
        ({"window": True}, {"window": True}),
        ({"window": "any"}, {"window": "any"}),
        ({"who": {"name": "Bob"}}, {"who": {"name": "Bob", "age": 18}}),
        ({"smoking": False}, {"guests": 2}),
    ],
    ids=str,
)
@pytest.mark.parametrize("strict", [True, False])
async def test_a_function_tool_takes_the_arguments_that_the_sdk_takes(
    arguments: dict[str, object], expected: dict[str, object], strict: bool
) -> None:
    tool = function_tool(book, strict_mode=strict)
    outcome = await run(tool, to_json({"name": "Ann", **arguments}).decode())
    assert outcome.error is None
    assert isinstance(outcome.result, dict)
    assert {name: outcome.result[name] for name in expected} == expected


async def test_a_tool_without_parameters_takes_empty_arguments() -> None:
    @function_tool
    async def now() -> str:
        """The time."""
        return "noon"

    assert (await run(now, "")).result == "noon"


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_the_approval_rule_may_be_async_or_not(asynchronous: bool) -> None:
    seen: list[object] = []

    def rule(_context: object, arguments: dict[str, object], tool_call_id: str) -> bool:
        seen.append((arguments, tool_call_id))
        return arguments["amount"] != 1

    async def async_rule(context: object, arguments: dict[str, object], tool_call_id: str) -> bool:
        return rule(context, arguments, tool_call_id)

    async def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    tool = function_tool(pay, needs_approval=async_rule if asynchronous else rule)  # type: ignore[arg-type]  # the SDK takes both at run time
    assert (await run(tool, '{"amount": 1}')).result == "paid"
    assert "needs an approval" in ((await run(tool, '{"amount": 100}')).error or "")
    assert seen == [({"amount": 1}, "fc_1"), ({"amount": 100}, "fc_1")]


@in_virtual_time
async def test_a_timeout_error_function_is_for_the_model_and_the_time_limit_for_the_log() -> None:
    async def slow() -> str:
        """Wait."""
        await asyncio.sleep(10)
        return "late"

    tool = function_tool(slow, timeout=2, timeout_error_function=lambda _context, _error: "The till is asleep.")
    outcome = await run(tool)
    assert outcome.output == "The till is asleep."
    assert outcome.error == "slow did not answer within 2 s."


async def test_the_results_of_generators_are_collected() -> None:
    async def words() -> AsyncIterator[str]:
        yield "sunny, "
        yield "later rain"

    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    assert (await run(giving(words()))).output == "sunny, later rain"
    assert (await run(giving(numbers()))).result == [1, 2]


async def test_the_result_of_a_coroutine_is_awaited() -> None:
    async def later() -> str:
        return "rain"

    assert (await run(giving(later()))).output == "rain"


@pytest.mark.parametrize("enabled", [False, lambda _context, _agent: False])
async def test_a_disabled_tool_does_not_run_when_the_model_calls_it(enabled: Any) -> None:
    ran: list[bool] = []

    async def refund() -> str:
        """Refund."""
        ran.append(True)
        return "done"

    outcome = await run(function_tool(refund, is_enabled=enabled))
    assert outcome.error == "refund is not available now"
    assert "Continue without it" in outcome.output
    assert ran == []


async def test_an_invalid_schema_is_an_error_of_the_tool() -> None:
    async def invoke(_context: Any, _arguments: str) -> str:
        return "ran"

    schema = {"type": "object", "properties": {"x": {"$ref": "#/nowhere"}}}
    tool = FunctionTool("odd", "", schema, invoke, strict_json_schema=False)
    outcome = await run(tool, '{"x": 1}')
    assert outcome.error is not None


async def test_an_exception_is_logged_and_is_an_error_for_the_model() -> None:
    outcome = await run(raising(ValueError("no such city")))
    assert outcome.error == f"ValueError: no such city{RAISED}"
    assert msgspec.json.decode(outcome.output) == {"error": "fail failed: ValueError: no such city"}


async def test_an_exception_without_a_message_is_logged_by_its_type() -> None:
    assert (await run(raising(KeyError()))).error == f"KeyError{RAISED}"


async def test_a_failure_error_function_is_for_the_model_and_the_real_error_for_the_log() -> None:
    def explain(_context: RunContextWrapper[Any], error: Exception) -> str:
        return f"Ask the caller to wait ({error})."

    outcome = await run(raising(ValueError("503"), failure_error_function=explain))
    assert outcome == ToolOutcome("Ask the caller to wait (503).", error=f"ValueError: 503{RAISED}")


async def test_a_tool_that_raises_its_failures_does_not_end_the_call() -> None:
    assert (await run(raising(ValueError("503"), failure_error_function=None))).error == f"ValueError: 503{RAISED}"


async def test_a_tool_cannot_end_the_program() -> None:
    assert (await run(raising(SystemExit("bye")))).error == f"SystemExit: bye{RAISED}"

    @function_tool
    def leave() -> str:
        """Leaves."""
        sys.exit(3)

    assert (await run(leave)).error == f"SystemExit: 3{line_of('sys.exit(3)')}"


async def test_a_timeout_inside_a_tool_is_the_tools_own_error() -> None:
    assert (await run(raising(TimeoutError("the database")))).error == f"TimeoutError: the database{RAISED}"


async def test_a_cancelled_inner_task_is_the_tools_own_error() -> None:
    @function_tool
    async def inner() -> str:
        """Cancels what it waits for."""
        task = asyncio.ensure_future(asyncio.sleep(10))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task
        return "never"

    assert (await run(inner)).error == f"CancelledError{line_of('await task')}"


@in_virtual_time
async def test_a_tool_that_takes_too_long_is_an_error() -> None:
    @function_tool
    async def slow() -> str:
        """Slow."""
        await asyncio.sleep(31)
        return "late"

    outcome = await run(slow)
    assert outcome.error == "slow did not answer within 30 s."
    assert "Tell the caller" in outcome.output


@in_virtual_time
async def test_a_tool_may_set_a_longer_limit() -> None:
    @function_tool(timeout=60)
    async def slow() -> str:
        """Slow."""
        await asyncio.sleep(50)
        return "in time"

    assert (await run(slow)).result == "in time"


async def test_a_tool_that_needs_approval_does_not_run_without_it() -> None:
    ran = False

    @function_tool(needs_approval=True)
    async def delete_everything() -> str:
        """Deletes."""
        nonlocal ran
        ran = True
        return "gone"

    assert "approval" in ((await run(delete_everything)).error or "")
    assert not ran


async def test_a_stub_returns_true() -> None:
    outcome = await run(stub_tool("book", {"type": "object", "properties": {"day": {"type": "string"}}}))
    assert outcome == ToolOutcome("true", result=True)


async def test_a_tool_without_async_runs_in_a_thread_and_may_leave_breadcrumbs() -> None:
    threads: list[int] = []

    @function_tool
    def think(context: RunContextWrapper[Any]) -> str:
        """Thinks."""
        threads.append(threading.get_ident())
        context.context.breadcrumb("thinking", {"history": len(context.context.history)})
        time.sleep(0.3)
        return "done"

    model = FakeModel(lambda items: [Calls("think")] if len(items) == 1 else ["I have thought."])
    async with calling(model, scenario(tools=[think])) as caller:
        caller.joins()
        await caller.until(lambda: caller.logged(log_events.ToolStarted))
        slowest = 0.0
        while not caller.logged(log_events.ToolDone):
            began = time.monotonic()
            await asyncio.sleep(0.005)
            slowest = max(slowest, time.monotonic() - began)
        await caller.heard(1)
    assert slowest < 0.25
    assert threads != [threading.get_ident()]
    assert caller.logged(log_events.Breadcrumb)[0].title == "thinking"


def test_an_event_with_values_that_json_cannot_hold_is_logged() -> None:
    event = log_events.Breadcrumb(title="half \ud800", data={"who": Unspeakable(), "big": Point(2**70)})
    frame = msgspec.json.decode(log.frame_of(event, 7, 8))
    assert frame == {
        "seq": 7, "at_ms": 8, "kind": "breadcrumb", "title": "half ?", "call_id": None,
        "data": {"who": "<Unspeakable>", "big": {"x": str(2**70), "y": None}},
    }  # fmt: skip


# Guardrails of tools ------------------------------------------------------------------------------------------------
def refusing(_data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.reject_content("Ask for something smaller.")


async def test_an_input_guardrail_prevents_the_tool_call() -> None:
    ran = []

    @function_tool(tool_input_guardrails=[tool_input_guardrail(refusing)])
    async def order(count: int) -> str:
        """Orders."""
        ran.append(count)
        return "ordered"

    outcome = await run(order, '{"count": 1000}')
    assert (outcome.output, ran) == ("Ask for something smaller.", [])
    assert outcome.error == "the guardrail 'refusing' stopped it"


async def test_an_output_guardrail_hides_the_result_from_the_model() -> None:
    def secret(data: Any) -> ToolGuardrailFunctionOutput:
        if "secret" in data.output:
            return ToolGuardrailFunctionOutput.raise_exception()
        return ToolGuardrailFunctionOutput.allow()

    @function_tool(tool_output_guardrails=[tool_output_guardrail(secret)])
    async def look_up(what: str) -> str:
        """Looks up."""
        return f"a {what}"

    assert (await run(look_up, '{"what": "book"}')).output == "a book"
    outcome = await run(look_up, '{"what": "secret"}')
    assert "secret" not in outcome.output.replace("'secret' stopped it", "")
    assert outcome.error == "the guardrail 'secret' stopped it"


async def test_the_time_limit_starts_after_the_approval() -> None:
    @function_tool(needs_approval=True)
    async def delete() -> str:
        """Deletes."""
        return "gone"

    async def slowly() -> bool:
        await asyncio.sleep(0.2)
        return True

    agent: RealtimeAgent[Any] = RealtimeAgent(name="host", tools=[delete])
    context: CallContext[Any] = CallContext(call_id="call_1", scenario="test", state=None)
    outcome = await run_tool(
        delete, "{}", tool_call_id="fc_1", agent=agent, context=context, timeout_s=0.1, approval=slowly
    )
    assert outcome.output == "gone"

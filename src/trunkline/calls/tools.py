"""Running a tool: arguments checked, time limited, and an error the model can act on when it fails."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec

from trunkline.scenario.context import CallContext

if TYPE_CHECKING:
    from agents import FunctionTool
    from agents.realtime import RealtimeAgent


@dataclass(frozen=True)
class ToolOutcome:
    """What a tool gave: `output` for the model; `result` or `error` for the log."""

    output: str
    result: Any = None
    error: str | None = None


async def run_tool(
    tool: FunctionTool,
    arguments: str,
    *,
    call_id: str,
    agent: RealtimeAgent[Any],
    context: CallContext[Any],
    timeout_s: float,
) -> ToolOutcome:
    """Runs `tool` with the model's JSON `arguments`. Whatever goes wrong becomes an outcome; only cancelling raises."""
    from agents.tool_context import ToolContext

    problem = _problem_with(tool, arguments)
    if problem:
        return ToolOutcome(_error(f"The arguments are not right: {problem}. Call {tool.name} again."), error=problem)
    tool_context: ToolContext[CallContext[Any]] = ToolContext(
        context, tool_name=tool.name, tool_call_id=call_id, tool_arguments=arguments, agent=agent
    )
    try:
        async with asyncio.timeout(timeout_s):
            result = await _invoke(tool, tool_context, arguments)
    except TimeoutError:
        message = f"{tool.name} did not answer within {timeout_s:g} s."
        return ToolOutcome(_error(f"{message} Tell the caller, or try once more."), error=message)
    except Exception as error:  # noqa: BLE001 - a user's tool may raise anything, and the call goes on
        message = f"{type(error).__name__}: {error}"
        return ToolOutcome(_error(f"{tool.name} failed: {message}"), error=message)
    return _outcome(result)


async def _invoke(tool: FunctionTool, context: Any, arguments: str) -> Any:
    """Calls the tool so that its own exception comes through.

    By default the SDK (0.24) answers an exception with a text of its own, and the real error is lost. A tool with a
    `failure_error_function` of the user's keeps it.
    """
    invoker = tool.on_invoke_tool
    implementation = getattr(invoker, "_invoke_tool_impl", None)
    if implementation is not None and getattr(tool, "_use_default_failure_error_function", False):
        return await implementation(context, arguments)
    return await invoker(context, arguments)


def _problem_with(tool: FunctionTool, arguments: str) -> str | None:
    try:
        decoded = msgspec.json.decode(arguments)
    except msgspec.DecodeError as error:
        return f"not valid JSON: {error}"
    schema = msgspec.json.encode(tool.params_json_schema)
    errors = sorted(_validator(schema).iter_errors(decoded), key=lambda error: list(map(str, error.absolute_path)))
    return "; ".join(_described(error) for error in errors[:3]) or None


def _described(error: jsonschema.ValidationError) -> str:
    where = ".".join(map(str, error.absolute_path))
    return f"{where}: {error.message}" if where else error.message


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(msgspec.json.decode(schema))


def _outcome(result: Any) -> ToolOutcome:
    if isinstance(result, str):
        try:
            return ToolOutcome(result, result=msgspec.json.decode(result))
        except msgspec.DecodeError:
            return ToolOutcome(result, result=result)
    try:
        output = msgspec.json.encode(result, enc_hook=_plain).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        output = msgspec.json.encode(str(result)).decode()
    return ToolOutcome(output, result=msgspec.json.decode(output))


def _plain(value: Any) -> Any:
    """Pydantic models as their fields, anything else as its text."""
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


def _error(message: str) -> str:
    return msgspec.json.encode({"error": message}).decode()

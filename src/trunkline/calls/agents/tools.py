"""Tool execution: argument checks, approval, guardrails, a time limit, and errors that the model can act on.

Arguments, approval, time limits and results follow the OpenAI Agents SDK, which realtime models are used with: pydantic
decides which arguments a function tool accepts, so defaults, unions, conversions ("4" for an int) and extra arguments
work as in the SDK's own sessions. In addition, the model gets pydantic's words when it refuses them.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import jsonschema
import msgspec
import pydantic

from trunkline.calls.agents.containment import contained, original
from trunkline.calls.agents.tool_threads import CallThreads, NoThreadError
from trunkline.realtime.json_values import decode_or_text, to_json, to_json_value, valid_unicode
from trunkline.scenario.context import AnyContext, running_tool
from trunkline.scenario.error_location import error_location

if TYPE_CHECKING:
    from agents import FunctionTool, RunContextWrapper
    from agents.realtime import RealtimeAgent
    from agents.tool_context import ToolContext
    from agents.tool_guardrails import ToolGuardrailFunctionOutput


@dataclass(frozen=True)
class ToolOutcome:
    """The outcome of a tool call: `output` for the model; `result` or `error` for the log."""

    output: str
    result: object = None
    error: str | None = None


class ToolHooks(Protocol):
    """Hooks before and after a tool runs. They do not raise."""

    async def on_tool_start(self, context: ToolContext, agent: RealtimeAgent, tool: FunctionTool) -> None:
        """Run before the tool."""

    async def on_tool_end(self, context: ToolContext, agent: RealtimeAgent, tool: FunctionTool, result: object) -> None:
        """Run after the tool; `result` is the output for the model."""


async def run_tool(
    tool: FunctionTool,
    arguments: str,
    *,
    tool_call_id: str,
    agent: RealtimeAgent,
    context: AnyContext,
    timeout_s: float,
    approval: Callable[[], Awaitable[bool]] | None = None,
    hooks: ToolHooks | None = None,
    threads: CallThreads | None = None,
) -> ToolOutcome:
    """Run `tool` with the model's JSON `arguments`. Every failure becomes an outcome; only cancelling raises.

    A tool's `timeout_seconds` overrides `timeout_s`. At the limit an `async def` tool is cancelled; a plain `def` tool
    runs in a thread, which continues to its end. A tool that needs an approval runs only if `approval` returns True.
    A tool whose `is_enabled` is false by now is refused. So is one that needs a thread if its call has none left.

    Args:
        threads: the threads of the call's tools; without them, the event loop's.
    """
    from agents import RunContextWrapper
    from agents.tool_context import ToolContext

    try:
        with contained(), threads.in_use() if threads is not None else nullcontext():
            if not await is_enabled(tool, agent, RunContextWrapper(context)):
                return unavailable(tool.name)
            problem = _argument_problem(tool, arguments)
            if problem:
                advice = f"The arguments are not valid: {problem}. Call {tool.name} again with correct ones."
                return ToolOutcome(_error_json(advice), error=valid_unicode(problem))
            tool_context: ToolContext[AnyContext] = ToolContext(
                context, tool_name=tool.name, tool_call_id=tool_call_id, tool_arguments=arguments, agent=agent
            )
            refusal = await _check_approval(tool, tool_context, arguments, tool_call_id, approval)
            if refusal is not None:
                return ToolOutcome(_error_json(f"{tool.name} was not run: {refusal}."), error=refusal)
            if hooks is not None:
                await hooks.on_tool_start(tool_context, agent, tool)
            outcome = await _run_with_timeout(tool, tool_context, arguments, tool.timeout_seconds or timeout_s)
            if hooks is not None:
                await hooks.on_tool_end(tool_context, agent, tool, outcome.output)
            return outcome
    except NoThreadError as error:
        return ToolOutcome(_error_json(f"{tool.name} was not run: {error}."), error=str(error))
    except Exception as error:  # noqa: BLE001 - a user's tool may raise anything, and the call must continue
        return _failed(tool, original(error))


def unavailable(name: str) -> ToolOutcome:
    """Return the outcome of a call of a tool that the agent may not use now."""
    error = f"{name} is not available now"
    return ToolOutcome(_error_json(f"{error}. Continue without it."), error=error)


async def is_enabled(tool: object, agent: RealtimeAgent, context: RunContextWrapper) -> bool:
    """Return whether a tool or handoff of `agent` is enabled now, by its `is_enabled`: a bool or a function."""
    enabled = getattr(tool, "is_enabled", True)
    if callable(enabled):
        enabled = await _awaited(enabled(context, agent))
    return bool(enabled)


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _run_with_timeout(
    tool: FunctionTool, context: ToolContext[AnyContext], arguments: str, limit_s: float
) -> ToolOutcome:
    token = running_tool.set(context.tool_call_id)
    try:
        async with asyncio.timeout(limit_s) as limited:
            return await asyncio.create_task(_invoke_guarded(tool, context, arguments), name=f"tool {tool.name}")
    except TimeoutError as error:
        if not limited.expired():
            return _failed(tool, error)
        message = f"{tool.name} did not answer within {limit_s:g} s."
        if tool.timeout_error_function is not None:
            explained = await _awaited(tool.timeout_error_function(context, TimeoutError(message)))
            return ToolOutcome(_outcome(explained).output, error=message)
        return ToolOutcome(_error_json(f"{message} Tell the caller, or try once more."), error=message)
    finally:
        running_tool.reset(token)


async def _invoke_guarded(tool: FunctionTool, context: ToolContext[AnyContext], arguments: str) -> ToolOutcome:
    """Invoke the tool between its input guardrails and its output guardrails.

    This runs in a task of its own, so a tool that cancels its task, as a wrong cancel scope does, fails like any other.
    """
    with contained(with_cancellation=False):
        return await _invoke_between_guardrails(tool, context, arguments)


async def _invoke_between_guardrails(
    tool: FunctionTool, context: ToolContext[AnyContext], arguments: str
) -> ToolOutcome:
    from agents.tool_guardrails import ToolInputGuardrailData, ToolOutputGuardrailData

    agent: Any = context.agent  # the SDK types guardrails for its text agents
    for before in tool.tool_input_guardrails or ():
        found = await before.run(ToolInputGuardrailData(context=context, agent=agent))
        if (rejected := _rejected(before.get_name(), found)) is not None:
            return rejected
    outcome = await _invoke(tool, context, arguments)
    for after in tool.tool_output_guardrails or ():
        data = ToolOutputGuardrailData(context=context, agent=agent, output=outcome.output)
        if (rejected := _rejected(after.get_name(), await after.run(data))) is not None:
            return rejected
    return outcome


def _rejected(guardrail: str, found: ToolGuardrailFunctionOutput) -> ToolOutcome | None:
    """Return the outcome that replaces a rejected call or result; None if the guardrail allows it."""
    if found.behavior["type"] == "allow":
        return None
    error = f"the guardrail {guardrail!r} stopped it"
    if found.behavior["type"] == "reject_content":
        return ToolOutcome(found.behavior["message"], error=error)
    return ToolOutcome(_error_json(error), error=error)


async def _check_approval(
    tool: FunctionTool,
    context: ToolContext[AnyContext],
    arguments: str,
    tool_call_id: str,
    approval: Callable[[], Awaitable[bool]] | None,
) -> str | None:
    """Wait for the approval that a tool needs. Return the reason of a refusal, None if the tool may run."""
    needed = tool.needs_approval
    if callable(needed):
        needed = await _awaited(needed(context, _decoded(arguments), tool_call_id))
    if not needed:
        return None
    if approval is None:
        return "it needs an approval, and no caller can give one here"
    return None if await approval() else "the caller did not allow it"


async def _invoke(tool: FunctionTool, context: ToolContext[AnyContext], arguments: str) -> ToolOutcome:
    """Invoke the tool so that its own exception comes through.

    By default the SDK (0.24) replaces an exception with a fixed text, and the real error is lost. Here the text of a
    user's `failure_error_function` goes to the model, and the real error to the log.
    """
    implementation = getattr(tool.on_invoke_tool, "_invoke_tool_impl", None)
    if implementation is None:
        return _outcome(await _collected(await tool.on_invoke_tool(context, arguments)))
    try:
        return _outcome(await _collected(await implementation(context, arguments)))
    except NoThreadError:
        raise
    except Exception as error:
        explain = getattr(tool, "_failure_error_function", None)
        if explain is None:
            raise
        explained = await _awaited(explain(context, error))
        raised = original(error)
        return ToolOutcome(_outcome(explained).output, error=f"{_error_text(raised)}{error_location(raised)}")


def _failed(tool: FunctionTool, error: BaseException) -> ToolOutcome:
    message = _error_text(error)
    return ToolOutcome(_error_json(f"{tool.name} failed: {message}"), error=f"{message}{error_location(error)}")


def _error_text(error: BaseException) -> str:
    message = to_json_value(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


async def _collected(result: Any) -> Any:
    """Return the value of a coroutine, and the items of a generator: one text if all are texts, else a list."""
    result = await _awaited(result)
    if inspect.isasyncgen(result):
        items = [item async for item in result]
    elif inspect.isgenerator(result):
        items = await asyncio.to_thread(list, result)
    else:
        return result
    texts = [item for item in items if isinstance(item, str)]
    return "".join(texts) if len(texts) == len(items) else items


def _argument_problem(tool: FunctionTool, arguments: str) -> str | None:
    """Return the reason why the tool does not accept the arguments, in words for the model; None if it does."""
    try:
        decoded = _decoded(arguments)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"not valid JSON: {error}"
    if not isinstance(decoded, dict):
        return "not a JSON object"
    implementation = getattr(tool.on_invoke_tool, "_invoke_tool_impl", None)
    if (function := getattr(implementation, _WRAPPED_FUNCTION, None)) is None:
        return _schema_problem(tool, decoded)
    if (parameters := _parameters(function)) is None:
        return None  # the SDK checks them when it calls the tool
    try:
        parameters.model_validate(decoded)
    except pydantic.ValidationError as error:
        return validation_text(error)
    return None


def validation_text(error: pydantic.ValidationError) -> str:
    """Return pydantic's words about wrong arguments, with the place of each: at most three of them."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in found[:3])


_WRAPPED_FUNCTION = "__agents_function_tool_wrapped_callable__"
"""The attribute by which the SDK (0.24) keeps the function of a function tool."""


@lru_cache(maxsize=512)
def _parameters(function: Any) -> type[pydantic.BaseModel] | None:
    """Return the model by which the SDK checks the arguments of a function; None if it cannot be built apart."""
    from agents.function_schema import function_schema

    try:
        return function_schema(function, strict_json_schema=False).params_pydantic_model
    except Exception:  # noqa: BLE001 - a callable object, which only the SDK's decorator prepares
        return None


def _decoded(arguments: str) -> Any:
    return msgspec.json.decode(arguments or "{}")


def _schema_problem(tool: FunctionTool, decoded: object) -> str | None:
    """Check arguments by the JSON schema of a tool that was not made from a function."""
    schema = msgspec.json.encode(tool.params_json_schema)
    errors = sorted(_validator(schema).iter_errors(decoded), key=lambda error: list(map(str, error.absolute_path)))
    return "; ".join(_schema_error_text(error) for error in errors[:3]) or None


def _schema_error_text(error: jsonschema.ValidationError) -> str:
    where = ".".join(map(str, error.absolute_path))
    return f"{where}: {error.message}" if where else error.message


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(msgspec.json.decode(schema))


def _outcome(result: object) -> ToolOutcome:
    result = _unwrapped(result)
    if not isinstance(result, str):
        output = to_json(result)
        return ToolOutcome(output.decode(), result=msgspec.json.decode(output))
    text = valid_unicode(result)
    return ToolOutcome(text, result=decode_or_text(text))


def _unwrapped(result: object) -> object:
    """Return the text in a result of the SDK's form `{"type": "text", "text": …}`, or in a list of them.

    An image in a list is named only, since a function's output is text.
    """
    parts = result if isinstance(result, list) and result else [result]
    texts: list[str] = []
    for part in parts:
        match part:
            case {"type": "text", "text": str(text), **rest} if not rest:
                texts.append(text)
            case {"type": "image", **_rest} if part is not result:
                texts.append("(an image, which cannot be shown here)")
            case _:
                return result
    return "\n".join(texts)


def _error_json(message: str) -> str:
    return to_json({"error": message}).decode()

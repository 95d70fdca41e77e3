"""Acceptance of handoffs: `is_enabled`, the check of the model's arguments, and `on_handoff`."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING

import pydantic

from trunkline.calls.agents.tools import is_enabled, validation_text
from trunkline.scenario.error_location import error_location

if TYPE_CHECKING:
    from agents import Handoff, RunContextWrapper
    from agents.realtime import RealtimeAgent


class HandoffRefusedError(Exception):
    """A handoff that does not happen.

    Attributes:
        advice: the output of the transfer tool, from which the model learns the reason and the next step.
    """

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.advice = advice


async def accept_handoff(agent: RealtimeAgent, tool_name: str, arguments: str, context: RunContextWrapper) -> None:
    """Check a handoff of `agent`, and run its `on_handoff`.

    Args:
        arguments: the model's arguments, as JSON text.

    Raises:
        HandoffRefusedError: the handoff is not enabled now, its arguments are not valid, or `on_handoff` failed.
    """
    from agents import Handoff

    for handoff in agent.handoffs:
        name = handoff.tool_name if isinstance(handoff, Handoff) else Handoff.default_tool_name(handoff)
        if name != tool_name:
            continue
        if not await is_enabled(handoff, agent, context):
            problem = f"{tool_name} is not available now"
            raise HandoffRefusedError(problem, f"{problem}. Continue without it.")
        if isinstance(handoff, Handoff):
            await _invoke(handoff, arguments, context)
        return


async def _invoke(handoff: Handoff[object, RealtimeAgent], arguments: str, context: RunContextWrapper) -> None:
    from agents.exceptions import ModelBehaviorError

    name = handoff.tool_name
    if (problem := _argument_problem(handoff, arguments)) is not None:
        raise _invalid(name, problem)
    try:
        await handoff.on_invoke_handoff(context, arguments)
    except ModelBehaviorError as error:
        raise _invalid(name, str(error)) from error
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        advice = f"{name} failed: {message}. Tell the caller, or continue yourself."
        raise HandoffRefusedError(f"{message}{error_location(error)}", advice) from error


def _invalid(name: str, problem: str) -> HandoffRefusedError:
    advice = f"The arguments are not valid: {problem}. Call {name} again with correct ones."
    return HandoffRefusedError(f"the arguments are not valid: {problem}", advice)


def _argument_problem(handoff: Handoff[object, RealtimeAgent], arguments: str) -> str | None:
    """Return pydantic's words about the arguments of a handoff with an `input_type`; None if it accepts them.

    The SDK reports a refusal without them.
    """
    adapter = _input_adapter(handoff)
    if adapter is None:
        return None
    try:
        adapter.validate_json(arguments or "{}", strict=True)
    except pydantic.ValidationError as error:
        return validation_text(error)
    return None


def _input_adapter(handoff: Handoff[object, RealtimeAgent]) -> pydantic.TypeAdapter[object] | None:
    """Return the SDK's (0.24) validator of a handoff's `input_type`, which it keeps in a closure."""
    invoke = handoff.on_invoke_handoff
    function = invoke.args[0] if isinstance(invoke, partial) and invoke.args else invoke
    if not inspect.isfunction(function):
        return None
    adapter = inspect.getclosurevars(function).nonlocals.get("type_adapter")
    return adapter if isinstance(adapter, pydantic.TypeAdapter) else None

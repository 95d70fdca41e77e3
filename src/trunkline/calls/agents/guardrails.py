"""Guardrails of the Agents SDK, run on the text of an agent's answer, and on the caller's words."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trunkline.calls.agents.containment import contained, original
from trunkline.calls.machine.effects import RunGuardrails, RunInputGuardrails
from trunkline.calls.machine.inputs import GuardrailFinished
from trunkline.realtime.json_values import valid_unicode
from trunkline.scenario.error_location import error_location
from trunkline.scenario.scenario import AnyScenario

if TYPE_CHECKING:
    from agents import GuardrailFunctionOutput, InputGuardrail, OutputGuardrail, RunContextWrapper
    from agents.realtime import RealtimeAgent

logger = logging.getLogger(__name__)


def guardrails_of(scenario: AnyScenario, agent: RealtimeAgent) -> Sequence[OutputGuardrail]:
    """Return the guardrails of the agent and of the scenario. The agent's one wins over the scenario's of that name."""
    own = {guardrail.get_name(): guardrail for guardrail in agent.output_guardrails}
    return [*own.values(), *(one for one in scenario.guardrails if one.get_name() not in own)]


async def run_guardrail(
    guardrail: OutputGuardrail | InputGuardrail,
    check: RunGuardrails | RunInputGuardrails,
    agent: RealtimeAgent,
    context: RunContextWrapper,
    timeout_s: float,
) -> GuardrailFinished:
    """Run a guardrail on `check.text`. An exception or timeout gives the status `error`; only cancelling raises."""
    name = guardrail.get_name()
    began = time.perf_counter()
    try:
        with contained():
            async with asyncio.timeout(timeout_s) as limited:
                output = await _output(guardrail, check.text, agent, context)
        tripped, info = output.tripwire_triggered, output.output_info
    except Exception as error:  # noqa: BLE001 - a user's guardrail may raise anything, and the call must continue
        late = isinstance(error, TimeoutError) and limited.expired()
        problem = f"no answer within {timeout_s:g} s" if late else _problem_of(original(error))
        logger.warning("the guardrail %s failed: %s", name, type(original(error)).__name__)
        return GuardrailFinished(
            check.item_id, check.check_id, name, "error", rationale=valid_unicode(problem), duration_ms=_ms(began)
        )
    return GuardrailFinished(
        check.item_id,
        check.check_id,
        name,
        "fail" if tripped else "pass",
        category=_field(info, "category"),
        rationale=_field(info, "rationale") or (valid_unicode(info) if isinstance(info, str) else None),
        duration_ms=_ms(began),
    )


async def _output(
    guardrail: OutputGuardrail | InputGuardrail, text: str, agent: RealtimeAgent, context: RunContextWrapper
) -> GuardrailFunctionOutput:
    """Run a guardrail. The SDK types it for its text agents, but only passes the agent through."""
    from agents import InputGuardrail

    passed: Any = agent
    if isinstance(guardrail, InputGuardrail):
        return (await guardrail.run(passed, text, context)).output
    return (await guardrail.run(context, passed, text)).output


def _problem_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}{error_location(error)}"


def _ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def _field(info: object, name: str) -> str | None:
    """Return a text field of a guardrail's `output_info`, a mapping or an object; None if it has no such field."""
    value = info.get(name) if isinstance(info, Mapping) else getattr(info, name, None)
    return None if value is None else valid_unicode(str(value))

"""Plan of a call: the facts that its machine needs from the scenario, the provider and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from trunkline.calls.agents.runner import AgentRunner
from trunkline.calls.log_events import Codec, Notice, Transport
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.metrics.cost_limits import CostLimits
from trunkline.calls.metrics.prices import PriceTable
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.providers import Provider
from trunkline.scenario.scenario import AnyScenario


def plan_call(
    call_id: str,
    scenario: AnyScenario,
    agents: AgentRunner,
    provider: Provider,
    *,
    first_agent: str,
    model: str,
    transport: Transport,
    codec: Codec,
    listens: bool,
    is_recorded: bool,
    time_limits: CallTimeLimits,
    metadata: Mapping[str, str],
    prices: PriceTable,
    cost_limits: CostLimits,
) -> CallPlan:
    """Return the plan of a call that starts now.

    Args:
        listens: true if a recogniser of this machine hears the words of a caller on the relay.
        is_recorded: true if the audio of the call is stored.
    """
    interruption = scenario.interruption
    recording_notice = scenario.recording_notice if is_recorded else None
    detector = None if isinstance(interruption, str) else interruption
    return CallPlan(
        call_id=call_id,
        scenario=scenario.name,
        first_agent=first_agent,
        agents=[agent.name for agent in scenario.agents],
        transfers={agent.name: scenario.transfers(agent.name) for agent in scenario.agents},
        tools={agent.name: agents.tools_of(agent.name).tools for agent in scenario.agents},
        transport=transport,
        provider=provider.name,
        model=model,
        fallback_model=provider.fallback_model_for(scenario),
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        caller_wait_ms=time_limits.caller_wait_s * 1000,
        turn_detection=provider.turn_detection(scenario),
        interruption=interruption if isinstance(interruption, str) else "words",
        detector=detector,
        listens=listens,
        word_transports=provider.word_transports(scenario),
        codec=codec,
        guardrails=agents.guardrails(),
        input_guardrails=[guardrail.get_name() for guardrail in scenario.input_guardrails],
        hold=scenario.hold,
        fillers=scenario.fillers,
        session_limit_ms=_in_ms(time_limits.session_limit_s),
        max_call_ms=_in_ms(time_limits.max_call_s),
        idle_timeout_ms=_in_ms(time_limits.idle_timeout_s),
        stall_timeout_ms=time_limits.stall_timeout_s * 1000,
        metadata=metadata,
        idempotent=scenario.idempotent,
        recording_notice=recording_notice,
        notices=[
            *([Notice(message=recording_notice, code="call_recorded")] if recording_notice is not None else ()),
            *(
                Notice(message=notice.message, code=notice.code, hint=notice.hint)
                for notice in (*provider.notices(), *agents.notices())
            ),
            *_price_notices(provider, model, prices, cost_limits),
        ],
    )


def _price_notices(provider: Provider, model: str, prices: PriceTable, limits: CostLimits) -> list[Notice]:
    """Return a notice if a limit in money cannot count the call's model. The local engine costs nothing."""
    is_free = provider.name in ("local", "memory")
    if is_free or not limits.need_prices or prices[model] is not None:
        return []
    message = f"The model {model} has no price, so limits in US dollars do not count its tokens."
    hint = "Add its price to the file of TRUNKLINE_PRICES, or limit tokens: TRUNKLINE_MAX_CALL_TOKENS."
    return [Notice(message=message, code="no_price", hint=hint)]


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000

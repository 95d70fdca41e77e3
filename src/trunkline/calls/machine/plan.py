"""The plan of a call: the facts about scenario, provider and limits that are fixed when the call is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trunkline.calls.log_events import Codec, Notice, Transport


@dataclass(frozen=True)
class CallPlan:
    """What a call is to be, fixed when it is made.

    Attributes:
        transfers: agent -> {tool name: target agent}.
        tools: agent -> names of its own tools.
        caller_wait_ms: how long the call waits for its caller.
        turn_detection: the scenario's, as the session knows it; None is push-to-talk.
        guardrails: agent -> names of its guardrails.
        hold: whether nothing is shown or heard before its guardrails have passed it.
        retries: how often an answer that a guardrail stopped is asked for again.
        session_limit_ms: how long a provider lets a session live; None is for ever.
        max_call_ms: how long a call may last.
        idle_timeout_ms: how long the caller may say nothing.
        notices: what the provider wants to be known.
    """

    call_id: str
    scenario: str
    first_agent: str
    agents: Sequence[str]
    transfers: Mapping[str, Mapping[str, str]]
    tools: Mapping[str, Sequence[str]]
    transport: Transport
    provider: str
    model: str
    started_at: str
    caller_wait_ms: float
    turn_detection: Mapping[str, Any] | None = None
    codec: Codec = "pcm16"
    guardrails: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hold: bool = False
    retries: int = 2
    session_limit_ms: float | None = None
    max_call_ms: float | None = None
    idle_timeout_ms: float | None = None
    notices: Sequence[Notice] = ()

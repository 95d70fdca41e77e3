"""Plan of a call: facts about scenario, provider and limits that are fixed when the call is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trunkline.calls.log_events import Codec, Notice, Transport
from trunkline.scenario.fillers import Fillers
from trunkline.scenario.interruption import InterruptionDetector, InterruptionMode


@dataclass(frozen=True)
class CallPlan:
    """Everything the machine knows about its call from the start.

    Attributes:
        transfers: agent -> {tool name: target agent}.
        tools: agent -> names of its own tools.
        caller_wait_ms: time the call waits for its caller, at the start and after a disconnect.
        turn_detection: the scenario's session field of that name; None means push-to-talk.
        interruption: the scenario's way to interrupt by voice.
        detector: decides by words; None if `interruption` is not "words".
        listens: true if a recogniser of this machine hears the caller on the relay.
        word_transports: transports over which the service's transcripts tell words from murmurs.
        guardrails: agent -> names of its guardrails.
        input_guardrails: names of the guardrails that check the caller's words.
        hold: true if output is held back until its guardrails have passed it.
        retries: number of new answers requested after an answer that a guardrail stopped.
        fallback_model: model for the rest of the call after failed responses; None means that there is no other one.
        session_limit_ms: maximum lifetime of a session at the provider; None means unlimited.
        max_call_ms: maximum duration of the call; None means unlimited.
        idle_timeout_ms: maximum silence of the caller; None means unlimited.
        stall_timeout_ms: time without an event during a response, after which the session counts as dead.
        fillers: the sentences for a caller who would hear nothing; None plays none.
        recording_notice: the sentence by which the first answer says that the call is recorded; None without one.
        notices: notices of the provider, logged at the start.
        metadata: the client's own pairs, for the log.
        idempotent: names of the tools that may run again after their server has died.
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
    turn_detection: Mapping[str, object] | None = None
    interruption: InterruptionMode = "speech"
    detector: InterruptionDetector | None = None
    listens: bool = False
    word_transports: frozenset[Transport] = frozenset()
    codec: Codec = "pcm16"
    guardrails: Mapping[str, Sequence[str]] = field(default_factory=dict)
    input_guardrails: Sequence[str] = ()
    hold: bool = False
    retries: int = 2
    fallback_model: str | None = None
    session_limit_ms: float | None = None
    max_call_ms: float | None = None
    idle_timeout_ms: float | None = None
    stall_timeout_ms: float = 20_000.0
    fillers: Fillers | None = None
    recording_notice: str | None = None
    notices: Sequence[Notice] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    idempotent: frozenset[str] = frozenset()

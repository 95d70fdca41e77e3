"""The summary of a call, for lists: a fold over the call's log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from trunkline.calls import log, log_events
from trunkline.calls.metrics.turn_count import TurnCount
from trunkline.settings import StoreMode

CallStatus = Literal["running", "ended", "interrupted", "failed"]
"""The state of a stored call: it runs, it has ended, its server died, or a fault ended it."""
MAX_PATH = 100
"""The handoffs that the path of agents holds."""


class CallSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A stored call in a list. Times of day are ISO 8601 in UTC; `cost` is in US dollars.

    Attributes:
        turns: utterances and typed messages of the caller.
        agents: the path of the call: each agent that had it, in order.
        cost: None without a price for one of the models.
        tokens: input and output.
        slowest_turn_ms: the longest time from the end of a turn to the first audio of its answer.
        trips: guardrails that stopped an answer.
        errors: events of the kind `error`.
        audio_bytes: the size of the recorded audio.
        bytes: the size of the stored events, as JSON text.
        lost_events: events that the store could not keep.
    """

    call_id: str
    started_at: str
    ended_at: str | None = None
    scenario: str
    transport: str
    provider: str
    model: str
    mode: StoreMode
    status: CallStatus = "running"
    end_reason: str | None = None
    duration_ms: int = 0
    turns: int = 0
    agents: tuple[str, ...] = ()
    cost: float | None = None
    tokens: int = 0
    slowest_turn_ms: int | None = None
    trips: int = 0
    errors: int = 0
    has_audio: bool = False
    audio_bytes: int = 0
    bytes: int = 0
    lost_events: int = 0
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class SummaryMeter:
    """Meter of one call. Give it every entry of the call's log, in order, from the first.

    Args:
        mode: the mode in which the call is stored.
    """

    def __init__(self, mode: StoreMode) -> None:
        self._mode = mode
        self._started: log_events.CallStarted | None = None
        self._ended: log_events.CallEnded | None = None
        self._duration_ms = 0
        self._turns = TurnCount()
        self._agents: list[str] = []
        self._cost: float | None = None
        self._tokens = 0
        self._slowest_turn_ms: int | None = None
        self._trips = 0
        self._errors = 0

    def read(self, entry: log.Entry) -> None:
        """Read the next entry."""
        if entry.at_ms > self._duration_ms:
            self._duration_ms = entry.at_ms
        if (reader := _READERS.get(type(entry.event))) is not None:
            reader(self, entry.event)

    def is_hidden(self, item_id: str) -> bool:
        """Return whether nobody said this message, such as the greeting's "hi"."""
        return self._turns.is_hidden(item_id)

    def _call_started(self, event: log_events.CallStarted) -> None:
        self._started = event

    def _agent_changed(self, event: log_events.AgentChanged) -> None:
        if len(self._agents) < MAX_PATH:
            self._agents.append(event.agent)

    def _message_added(self, event: log_events.MessageAdded) -> None:
        self._turns.on_added(event)

    def _message_done(self, event: log_events.MessageDone) -> None:
        self._turns.on_done(event)

    def _turn_latency(self, event: log_events.TurnLatency) -> None:
        self._slowest_turn_ms = max(self._slowest_turn_ms or 0, event.total_ms)

    def _usage_updated(self, event: log_events.UsageUpdated) -> None:
        total = event.total
        self._cost = event.total_cost
        self._tokens = total.input_text + total.input_audio + total.output_text + total.output_audio

    def _guardrail_checked(self, event: log_events.GuardrailChecked) -> None:
        self._trips += event.status == "fail"

    def _call_error(self, _event: log_events.CallError) -> None:
        self._errors += 1

    def _call_ended(self, event: log_events.CallEnded) -> None:
        self._ended = event

    def summary(self) -> CallSummary | None:
        """Return the summary up to now, None before `call.started`."""
        started, ended = self._started, self._ended
        if started is None:
            return None
        return CallSummary(
            call_id=started.call_id,
            started_at=started.started_at,
            ended_at=None if ended is None else _later(started.started_at, self._duration_ms),
            scenario=started.scenario,
            transport=started.transport,
            provider=started.provider,
            model=started.model,
            mode=self._mode,
            status="running" if ended is None else "failed" if ended.failed else "ended",
            end_reason=None if ended is None else ended.reason,
            duration_ms=self._duration_ms,
            turns=self._turns.turns,
            agents=tuple(self._agents),
            cost=self._cost,
            tokens=self._tokens,
            slowest_turn_ms=self._slowest_turn_ms,
            trips=self._trips,
            errors=self._errors,
            metadata=dict(started.metadata),
        )


_READERS: dict[type, Callable[[SummaryMeter, Any], None]] = {
    log_events.AgentChanged: SummaryMeter._agent_changed,
    log_events.CallEnded: SummaryMeter._call_ended,
    log_events.CallError: SummaryMeter._call_error,
    log_events.CallStarted: SummaryMeter._call_started,
    log_events.GuardrailChecked: SummaryMeter._guardrail_checked,
    log_events.MessageAdded: SummaryMeter._message_added,
    log_events.MessageDone: SummaryMeter._message_done,
    log_events.TurnLatency: SummaryMeter._turn_latency,
    log_events.UsageUpdated: SummaryMeter._usage_updated,
}


def _later(started_at: str, ms: int) -> str:
    moment = datetime.fromisoformat(started_at) + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds")

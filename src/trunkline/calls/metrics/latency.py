"""Latency of answers, and its parts: a sum over the log's `turn.waiting`.

A turn's latency runs from the end of the caller's words to the first audio of the answer at the caller's ear. The call
waits for exactly one thing at a time, and each millisecond counts for that part, so the parts add up to the total by
construction. The last part is the delay that the page reports.
docs/measuring.md explains each part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from trunkline.calls import log, log_events


@dataclass
class _UnansweredTurn:
    """A caller's turn that waits for its answer."""

    after: Literal["speech", "text", "greeting"]
    mark_ms: int
    """The time up to which all milliseconds are in `parts`."""
    parts: dict[log_events.WaitReason | Literal["playout"], int] = field(default_factory=dict)
    tool_ms: int = 0
    guardrail_ms: int = 0


class LatencyMeter:
    """Measures the latency of turns. Give it the entries of `LATENCY_KINDS`, in order."""

    def __init__(self) -> None:
        self._turn: _UnansweredTurn | None = None
        self._spoken_over: _UnansweredTurn | None = None
        """The turn during whose wait the caller began to speak: a backchannel leaves it as it is."""
        self._phases: dict[str, log_events.Phase] = {}
        """The phases of the messages whose audio has not started."""
        self._reason: log_events.WaitReason = "caller"
        self._part: log_events.WaitReason = "request"
        self._tools: dict[str, bool] = {}
        """The tool calls of the turn without a result: true for one that runs, false if it waits for approval."""
        self._checks: set[tuple[str, str]] = set()

    def read(self, entry: log.Entry) -> log_events.TurnLatency | None:
        """Read the next entry. Return the latency of a turn if the entry answers it."""
        event = entry.event
        reader = _READERS.get(type(event))
        if reader is not None:
            reader(self, event, entry.at_ms)
        elif isinstance(event, log_events.AudioStarted) and self._turn is not None:
            return self._answered(event, entry.at_ms)
        return None

    # Start and end --------------------------------------------------------------------------------------------------
    def _begin(self, after: Literal["speech", "text", "greeting"], at_ms: int, endpointing_ms: int = 0) -> None:
        self._turn = _UnansweredTurn(after, at_ms, {"endpointing": endpointing_ms} if endpointing_ms else {})
        if self._reason == "caller":
            self._part = "request"
        self._spoken_over = None
        self._tools.clear()
        self._checks.clear()

    def _answered(self, event: log_events.AudioStarted, at_ms: int) -> log_events.TurnLatency:
        turn = self._charge(at_ms)
        phase = self._phases.pop(event.item_id, None)
        if phase != "commentary":  # the answer follows
            self._turn = None
        measured = {**turn.parts, "playout": event.delay_ms}
        parts = [log_events.LatencyPart(name, ms) for name, ms in measured.items() if ms]
        return log_events.TurnLatency(
            item_id=event.item_id,
            total_ms=sum(measured.values()),
            parts=parts,
            after=turn.after,
            tool_ms=turn.tool_ms,
            guardrail_ms=turn.guardrail_ms,
            phase=phase,
        )

    def _charge(self, at_ms: int) -> _UnansweredTurn:
        """Count the time since the mark for the current part. Call it before the part changes."""
        turn = self._turn
        assert turn is not None  # noqa: S101 - callers check it
        passed = at_ms - turn.mark_ms
        if passed > 0:
            turn.parts[self._part] = turn.parts.get(self._part, 0) + passed
            turn.mark_ms = at_ms
            if any(self._tools.values()):
                turn.tool_ms += passed
            if self._checks:
                turn.guardrail_ms += passed
        return turn

    # The parts ------------------------------------------------------------------------------------------------------
    def _waiting(self, event: log_events.TurnWaiting, at_ms: int) -> None:
        if self._turn is not None:
            self._charge(at_ms)
        self._reason = event.reason
        if event.reason == "endpointing":
            self._spoken_over, self._turn = self._turn, None  # if they continue, one answer follows both utterances
        if event.endpointing_ms is not None:
            self._begin("speech", at_ms, event.endpointing_ms)
        if event.reason != "caller":  # over WebRTC an answer may be complete before its audio starts
            self._part = event.reason

    def _message_added(self, event: log_events.MessageAdded, at_ms: int) -> None:
        if event.phase is not None:
            self._phases[event.item_id] = event.phase
        if event.role == "user" and not event.spoken:
            self._begin("greeting" if event.hidden else "text", at_ms)

    def _resumed(self, _event: log_events.AudioResumed, _at_ms: int) -> None:
        self._turn, self._spoken_over = self._turn or self._spoken_over, None

    def _leg_lost(self, _event: log_events.LegLost, _at_ms: int) -> None:
        self._turn = None  # no caller waits

    # Tools and guardrails -------------------------------------------------------------------------------------------
    def _tool_started(self, event: log_events.ToolStarted, at_ms: int) -> None:
        if self._turn is not None and event.parent is None:
            self._charge(at_ms)
            self._tools[event.call_id] = True

    def _tool_done(self, event: log_events.ToolDone, at_ms: int) -> None:
        if self._turn is not None:
            self._charge(at_ms)
            self._tools.pop(event.call_id, None)

    def _approval(self, event: log_events.ApprovalNeeded | log_events.ApprovalResolved, at_ms: int) -> None:
        if self._turn is not None and event.call_id in self._tools:
            self._charge(at_ms)
            self._tools[event.call_id] = isinstance(event, log_events.ApprovalResolved)

    def _guardrail_checked(self, event: log_events.GuardrailChecked, at_ms: int) -> None:
        if self._turn is None:
            return
        self._charge(at_ms)
        check = (event.item_id, event.guardrail)
        if event.status == "pending":
            self._checks.add(check)
        else:
            self._checks.discard(check)


_READERS: dict[type, Callable[[LatencyMeter, Any, int], None]] = {
    log_events.TurnWaiting: LatencyMeter._waiting,
    log_events.MessageAdded: LatencyMeter._message_added,
    log_events.AudioResumed: LatencyMeter._resumed,
    log_events.LegLost: LatencyMeter._leg_lost,
    log_events.ToolStarted: LatencyMeter._tool_started,
    log_events.ToolDone: LatencyMeter._tool_done,
    log_events.ApprovalNeeded: LatencyMeter._approval,
    log_events.ApprovalResolved: LatencyMeter._approval,
    log_events.GuardrailChecked: LatencyMeter._guardrail_checked,
}
LATENCY_KINDS = frozenset({*_READERS, log_events.AudioStarted})
"""The events of the log that a `LatencyMeter` reads; others change nothing."""

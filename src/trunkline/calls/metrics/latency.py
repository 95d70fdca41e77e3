"""Latency of answers, and its parts, measured from the log.

A turn's latency runs from the end of the caller's words to the first audio of the answer. The call waits for exactly
one thing at a time, and each millisecond counts for that part, so the parts add up to the total by construction.
docs/measuring.md explains each part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from trunkline.calls import log, log_events
from trunkline.calls.machine.push_to_talk import WEBRTC_LAG_MS
from trunkline.calls.machine.redaction import HELD_BACK
from trunkline.realtime.events import Event

Part = Literal["endpointing", "link", "request", "model", "tools", "approval", "handoff", "guardrails", "audio"]
DEFAULT_SILENCE_MS = 500
"""The silence that ends a turn under server VAD, for a session that sets none."""


@dataclass
class _UnansweredTurn:
    """A caller's turn that waits for its answer."""

    after: Literal["speech", "text", "greeting"]
    mark_ms: int
    """The time up to which all milliseconds are in `parts`."""
    item_id: str | None = None
    """The caller's message; None for a turn that was not spoken."""
    parts: dict[Part, int] = field(default_factory=dict)
    tool_ms: int = 0
    guardrail_ms: int = 0
    replayed: bool = False
    """True once its link was lost, so that another session may receive its audio again."""


class LatencyMeter:
    """Measures the latency of turns. Give it every entry of the log, in order."""

    def __init__(self) -> None:
        self._turn: _UnansweredTurn | None = None
        self._spoke_at_ms = 0
        self._silence_ms: int | None = DEFAULT_SILENCE_MS
        """The silence that ends a turn; None if the turn detection has no fixed one."""
        self._transport: log_events.Transport = "websocket"
        self._link_down = False
        self._asked = False
        self._response: str | None = None
        self._speaks = False
        """True once the response in progress has words."""
        self._held_back = False
        self._tool_calls: dict[str, Part] = {}
        """The tool calls without an output yet, each with the part that it waits for."""
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
    def _begin(
        self,
        after: Literal["speech", "text", "greeting"],
        at_ms: int,
        endpointing_ms: float = 0,
        item_id: str | None = None,
    ) -> None:
        self._turn = turn = _UnansweredTurn(after, at_ms, item_id)
        if endpointing_ms > 0:
            turn.parts["endpointing"] = round(endpointing_ms)
        # The caller no longer waits for an earlier request and its tool calls.
        self._asked, self._response, self._speaks = False, None, False
        self._tool_calls.clear()
        self._checks.clear()

    def _answered(self, event: log_events.AudioStarted, at_ms: int) -> log_events.TurnLatency:
        turn = self._charge(at_ms)
        self._turn = None
        parts = [log_events.LatencyPart(name, ms) for name, ms in turn.parts.items() if ms]
        return log_events.TurnLatency(
            item_id=event.item_id,
            total_ms=sum(turn.parts.values()),
            parts=parts,
            after=turn.after,
            tool_ms=turn.tool_ms,
            guardrail_ms=turn.guardrail_ms,
        )

    def _charge(self, at_ms: int) -> _UnansweredTurn:
        """Count the time since the mark for the current part. Call it before the part changes."""
        turn = self._turn
        assert turn is not None  # noqa: S101 - callers check it
        passed = at_ms - turn.mark_ms
        if passed > 0:
            part = self._part()
            turn.parts[part] = turn.parts.get(part, 0) + passed
            turn.mark_ms = at_ms
            if "tools" in self._tool_calls.values():
                turn.tool_ms += passed
            if self._checks:
                turn.guardrail_ms += passed
        return turn

    def _part(self) -> Part:
        """Return the part that the call waits for now."""
        if self._link_down:
            return "link"
        for part in ("approval", "tools", "handoff"):
            if part in self._tool_calls.values():
                return part
        if self._speaks:
            return "guardrails" if self._held_back else "audio"
        return "model" if self._asked or self._response is not None else "request"

    # The caller -----------------------------------------------------------------------------------------------------
    def _speech_started(self, event: log_events.SpeechStarted, at_ms: int) -> None:
        if self._is_current_item(event.item_id):
            return
        self._spoke_at_ms = at_ms
        self._turn = None  # the caller continues: one answer follows both utterances

    def _speech_stopped(self, event: log_events.SpeechStopped, at_ms: int) -> None:
        if event.audio_ms is None:
            return  # cut off by a lost link, or since the caller left
        if not self._is_current_item(event.item_id):
            self._begin("speech", at_ms, min(self._silence_ms or 0, at_ms - self._spoke_at_ms), event.item_id)

    def _is_current_item(self, item_id: str) -> bool:
        """Return whether a new session reports the same speech again: the caller has waited since the first report."""
        return self._turn is not None and self._turn.item_id == item_id

    def _message_added(self, event: log_events.MessageAdded, at_ms: int) -> None:
        if event.role == "user" and not event.spoken:
            self._begin("greeting" if event.hidden else "text", at_ms)

    def _leg_joined(self, event: log_events.LegJoined, _at_ms: int) -> None:
        self._transport = event.transport

    def _leg_lost(self, _event: log_events.LegLost, _at_ms: int) -> None:
        self._turn = None  # no caller waits

    # The link -------------------------------------------------------------------------------------------------------
    def _link_lost(self, _event: log_events.LinkLost, at_ms: int) -> None:
        if self._turn is not None:
            self._charge(at_ms)
        self._link_down = True
        self._asked, self._response, self._speaks = False, None, False

    def _link_back(self, _event: log_events.LogEvent, at_ms: int) -> None:
        if self._turn is not None:
            self._charge(at_ms)
            self._turn.replayed = True
        self._link_down = False

    # Tools and guardrails -------------------------------------------------------------------------------------------
    def _set_tool_part(self, tool_call_id: str, part: Part | None, at_ms: int) -> None:
        if self._turn is None:
            return
        self._charge(at_ms)
        if part is None:
            self._tool_calls.pop(tool_call_id, None)
        else:
            self._tool_calls[tool_call_id] = part

    def _tool_started(self, event: log_events.ToolStarted, at_ms: int) -> None:
        if event.parent is None:
            self._set_tool_part(event.call_id, "tools", at_ms)

    def _tool_done(self, event: log_events.ToolDone, at_ms: int) -> None:
        if event.call_id in self._tool_calls:
            self._set_tool_part(event.call_id, None, at_ms)

    def _approval_needed(self, event: log_events.ApprovalNeeded, at_ms: int) -> None:
        self._set_tool_part(event.call_id, "approval", at_ms)

    def _approval_resolved(self, event: log_events.ApprovalResolved, at_ms: int) -> None:
        if event.call_id in self._tool_calls:
            self._set_tool_part(event.call_id, "tools", at_ms)

    def _guardrail_checked(self, event: log_events.GuardrailChecked, at_ms: int) -> None:
        if self._turn is None:
            return
        self._charge(at_ms)
        check = (event.item_id, event.guardrail)
        if event.status == "pending":
            self._checks.add(check)
        else:
            self._checks.discard(check)

    # The wire -------------------------------------------------------------------------------------------------------
    def _sent(self, sent: log_events.WireSent, at_ms: int) -> None:
        event = sent.event
        kind = event["type"]
        if kind == "session.update":
            self._configured(event, at_ms)
        elif kind == "input_audio_buffer.commit":  # only push-to-talk commits, over WebRTC a little after the release
            if self._turn is None or not self._turn.replayed:
                self._begin("speech", at_ms, WEBRTC_LAG_MS if self._transport == "webrtc" else 0)
        elif self._turn is None:
            return
        elif kind == "input_audio_buffer.clear":
            self._turn.replayed = False  # the next commit is another turn
        elif kind == "response.create":
            self._charge(at_ms)
            self._asked, self._speaks = True, False
        elif kind == "conversation.item.create" and event["item"].get("type") == "function_call_output":
            self._set_tool_part(event["item"]["call_id"], None, at_ms)

    def _received(self, received: log_events.WireReceived, at_ms: int) -> None:
        event = received.event
        reader = _WIRE_READERS.get(event["type"])
        if reader is not None and (self._turn is not None or reader is LatencyMeter._configured):
            try:
                reader(self, event, at_ms)
            except (LookupError, TypeError, AttributeError):
                return  # malformed; the machine logs that

    def _configured(self, event: Event, _at_ms: int) -> None:
        audio_input = ((event.get("session") or {}).get("audio") or {}).get("input") or {}
        if "turn_detection" not in audio_input:
            return
        detection = audio_input["turn_detection"] or {}
        if detection.get("type") != "server_vad":
            self._silence_ms = None
            return
        silence = detection.get("silence_duration_ms", DEFAULT_SILENCE_MS)
        self._silence_ms = round(silence) if isinstance(silence, int | float) else DEFAULT_SILENCE_MS

    def _response_created(self, event: Event, at_ms: int) -> None:
        self._charge(at_ms)
        self._asked, self._response, self._speaks = False, event["response"]["id"], False

    def _response_done(self, event: Event, at_ms: int) -> None:
        if event["response"]["id"] == self._response:
            self._charge(at_ms)
            # A held-back answer is complete before its audio is played: the wait continues, unless it was cancelled.
            self._speaks = self._speaks and event["response"].get("status") != "cancelled"
            self._response = None

    def _item_done(self, event: Event, at_ms: int) -> None:
        item = event["item"]
        if item["type"] == "function_call" and item["call_id"] not in self._tool_calls:
            self._set_tool_part(item["call_id"], "handoff", at_ms)  # `tool.started` follows if it is a tool

    def _delta(self, event: Event, at_ms: int) -> None:
        if not self._speaks:
            self._charge(at_ms)
            self._speaks = True
            self._held_back = event["delta"] == HELD_BACK

    def _error(self, _event: Event, at_ms: int) -> None:
        self._charge(at_ms)
        self._asked = False


_READERS: dict[type, Callable[[LatencyMeter, Any, int], None]] = {
    log_events.WireReceived: LatencyMeter._received,
    log_events.WireSent: LatencyMeter._sent,
    log_events.SpeechStarted: LatencyMeter._speech_started,
    log_events.SpeechStopped: LatencyMeter._speech_stopped,
    log_events.MessageAdded: LatencyMeter._message_added,
    log_events.LegJoined: LatencyMeter._leg_joined,
    log_events.LegLost: LatencyMeter._leg_lost,
    log_events.LinkLost: LatencyMeter._link_lost,
    log_events.LinkRestored: LatencyMeter._link_back,
    log_events.ToolStarted: LatencyMeter._tool_started,
    log_events.ToolDone: LatencyMeter._tool_done,
    log_events.ApprovalNeeded: LatencyMeter._approval_needed,
    log_events.ApprovalResolved: LatencyMeter._approval_resolved,
    log_events.GuardrailChecked: LatencyMeter._guardrail_checked,
}

_WIRE_READERS: dict[str, Callable[[LatencyMeter, Event, int], None]] = {
    "session.created": LatencyMeter._configured,
    "session.updated": LatencyMeter._configured,
    "response.created": LatencyMeter._response_created,
    "response.done": LatencyMeter._response_done,
    "response.output_item.done": LatencyMeter._item_done,
    "response.output_audio_transcript.delta": LatencyMeter._delta,
    "response.output_text.delta": LatencyMeter._delta,
    "error": LatencyMeter._error,
}

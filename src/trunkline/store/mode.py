"""Storing modes: the part of each event that is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from trunkline.calls import log_events
from trunkline.calls.log_events import LogEventUnion, UnknownEvent
from trunkline.settings import StoreMode

__all__ = ["StoreMode", "stored_part"]

_ERROR_TYPE = re.compile(r"[A-Z]\w*(?:Error|Exception)(?=:|\Z| \()")


def stored_part(event: LogEventUnion | UnknownEvent, mode: StoreMode) -> LogEventUnion | UnknownEvent | None:
    """Return the part of an event that is stored in this mode, None for nothing.

    `full` stores each event as it is, and `redacted` leaves that to the redactor. `metadata` stores no words of the
    caller or the agents, no payloads of tools, no messages of their errors, and no raw provider events.
    """
    match mode:
        case "off":
            return None
        case "full" | "redacted":
            return event
        case "metadata":
            if isinstance(event, _NOT_STORED):
                return None
            without_content = _WITHOUT_CONTENT.get(type(event))
            return event if without_content is None else without_content(event)


def _error_without_content(event: log_events.CallError) -> log_events.CallError:
    """Remove the message of an error of a service, a tool or a scenario: it may repeat words of the call."""
    return event if event.source in ("call", "leg") else replace(event, message="", hint=None)


def _tool_done(event: log_events.ToolDone) -> log_events.ToolDone:
    if event.error is None:
        return replace(event, result=None)
    kind = _ERROR_TYPE.match(event.error)
    return replace(event, result=None, error=kind.group() if kind else "error")


_NOT_STORED = (
    log_events.WireSent,
    log_events.WireReceived,
    log_events.MessageDelta,
    log_events.Breadcrumb,
    UnknownEvent,
)
_WITHOUT_CONTENT: dict[type, Callable[[Any], LogEventUnion]] = {
    log_events.AgentChanged: lambda event: replace(event, reason=None),
    log_events.ApprovalNeeded: lambda event: replace(event, arguments=None),
    log_events.ApprovalResolved: lambda event: replace(event, reason=None),
    log_events.AudioInterrupted: lambda event: replace(event, words=""),
    log_events.AudioResumed: lambda event: replace(event, words=""),
    log_events.CallError: _error_without_content,
    log_events.CallEnded: lambda event: replace(event, reason=event.reason.partition(":")[0]),
    log_events.FillerStarted: lambda event: replace(event, text=""),
    log_events.GuardrailChecked: lambda event: replace(event, rationale=None, text=None),
    log_events.McpServerChanged: lambda event: replace(event, problem=None),
    log_events.MessageAdded: lambda event: replace(event, images=()),
    log_events.MessageDone: lambda event: replace(event, text=""),
    log_events.MessageTruncated: lambda event: replace(event, text=None),
    log_events.ModelChanged: lambda event: replace(event, reason=""),
    log_events.ToolDone: _tool_done,
    log_events.ToolProgress: lambda event: replace(event, message=""),
    log_events.ToolStarted: lambda event: replace(event, arguments=None),
}

"""Audience of events: the part of a call's log that its caller may see.

Operators see everything. A caller sees the conversation and the state of the call, but no instructions, no session
updates, no payloads of tools, no exceptions and no rationales. An event that is not named here is for operators only.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from trunkline.calls import log, log_events
from trunkline.calls.log_events import LogEventUnion, UnknownEvent

Audience = Literal["caller", "operator"]
_UNCHANGED = (
    log_events.LegJoined | log_events.LegLost | log_events.LegReofferRequested
    | log_events.LinkRestored | log_events.LinkRolledOver
    | log_events.SpeechStarted | log_events.SpeechStopped
    | log_events.AudioStarted | log_events.AudioCleared | log_events.AudioDucked | log_events.AudioResumed
    | log_events.AudioInterrupted | log_events.AudioDone | log_events.AudioStats
    | log_events.ToolProgress | log_events.ApprovalNeeded | log_events.ApprovalResolved
    | log_events.CallSettings | log_events.TurnWaiting | log_events.TurnStalled | log_events.TurnLatency
    | log_events.FillerStarted | log_events.FillerDone
    | log_events.LogGap | log_events.CallHandedOver
)  # fmt: skip
"""Events that a caller sees as they are. The arguments of `approval.needed` are the caller's to judge."""
_FOR_CALLERS = ("call_limit_near", "call_recorded", "caller_audio_stopped", "speech_lost", "server_draining")
"""Codes of the notices that concern a caller."""
_NOTHING_SAID = "Something went wrong. The call continues if it can."
TOOL_FAILED = "failed"


class CallerView:
    """A caller's view of one call's log. `read` needs every entry, in order, from the first."""

    def __init__(self) -> None:
        self._hidden: set[str] = set()
        """Messages that are not shown: those of the system, and the hidden ones."""
        self._latest: tuple[log.Entry, str | None] | None = None
        """The latest entry with its text, which all callers' pages get."""

    def read(self, entry: log.Entry) -> None:
        """Note the messages that callers do not see."""
        event = entry.event
        if isinstance(event, log_events.MessageAdded) and (event.hidden or event.role == "system"):
            self._hidden.add(event.item_id)

    def frame(self, entry: log.Entry) -> str | None:
        """Return an event as JSON text for a caller's page; None if callers do not see it."""
        if self._latest is None or self._latest[0] is not entry:
            shown = self.event(entry.event)
            self._latest = entry, None if shown is None else log.frame_of(shown, entry.seq, entry.at_ms)
        return self._latest[1]

    def past_frame(self, frame: str) -> str | None:
        """Return an event of the log, which is JSON text, for a caller's page; None if callers do not see it."""
        return self.frame(log.parse_frame(frame))

    def event(self, event: LogEventUnion | UnknownEvent) -> LogEventUnion | UnknownEvent | None:  # noqa: C901 - one case for each kind
        """Return a caller's part of an event; None if callers do not see it."""
        match event:
            case (
                log_events.MessageAdded()
                | log_events.MessageDelta()
                | log_events.MessageDone()
                | log_events.MessageTruncated()
            ):
                return None if event.item_id in self._hidden else event
            case log_events.CallStarted():
                return replace(event, metadata={}) if event.metadata else event
            case log_events.LinkUp():
                return event
            case log_events.LinkLost():
                return replace(event, reason="the connection to the model was lost")
            case log_events.ModelChanged():
                return replace(event, reason="")
            case log_events.CallTakenOver():
                return replace(event, reason="", server=None)
            case log_events.AgentChanged():
                return replace(event, reason=None)
            case log_events.ToolStarted():
                return replace(event, arguments=None)
            case log_events.ToolDone():
                return replace(event, result=None, error=None if event.error is None else TOOL_FAILED)
            case log_events.Breadcrumb():
                return replace(event, data=None)
            case log_events.GuardrailChecked():
                return replace(event, category=None, rationale=None, text=None)
            case log_events.Notice():
                return event if event.code in _FOR_CALLERS else None
            case log_events.CallError():
                return replace(event, message=_NOTHING_SAID, hint=None)
            case log_events.CallEnded():
                return replace(event, reason=event.reason.partition(":")[0])  # a service's words may follow
            case _:
                return event if isinstance(event, _UNCHANGED) else None

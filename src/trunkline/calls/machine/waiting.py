"""The one thing that a call waits for, computed from the state of the machine's parts.

It is in the log as `turn.waiting`, so that nobody has to look into the machine: the console shows it, the latency of a
turn is the sum of its times, and a test waits until the call waits for its caller.
"""

from __future__ import annotations

from trunkline.calls.log_events import TurnWaiting, WaitReason
from trunkline.calls.machine.guarded_output import GuardedOutput
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import CallerSpeech, ResponseScheduler, ResponseState
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.tool_calls import ToolCalls

_BY_RESPONSE: dict[ResponseState, WaitReason] = {
    ResponseState.REQUESTED: "model",
    ResponseState.IN_PROGRESS: "model",
    ResponseState.UNANNOUNCED: "model",
    ResponseState.SPEAKING: "audio",
    ResponseState.CANCELLING: "request",
    ResponseState.CANCELLING_REQUEST: "request",
}
"""The wait during a response, for each state but IDLE."""
_CALLER_SPEAKS, _CALLER_IS_RESENT = CallerSpeech.SPEAKING, CallerSpeech.RESENT  # a member of an enum is slow to read
_NO_NAMES: tuple[tuple[str, ...], str | None] = ((), None)


class Waiting:
    """The wait of one call, as logged last."""

    def __init__(
        self,
        outbox: Outbox,
        session: SessionStatus,
        scheduler: ResponseScheduler,
        tools: ToolCalls,
        output: GuardedOutput,
    ) -> None:
        self._outbox = outbox
        self._session = session
        self._scheduler = scheduler
        self._tools = tools
        self._output = output
        self._reason: WaitReason | None = None
        self.current: WaitReason = "caller"
        """The reason that was logged last."""
        self._names = _NO_NAMES
        self._since_ms = 0.0
        self._endpointing_ms: int | None = None

    def on_turn_ended(self, endpointing_ms: float) -> None:
        """Note that a spoken turn of the caller has ended, `endpointing_ms` after the caller's voice."""
        spoken_ms = self._outbox.now_ms - self._since_ms if self._reason == "endpointing" else 0.0
        self._endpointing_ms = round(min(endpointing_ms, spoken_ms))

    def update(self, *, caller_there: bool) -> bool:
        """Log the reason of the wait, if it has changed.

        Returns:
            True if it has changed.
        """
        reason = self.reason(caller_there=caller_there)
        names = _NO_NAMES
        if reason in ("approval", "tools", "handoff") and (wait := self._tools.waiting) is not None:
            names = (wait.tools, wait.agent)
        if reason == self._reason and names == self._names:
            return False
        self._reason, self._names, self._since_ms = reason, names, self._outbox.now_ms
        self.current = reason
        endpointing_ms, self._endpointing_ms = self._endpointing_ms, None
        self._outbox.log(TurnWaiting(reason=reason, tools=names[0], agent=names[1], endpointing_ms=endpointing_ms))
        return True

    def reason(self, *, caller_there: bool) -> WaitReason:
        """Return the reason of the wait now."""
        scheduler = self._scheduler
        if not caller_there:
            return "caller"
        if not self._session.accepts_requests or scheduler.session_unconfirmed:
            return "link"
        if scheduler.caller_speech is _CALLER_SPEAKS:
            return "endpointing"
        if (tools := self._tools.waiting) is not None:
            return tools.reason
        if scheduler.busy:
            reason = _BY_RESPONSE[scheduler.state]
            return "guardrails" if reason == "audio" and self._output.holding else reason
        if self._output.has_unsettled:
            return "guardrails"
        resent = scheduler.caller_speech is _CALLER_IS_RESENT
        if scheduler.response_wanted or scheduler.answer_due or scheduler.blocked or resent:
            return "request"
        return "caller"

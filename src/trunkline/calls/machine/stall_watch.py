"""Stall watch: a call that waits for anything but its caller, a tool or the link, and gets no sign."""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.timers import Timer

STALL_NOTICE_MS = 5_000.0
"""Time without a sign, after which the log says that the call has stalled."""
_WATCHED: frozenset[log_events.WaitReason] = frozenset({"request", "model", "audio", "guardrails", "handoff"})


class StallWatch:
    """The time since the last sign of the model, and since the caller's last turn."""

    def __init__(self, plan: CallPlan, outbox: Outbox, session: SessionStatus, scheduler: ResponseScheduler) -> None:
        self._timeout_ms = plan.stall_timeout_ms
        self._notice_ms = min(STALL_NOTICE_MS, plan.stall_timeout_ms)
        self._outbox = outbox
        self._session = session
        self._scheduler = scheduler
        self._reason: log_events.WaitReason = "caller"
        self._heard_at_ms = 0.0
        """Time of the last sign of the response in progress."""
        self._waits_from_ms = 0.0
        """Time of the caller's last turn, or of the last change of the wait."""
        self._noticed = False
        self._timer_is_set = False

    # Signs ----------------------------------------------------------------------------------------------------------
    def on_event(self) -> None:
        """Expect the next event of the response in progress in time; without a response, expect nothing."""
        self._heard_at_ms = self._outbox.now_ms
        if (self._session.link_up and self._scheduler.busy) is not self._timer_is_set:
            self._set_timer(not self._timer_is_set)
        if self._noticed:
            self._expect_sign()

    def on_audio(self) -> None:
        """Note audio of the response in progress."""
        self._heard_at_ms = self._outbox.now_ms

    def on_caller_turn(self) -> None:
        """Count the caller's wait from now on: who speaks to a silent model gets a notice of their own."""
        self._waits_from_ms = self._outbox.now_ms
        self._expect_sign()

    def on_wait(self, reason: log_events.WaitReason) -> None:
        """Count the time of a new wait."""
        self._reason, self._waits_from_ms = reason, self._outbox.now_ms
        self._expect_sign()

    # Timers ---------------------------------------------------------------------------------------------------------
    def on_notice_timer(self) -> None:
        """Log that the call has stalled, unless there was a sign meanwhile."""
        if self._reason not in _WATCHED:
            return
        silent_ms = round(self._outbox.now_ms - max(self._heard_at_ms, self._waits_from_ms))
        if silent_ms < self._notice_ms:
            self._expect_sign()
            return
        self._noticed = True
        self._outbox.log(log_events.TurnStalled(reason=self._reason, silent_ms=silent_ms))

    def on_timer(self) -> bool:
        """Log that the model is silent for too long during a response.

        Returns:
            True if the session must be renewed.
        """
        self._timer_is_set = False
        if not (self._session.link_up and self._scheduler.busy):
            return False
        if self._outbox.now_ms - self._heard_at_ms < self._timeout_ms - 1:  # there were signs meanwhile
            self._set_timer(True)
            return False
        message = f"The model sent nothing for {self._timeout_ms / 1000:g} s during a response."
        self._outbox.log_provider_error(message, "stalled")
        return True

    def _set_timer(self, on: bool) -> None:
        """Set the timer by the last sign, or cancel it. Later signs leave it as it is: it checks them when it fires."""
        self._timer_is_set = on
        self._outbox.set_timer(Timer.STALL, self._heard_at_ms + self._timeout_ms if on else None)

    def _expect_sign(self) -> None:
        self._noticed = False
        watched = self._reason in _WATCHED
        at_ms = max(self._heard_at_ms, self._waits_from_ms) + self._notice_ms
        self._outbox.set_timer(Timer.NOTICE, at_ms if watched else None)

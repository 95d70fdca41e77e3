"""Ends of a call with a goodbye: maximum duration, idle timeout, spent budget, and a tool that hangs up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.timers import Timer

WARNING_MS = 60_000.0
"""Time before the end of the call at which the page gets a notice."""
MAX_GOODBYE_MS = 15_000.0
"""Time the agent has to say goodbye."""
PAUSE_AFTER_GOODBYE_MS = 500.0
"""Time between the last word of the goodbye and the end of the call."""
CALLER_STAYS = "The caller is there after all, and the call continues."
"""Note to the model when the caller speaks during the goodbye after an idle timeout."""
_IDLE_REASON = "the caller was silent for too long"
_MAX_CALL_REASON = "the call reached its maximum duration"


LimitTimer = Literal[Timer.LIMIT_WARNING, Timer.GOODBYE, Timer.MAX_CALL, Timer.IDLE]
"""A timer of the limits."""


@dataclass(frozen=True)
class LimitAction:
    """Consequence of a limit: an instruction to say goodbye, the reason to end the call, or neither."""

    goodbye: str | None = None
    end_reason: str | None = None


class CallLimits:
    """The limits of one call."""

    def __init__(self, plan: CallPlan, outbox: Outbox) -> None:
        self._max_call_ms = plan.max_call_ms
        self._idle_timeout_ms = plan.idle_timeout_ms
        self._outbox = outbox
        self.ending: str | None = None
        """Reason of the goodbye under way; None while the call continues."""
        self._heard_at_ms: float | None = None
        """Time at which the caller has heard the goodbye."""

    def begin(self) -> None:
        """Set the timers of a new call."""
        if self._max_call_ms is not None:
            self._outbox.set_timer(Timer.MAX_CALL, self._max_call_ms)
            if self._max_call_ms > 2 * WARNING_MS:
                self._outbox.set_timer(Timer.LIMIT_WARNING, self._max_call_ms - WARNING_MS)
        self.reset_idle_timer()

    def on_caller_active(self) -> bool:
        """Reset the idle timer: the caller has said or done something.

        Returns:
            True if this cancels a goodbye after an idle timeout, so that the model must be informed.
        """
        stays = self.ending == _IDLE_REASON
        if stays:
            self.ending = None
            self._outbox.set_timer(Timer.GOODBYE, None)
        self.reset_idle_timer()
        return stays

    def on_budget_spent(self, reason: str) -> LimitAction:
        """Return the action for a call that has reached a limit of cost."""
        return self._say_goodbye(reason, "The call's time is up.")

    def reset_idle_timer(self) -> None:
        """Count the caller's silence from now on, also while they listen to the agent."""
        if self._idle_timeout_ms is not None and self.ending is None:
            self._outbox.set_timer(Timer.IDLE, self._outbox.now_ms + self._idle_timeout_ms)

    def on_rest(self, heard_at_ms: float | None) -> None:
        """End the call soon, since the agent has said its goodbye.

        Args:
            heard_at_ms: the time at which the caller has heard all of it; None if it still plays over WebRTC.
        """
        if heard_at_ms is None or (self._heard_at_ms is not None and self._heard_at_ms <= self._outbox.now_ms):
            return
        self._heard_at_ms = heard_at_ms
        self._outbox.set_timer(Timer.GOODBYE, heard_at_ms + PAUSE_AFTER_GOODBYE_MS)

    def hang_up(self, reason: str) -> LimitAction:
        """Return the action for a tool that ends the call. A goodbye under way stays."""
        return self._say_goodbye(reason, "The call ends now.")

    def on_timer(self, timer: LimitTimer) -> LimitAction:
        """Return the action for a timer of the limits."""
        match timer:
            case Timer.LIMIT_WARNING:
                self._warn()
                return LimitAction()
            case Timer.GOODBYE:
                return LimitAction(end_reason=self.ending)
            case Timer.MAX_CALL:
                return self._say_goodbye(_MAX_CALL_REASON, "The call's time is up.")
            case Timer.IDLE:
                return self._say_goodbye(_IDLE_REASON, "The caller has said nothing for long.")
            case _:
                assert_never(timer)

    def _warn(self) -> None:
        self._outbox.log(
            log_events.Notice(
                message=f"The call reaches its maximum duration in {WARNING_MS / 1000:g} s and then ends.",
                code="call_limit_near",
                hint="Set TRUNKLINE_MAX_CALL_S to change the maximum duration.",
            )
        )

    def _say_goodbye(self, reason: str, explanation: str) -> LimitAction:
        if self.ending is not None:
            return LimitAction()
        self.ending = reason
        self._heard_at_ms = None
        self._outbox.set_timer(Timer.GOODBYE, self._outbox.now_ms + MAX_GOODBYE_MS)
        return LimitAction(goodbye=f"{explanation} Say goodbye in one short sentence; the call ends after it.")

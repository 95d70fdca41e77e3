"""Limits of a call: its maximum duration, and the idle timeout of its caller. A limit ends a call with a goodbye."""

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
CALLER_STAYS = "The caller is there after all, and the call continues."
"""Note to the model when the caller speaks during the goodbye after an idle timeout."""
_IDLE_REASON = "the caller was silent for too long"
_MAX_CALL_REASON = "the call reached its maximum duration"


LimitTimer = Literal[Timer.LIMIT_WARNING, Timer.GOODBYE, Timer.MAX_CALL, Timer.IDLE]
"""A timer of the limits."""


@dataclass(frozen=True)
class LimitAction:
    """Consequence of a timer: an instruction to say goodbye, the reason to end the call, or neither."""

    goodbye: str | None = None
    end_reason: str | None = None


class CallLimits:
    """The limits of one call."""

    def __init__(self, plan: CallPlan, outbox: Outbox) -> None:
        self._max_call_ms = plan.max_call_ms
        self._idle_timeout_ms = plan.idle_timeout_ms
        self._outbox = outbox
        self._ending: str | None = None
        """Reason of the goodbye under way; None while the call continues."""

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
        stays = self._ending == _IDLE_REASON
        if stays:
            self._ending = None
            self._outbox.set_timer(Timer.GOODBYE, None)
        self.reset_idle_timer()
        return stays

    def reset_idle_timer(self) -> None:
        """Count the caller's silence from now on, also while they listen to the agent."""
        if self._idle_timeout_ms is not None and self._ending is None:
            self._outbox.set_timer(Timer.IDLE, self._outbox.now_ms + self._idle_timeout_ms)

    def on_response_done(self) -> None:
        """Shorten the time for the goodbye: the response that has ended may be the goodbye."""
        if self._ending is not None:
            self._outbox.set_timer(Timer.GOODBYE, self._outbox.now_ms + MAX_GOODBYE_MS / 3)

    def on_timer(self, timer: LimitTimer) -> LimitAction:
        """Return the action for a timer of the limits."""
        match timer:
            case Timer.LIMIT_WARNING:
                self._warn()
                return LimitAction()
            case Timer.GOODBYE:
                return LimitAction(end_reason=self._ending)
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
        if self._ending is not None:
            return LimitAction()
        self._ending = reason
        self._outbox.set_timer(Timer.GOODBYE, self._outbox.now_ms + MAX_GOODBYE_MS)
        return LimitAction(goodbye=f"{explanation} Say goodbye in one short sentence; the call ends after it.")

"""How long a call may last, and how long its caller may say nothing. A limit ends a call politely."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan

WARNING_MS = 60_000.0
"""How long before the limit the page is told."""
MAX_GOODBYE_MS = 15_000.0
"""How long the agent has to say goodbye."""
CALLER_STAYS = "The caller is there after all, and the call goes on."
"""What the model is told when the caller speaks up while it takes leave of them."""
_MAX_CALL, _IDLE, _WARNING, _GOODBYE = "max_call", "idle", "warning", "goodbye"
_SILENT = "the caller said nothing for long"


@dataclass(frozen=True)
class LimitAction:
    """What a limit asks for: that the model says goodbye, or that the call ends."""

    goodbye: str | None = None
    ends: str | None = None


class CallLimits:
    """Watches the limits of one call."""

    def __init__(self, plan: CallPlan, outbox: Outbox) -> None:
        self._max_call_ms = plan.max_call_ms
        self._idle_timeout_ms = plan.idle_timeout_ms
        self._outbox = outbox
        self._reason: str | None = None
        """Why the call is ending, once it is."""

    def begin(self) -> None:
        """The call begins."""
        if self._max_call_ms is not None:
            self._outbox.set_timer(_MAX_CALL, self._max_call_ms)
            if self._max_call_ms > 2 * WARNING_MS:
                self._outbox.set_timer(_WARNING, self._max_call_ms - WARNING_MS)
        self.reset_idle_timer()

    def on_caller_active(self) -> bool:
        """The caller has said or done something. True if they were being taken leave of for having been silent: they
        stay."""
        stays = self._reason == _SILENT
        if stays:
            self._reason = None
            self._outbox.set_timer(_GOODBYE, None)
        self.reset_idle_timer()
        return stays

    def reset_idle_timer(self) -> None:
        """The agent is being heard: the caller's silence counts from here on."""
        if self._idle_timeout_ms is not None and self._reason is None:
            self._outbox.set_timer(_IDLE, self._outbox.now_ms + self._idle_timeout_ms)

    def on_response_done(self) -> None:
        """A response is over: the goodbye, perhaps, which is being heard from now on at the latest."""
        if self._reason is not None:
            self._outbox.set_timer(_GOODBYE, self._outbox.now_ms + MAX_GOODBYE_MS / 3)

    def on_timer(self, key: str) -> LimitAction:
        """A wake-up of ours."""
        if key == _WARNING:
            self._outbox.log(
                log_events.Notice(
                    message=f"The call ends in {WARNING_MS / 1000:g} s: that is the longest it may last.",
                    code="call_limit_near",
                    hint="TRUNKLINE_MAX_CALL_S sets how long a call may last.",
                )
            )
        elif key == _GOODBYE:
            return LimitAction(ends=self._reason)
        elif key in (_MAX_CALL, _IDLE) and self._reason is None:
            idle = key == _IDLE
            self._reason = _SILENT if idle else "the call lasted as long as it may"
            self._outbox.set_timer(_GOODBYE, self._outbox.now_ms + MAX_GOODBYE_MS)
            why = "The caller has said nothing for long." if idle else "The call's time is up."
            return LimitAction(goodbye=f"{why} Say goodbye in one short sentence; the call ends after it.")
        return LimitAction()

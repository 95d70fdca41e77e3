"""The time limits of a call."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings import Settings


@dataclass(frozen=True)
class CallTimeLimits:
    """Time limits of one call, in seconds; None means no limit.

    Attributes:
        caller_wait_s: the longest time without a connected caller, at the start and after a loss.
        tool_timeout_s: the time limit of a tool that sets none itself.
        guardrail_timeout_s: the time limit of a guardrail.
        approval_wait_s: the longest time a tool waits for the caller's approval.
        session_limit_s: the provider's limit for one session; the call renews its session before that.
        max_call_s: the longest duration of the call.
        idle_timeout_s: the longest time in which the caller says nothing.
        stall_timeout_s: the longest time without an event during a response; the session then counts as dead.
    """

    caller_wait_s: float = 30.0
    tool_timeout_s: float = 30.0
    guardrail_timeout_s: float = 15.0
    approval_wait_s: float = 120.0
    session_limit_s: float | None = 3600.0
    max_call_s: float | None = None
    idle_timeout_s: float | None = None
    stall_timeout_s: float = 20.0


DEFAULT_TIME_LIMITS = CallTimeLimits()


def time_limits_from(settings: Settings) -> CallTimeLimits:
    """Return the time limits that the settings give."""
    return CallTimeLimits(
        caller_wait_s=settings.caller_wait_s,
        tool_timeout_s=settings.tool_timeout_s,
        max_call_s=settings.max_call_s,
        idle_timeout_s=settings.idle_timeout_s,
    )

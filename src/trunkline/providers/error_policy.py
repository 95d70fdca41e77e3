"""What a service's failures mean for a call: which heal by asking again, which with a new session, which do not.

`classify` looks at one event, `classify_close` at the end of a connection. `ErrorPolicy` remembers: on Azure a
session may fail with `server_error` for ever and heal only with another, and what fails again and again is hopeless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

RENEW_AFTER_FAILURES = 2
"""Server errors in one session, with nothing answered between them, after which another session is tried."""
MAX_CONSECUTIVE_FAILURES = 6
"""Failures in a row, in however many sessions, after which there is no hope."""
MIN_PAUSE_S = 0.5
MAX_PAUSE_S = 20.0


class Recovery(Enum):
    """What to do about a fault."""

    RETRY = "retry"
    """Ask for the response again, in the same session, after `retry_after_s`."""
    RENEW_SESSION = "renew_session"
    """Connect anew after `retry_after_s`, replay the conversation, and ask for the response again if one is owed."""
    CONTINUE = "go_on"
    """The call goes on without: asking again would give the same. Tell it, with the hint."""
    GIVE_UP = "hopeless"
    """No session will answer. End the call politely, with the hint."""


@dataclass(frozen=True)
class Fault:
    """What failed.

    Attributes:
        code: a short name: the service's own, or `closed`, `content_filter`, `max_output_tokens`,
            `transcription_not_deployed`.
        hint: what whoever runs the calls should do.
        retry_after_s: how long to wait before what `treatment` says, in seconds.
        response_id: the response that failed, where it was one.
        event_id: the event of ours that was refused, where the service says which.
    """

    recovery: Recovery
    code: str
    message: str
    hint: str | None = None
    retry_after_s: float = 0.0
    response_id: str | None = None
    event_id: str | None = None


def classify(event: Mapping[str, Any]) -> Fault | None:
    """What a server event tells of a failure; None for one that tells of none. It may be malformed."""
    match event.get("type"):
        case "error":
            error = _object(event, "error")
            return replace(_of_error(error), event_id=_text(error, "event_id"))
        case "response.done":
            return _of_response(_object(event, "response"))
        case "conversation.item.input_audio_transcription.failed":
            return _of_transcription(_object(event, "error"))
        case _:
            return None


def classify_close(code: int | None, reason: str = "") -> Fault:
    """What the end of a connection means, by its WebSocket close code (RFC 6455, 7.4; None where it just broke)."""
    said = reason or ("the connection broke" if code is None else f"closed with code {code}")
    lowered = said.lower()
    if "session_expired" in lowered or "maximum duration" in lowered or code in (1001, 1012):
        return Fault(Recovery.RENEW_SESSION, "session_expired" if code == 1001 else "closed", said)
    if "insufficient_quota" in lowered:
        return Fault(Recovery.GIVE_UP, "insufficient_quota", said, _QUOTA)
    if code == 1008 or (code is not None and code >= 3000):
        if "rate" in lowered or "busy" in lowered or "too many" in lowered:
            return Fault(Recovery.RENEW_SESSION, "rate_limit_exceeded", said, _RATE, _pause_in(said) or 1.0)
        if any(word in lowered for word in ("unauthori", "api_key", "api key", "invalid_model", "forbidden", "denied")):
            return Fault(Recovery.GIVE_UP, "refused", said, "Run `trunkline doctor`: it checks key and deployments.")
    if code == 1013:
        return Fault(Recovery.RENEW_SESSION, "closed", said, retry_after_s=_pause_in(said) or 1.0)
    return Fault(Recovery.RENEW_SESSION, "closed", said)


class ErrorPolicy:
    """One call's memory of what failed. Feed it each event that `classify` might know, and each new session."""

    def __init__(self) -> None:
        self._in_session = 0
        self._in_a_row = 0

    def on_session_opened(self) -> None:
        """Another session has begun."""
        self._in_session = 0

    def on_event(self, event: Mapping[str, Any]) -> Fault | None:
        """What to do about this event, in the light of those before; None if it tells of no failure."""
        fault = classify(event)
        if fault is None:
            if event.get("type") == "response.done" and _text(_object(event, "response"), "status") == "completed":
                self._in_session = self._in_a_row = 0
            return None
        if fault.recovery not in (Recovery.RETRY, Recovery.RENEW_SESSION):
            return fault
        self._in_session += 1
        self._in_a_row += 1
        if self._in_a_row > MAX_CONSECUTIVE_FAILURES:
            return replace(fault, recovery=Recovery.GIVE_UP)
        pause_s = fault.retry_after_s or min(MAX_PAUSE_S, MIN_PAUSE_S * 2.0 ** (self._in_a_row - 1))
        sticky = fault.code not in _RATE_LIMITS and self._in_session >= RENEW_AFTER_FAILURES
        if sticky or fault.recovery is Recovery.RENEW_SESSION:
            return replace(fault, recovery=Recovery.RENEW_SESSION, retry_after_s=fault.retry_after_s)
        return replace(fault, retry_after_s=pause_s)


_PAUSE = re.compile(r"(?:in|after)\s+(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|seconds?|m|minutes?)\b", re.IGNORECASE)
_RATE_LIMITS = {"rate_limit_exceeded", "too_many_requests", "429", "inference_rate_limit_exceeded"}
_SERVER_ERRORS = {"server_error", "internal_error", "internal_server_error", "overloaded", "500", "502", "503"}
_FILTERED = {"content_filter", "content_policy_violation"}
_RATE = "Raise the deployment's tokens and requests per minute, or make fewer calls at once."
_QUOTA = "The account has no credit left, or the deployment no quota."
_FILTER_HINT = (
    "The service's content filter stopped the answer. Azure's filters can be tuned for each deployment in the portal."
)
_DEPLOY_TRANSCRIPTION = (
    "Deploy the transcription model on the same resource and set AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT to the "
    "deployment's name, or leave that empty: then no transcription is asked for."
)


def _of_response(response: Mapping[str, Any]) -> Fault | None:
    status, response_id = _text(response, "status"), _text(response, "id")
    details = _object(response, "status_details")
    if status == "failed":
        return replace(_of_error(_object(details, "error"), failed=True), response_id=response_id)
    if status != "incomplete":
        return None
    reason = _text(details, "reason") or "no reason given"
    hint = _FILTER_HINT if reason in _FILTERED else "Raise the session's max_output_tokens."
    return Fault(Recovery.CONTINUE, reason, f"The model broke off its answer: {reason}.", hint, response_id=response_id)


def _of_error(error: Mapping[str, Any], *, failed: bool = False) -> Fault:
    """`failed`: it ended a response, which without a known reason is worth another try."""
    kind, code = _text(error, "type") or "", _text(error, "code") or ""
    message = _text(error, "message") or "The service gave no reason."
    names = {kind.lower(), code.lower()}
    if "insufficient_quota" in names:
        return Fault(Recovery.GIVE_UP, "insufficient_quota", message, _QUOTA)
    if names & _RATE_LIMITS:
        return Fault(Recovery.RETRY, "rate_limit_exceeded", message, _RATE, _pause_in(message) or 0.0)
    if names & _FILTERED:
        return Fault(Recovery.CONTINUE, "content_filter", message, _FILTER_HINT)
    if "session_expired" in names:
        return Fault(Recovery.RENEW_SESSION, "session_expired", message)
    if "deploymentnotfound" in names:
        return Fault(Recovery.GIVE_UP, code, message, "Run `trunkline doctor`: it checks each deployment.")
    if names & _SERVER_ERRORS or (failed and "invalid_request_error" not in names):
        return Fault(Recovery.RETRY, code or kind or "response_failed", message, retry_after_s=_pause_in(message) or 0)
    return Fault(Recovery.CONTINUE, code or kind or "error", message)


def _of_transcription(error: Mapping[str, Any]) -> Fault:
    code, message = _text(error, "code") or "", _text(error, "message") or "no reason given"
    told = f"The caller's words were not recognised: {message}"
    if "deploymentnotfound" in (code + message).replace(" ", "").lower():
        return Fault(Recovery.CONTINUE, "transcription_not_deployed", told, _DEPLOY_TRANSCRIPTION)
    return Fault(Recovery.CONTINUE, code or "transcription_failed", told)


def _pause_in(message: str) -> float | None:
    """The pause that a message asks for, in seconds: “try again in 1.5s”, “retry after 20 seconds”, “in 350ms”."""
    found = re.search(
        r"(?:in|after)\s+(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|seconds?|m|minutes?)\b", message, re.IGNORECASE
    )
    if found is None:
        return None
    unit = found[2].lower()
    seconds = float(found[1]) * (0.001 if unit.startswith(("ms", "milli")) else 60.0 if unit.startswith("m") else 1.0)
    return min(seconds, 60.0)


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _text(holder: Mapping[str, Any], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) else None

"""The reaction to a service's failures: retry the response, renew the session, continue, or give up.

`classify` rates one event, `classify_close` the end of a connection. `ErrorPolicy` counts failures: on Azure a session
may fail with `server_error` until it is replaced, and repeated failures end the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

RENEW_AFTER_FAILURES = 2
"""Consecutive server errors in one session; after them the session is renewed."""
MAX_CONSECUTIVE_FAILURES = 6
"""Consecutive failures, in any number of sessions; after them the call ends."""
MIN_PAUSE_S = 0.5
MAX_PAUSE_S = 20.0


class Recovery(Enum):
    """The reaction to a fault."""

    RETRY = "retry"
    """Request the response again, in the same session, after `retry_after_s`."""
    RENEW_SESSION = "renew_session"
    """Reconnect after `retry_after_s`, replay the conversation, and request the pending response again."""
    CONTINUE = "go_on"
    """Continue without the response, since a retry would fail too; report the fault with its hint."""
    GIVE_UP = "hopeless"
    """End the call politely and report the hint, since no session will answer."""


@dataclass(frozen=True)
class Fault:
    """A failure of the service.

    Attributes:
        code: the service's own code, or `closed`, `content_filter`, `max_output_tokens`,
            `transcription_not_deployed`.
        hint: the fix for the operator, if known.
        retry_after_s: the pause before the recovery, in seconds.
        response_id: the failed response, if a response failed.
        event_id: the client event that was refused, if the service names it.
    """

    recovery: Recovery
    code: str
    message: str
    hint: str | None = None
    retry_after_s: float = 0.0
    response_id: str | None = None
    event_id: str | None = None


def classify(event: Mapping[str, object]) -> Fault | None:
    """Return the fault that a server event reports, or None. The event may be malformed."""
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
    """Return the fault for the end of a connection.

    Args:
        code: the WebSocket close code (RFC 6455, 7.4); None if the connection broke.
        reason: the close reason.
    """
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
    """The failures of one call. It needs each event that `classify` may know, and each new session."""

    def __init__(self) -> None:
        self._in_session = 0
        self._in_a_row = 0

    def on_session_opened(self) -> None:
        """Count the failures of the new session from zero."""
        self._in_session = 0

    def on_event(self, event: Mapping[str, object]) -> Fault | None:
        """Return the fault that this event reports, with a recovery that considers earlier ones, or None."""
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
_ASKED_AGAIN = "The next words of the caller are a new attempt."
_LASTING = {
    "rehearsal_failed": "Correct the rehearsal, then start a new call.",
    "connection_error": _ASKED_AGAIN,
    "request_refused": _ASKED_AGAIN,
    "invalid_api_key": _ASKED_AGAIN,
}
"""Codes of the engine's brains for faults in a rehearsal, in the settings or in the chat model's server, with a hint. A
retry would fail too."""
_FILTERED = {"content_filter", "content_policy_violation"}
_RATE = "Raise the deployment's tokens and requests per minute, or run fewer calls at once."
_QUOTA = "The account's credit or the deployment's quota is used up. Add credit or quota."
_FILTER_HINT = "The service's content filter stopped the answer. Tune the deployment's filter in Azure's portal."
_LENGTH_HINT = "In the agent's instructions, ask for shorter answers and shorter tool arguments."
_DEPLOY_TRANSCRIPTION = (
    "Deploy the transcription model on the same resource and set AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT to the "
    "deployment's name, or leave it empty to run without transcription."
)


def _of_response(response: Mapping[str, object]) -> Fault | None:
    status, response_id = _text(response, "status"), _text(response, "id")
    details = _object(response, "status_details")
    if status == "failed":
        return replace(_of_error(_object(details, "error"), failed=True), response_id=response_id)
    if status != "incomplete":
        return None
    reason = _text(details, "reason") or "no reason given"
    hint = _FILTER_HINT if reason in _FILTERED else _LENGTH_HINT
    return Fault(Recovery.CONTINUE, reason, f"The model stopped early: {reason}.", hint, response_id=response_id)


def _of_error(error: Mapping[str, object], *, failed: bool = False) -> Fault:
    """Return the fault for an error object.

    Args:
        error: the error object.
        failed: True if the error ended a response; such an error is retried if its reason is unknown.
    """
    kind, code = _text(error, "type") or "", _text(error, "code") or ""
    message = _text(error, "message") or "The service gave no reason."
    names = {kind.lower(), code.lower()}
    if "insufficient_quota" in names:
        return Fault(Recovery.GIVE_UP, "insufficient_quota", message, _QUOTA)
    if names & _RATE_LIMITS:
        return Fault(Recovery.RETRY, "rate_limit_exceeded", message, _RATE, _pause_in(message) or 0.0)
    if names & _FILTERED:
        return Fault(Recovery.CONTINUE, "content_filter", message, _FILTER_HINT)
    if failed and code in _LASTING:
        return Fault(Recovery.CONTINUE, code, message, _LASTING[code])
    if "session_expired" in names:
        return Fault(Recovery.RENEW_SESSION, "session_expired", message)
    if "deploymentnotfound" in names:
        return Fault(Recovery.GIVE_UP, code, message, "Run `trunkline doctor`: it checks each deployment.")
    if names & _SERVER_ERRORS or (failed and "invalid_request_error" not in names):
        return Fault(Recovery.RETRY, code or kind or "response_failed", message, retry_after_s=_pause_in(message) or 0)
    return Fault(Recovery.CONTINUE, code or kind or "error", message)


def _of_transcription(error: Mapping[str, object]) -> Fault:
    code, message = _text(error, "code") or "", _text(error, "message") or "no reason given"
    problem = f"The caller's speech was not transcribed: {message}"
    if "deploymentnotfound" in (code + message).replace(" ", "").lower():
        return Fault(Recovery.CONTINUE, "transcription_not_deployed", problem, _DEPLOY_TRANSCRIPTION)
    return Fault(Recovery.CONTINUE, code or "transcription_failed", problem)


def _pause_in(message: str) -> float | None:
    """Return the pause in a message, in seconds: “try again in 1.5s”, “retry after 20 seconds”, “in 350ms”."""
    found = _PAUSE.search(message)
    if found is None:
        return None
    unit = found[2].lower()
    seconds = float(found[1]) * (0.001 if unit.startswith(("ms", "milli")) else 60.0 if unit.startswith("m") else 1.0)
    return min(seconds, 60.0)


def _object(holder: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _text(holder: Mapping[str, object], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) else None

"""Errors of HTTP services: the message without credentials, and the pause before a retry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from trunkline.providers import ProviderError

MAX_MESSAGE_CHARS = 300
_REQUEST_ID = ("x-request-id", "apim-request-id", "x-ms-request-id")
MAX_REQUEST_ID_CHARS = 100
MAX_WAIT_S = 600.0
"""The upper limit for pauses that headers ask for."""


def http_error(
    what: str,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    auth_headers: Mapping[str, str],
    refused_hint: str | None = None,
) -> ProviderError:
    """Return the error for a failed HTTP response.

    Args:
        what: the service's name for the error.
        headers: the response's headers.
        auth_headers: the authentication headers; the error omits their values, even if the service repeats them.
        refused_hint: the fix if the service refuses the credentials.
    """
    message = error_message(body, auth_headers)
    if (request_id := _request_id(headers)) is not None:
        message = f"{message} (request id {request_id})" if message else f"request id {request_id}"
    hint = refused_hint if status == 401 and refused_hint else ProviderError.hint_for(status)
    return ProviderError(
        f"{what} answered {status}: {message}" if message else f"{what} answered {status}",
        hint=hint,
        retry=status in (408, 429) or status >= 500,
        code=status,
        retry_after_s=retry_after_s(headers),
        param=_refused_part(body),
    )


def _request_id(headers: Mapping[str, str]) -> str | None:
    """Return the service's id of a request, for its support."""
    known = {name.lower(): value for name, value in headers.items()}
    found = next((known[name] for name in _REQUEST_ID if name in known), None)
    return found if found is not None and len(found) <= MAX_REQUEST_ID_CHARS and found.isprintable() else None


def _refused_part(body: bytes) -> str | None:
    """Return the path of the request's part that an error's JSON names; None if it names none."""
    try:
        param = msgspec.json.decode(body)["error"]["param"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return None
    return param if isinstance(param, str) else None


def error_message(body: bytes, auth_headers: Mapping[str, str]) -> str | None:
    """Return the message in an error's JSON, shortened and without credentials; None if it has none."""
    try:
        decoded = msgspec.json.decode(body)
        error = decoded.get("error", decoded)
        message = error if isinstance(error, str) else error["message"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(message, str) or not message.strip():
        return None
    return redact_header_values(" ".join(message.split()), auth_headers)[:MAX_MESSAGE_CHARS]


def redact_header_values(text: str, auth_headers: Mapping[str, str]) -> str:
    """Return the text without the values of these headers."""
    for value in auth_headers.values():
        for secret in (value, value.removeprefix("Bearer ")):
            if secret:
                text = text.replace(secret, "…")
    return text


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the pause that the service asks for, in seconds; None if it names none.

    Azure sends `retry-after-ms`; all services send `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
    """
    known = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (seconds := _number(known.get(name))) is not None:
            return min(seconds * unit, MAX_WAIT_S)
    try:
        until = parsedate_to_datetime(known["retry-after"])
    except (KeyError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, (until - (now or datetime.now(UTC))).total_seconds()), MAX_WAIT_S)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def proxy_error() -> ProviderError:
    """Return the error for an unusable proxy. It omits the address, which may contain a password."""
    hint = "Set HTTPS_PROXY (or ALL_PROXY) to an http:// proxy, or add the service's host to NO_PROXY."
    return ProviderError("The environment's proxy cannot be used", hint=hint, retry=False)

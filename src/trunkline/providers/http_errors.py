"""Reading what a service says when it refuses: its message without our credentials, and how long to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from trunkline.providers import ProviderError

MAX_MESSAGE_CHARS = 300
MAX_WAIT_S = 600.0
"""Nobody is asked to wait longer than this, whatever a header says."""


def http_error(
    what: str,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    auth_headers: Mapping[str, str],
    refused_hint: str | None = None,
) -> ProviderError:
    """The error for an HTTP answer that is no success.

    Args:
        what: what the error calls the service.
        headers: of the answer.
        shown: the headers by which we were known; their values are in no error, even if the service repeats them.
        advice: what to do when the credentials are refused.
    """
    message = error_message(body, auth_headers)
    hint = refused_hint if status == 401 and refused_hint else ProviderError.hint_for(status)
    return ProviderError(
        f"{what} answered {status}: {message}" if message else f"{what} answered {status}",
        hint=hint,
        retry=status in (408, 429) or status >= 500,
        code=status,
        retry_after_s=retry_after_s(headers),
    )


def error_message(body: bytes, auth_headers: Mapping[str, str]) -> str | None:
    """The message of an error's JSON, shortened and without our credentials; None where there is none."""
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
    """The text without the values of these headers."""
    for value in auth_headers.values():
        for secret in (value, value.removeprefix("Bearer ")):
            if secret:
                text = text.replace(secret, "…")
    return text


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How long the service wants us to wait, in seconds; None if it does not say.

    Azure says it in `retry-after-ms`, all say it in `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
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
    """The environment names a proxy of a kind that cannot be used. Its address may hold a password and is not told."""
    hint = "Let HTTPS_PROXY (or ALL_PROXY) name an http:// proxy, or name the service's host in NO_PROXY."
    return ProviderError("The proxy that the environment names cannot be used", hint=hint, retry=False)

"""What Azure refuses, as pure functions: requests by their headers and query, client events by their shape.

Shapes of sessions are checked by the engine behind the stand-in, which refuses what it does not know. Here is what
Azure refuses beyond that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests import official_preview_events

MAX_ID_CHARACTERS = 32
_TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_DATED_PREVIEW = re.compile(r"^20\d\d-\d\d-\d\d-preview$")


@dataclass(frozen=True)
class Refused:
    """An HTTP answer that is no success."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class Deployments:
    """The names of what is deployed on the resource."""

    realtime: str = "my-realtime"
    transcription: str = "my-whisper"
    text: str = "my-text"

    def find(self, name: object, kind: str) -> Refused | None:
        """The refusal of a deployment that is not there, or is for something else."""
        if name == getattr(self, kind):
            return None
        if name in (self.realtime, self.transcription, self.text):
            return Refused(400, "OperationNotSupported", f"The {kind} operation does not work with this deployment.")
        return Refused(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")


def version_of(query: Mapping[str, str], headers: Mapping[str, str], *, preview: bool) -> Refused | None:
    """GA takes no dated version and nothing of the beta; the preview wants its version."""
    version = query.get("api-version")
    if preview:
        if version is None:
            return Refused(404, "404", "Resource not found")
        if not _DATED_PREVIEW.match(version):
            return Refused(400, "BadRequest", f"Unsupported api-version: {version}")
        return None
    if version is not None:
        return Refused(400, "BadRequest", "api-version query parameter is not allowed when using /v1 path")
    if "openai-beta" in headers:
        return Refused(400, "beta_api_shape_disabled", "The beta shape of the Realtime API is not served here.")
    return None


def key_of(headers: Mapping[str, str], key: str, tokens: set[str]) -> Refused | None:
    """The resource's key as `api-key`, or a token of Entra ID as bearer; nothing else, and never a key as bearer."""
    if "api-key" in headers:
        if headers["api-key"] == key:
            return None
        return _denied("Access denied due to invalid subscription key or wrong API endpoint.")
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme == "Bearer" and bearer in tokens:
        return None
    return _denied("Unauthorized. Access token is missing, invalid, audience is incorrect, or have expired.")


def ephemeral_of(headers: Mapping[str, str], secrets: set[str]) -> Refused | None:
    """An ephemeral secret as bearer, and nothing beside it."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if "api-key" in headers or scheme != "Bearer" or bearer not in secrets:
        return _denied("Only an ephemeral key is accepted here.")
    return None


def client_event(event: Mapping[str, Any], *, preview: bool, sideband: bool) -> Mapping[str, Any] | None:
    """The `error` of a client event that Azure refuses and the engine would take; None for any other."""
    problem = _preview_problem(event) if preview else _ga_problem(event, sideband=sideband)
    if problem is None:
        return None
    code, message, param = problem
    return {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": param,
        "event_id": event.get("event_id"),
    }


def _preview_problem(event: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    try:
        official_preview_events.check_client(dict(event))
    except (AssertionError, ValueError) as error:
        return "unknown_parameter", f"The preview does not know this {event.get('type')}: {error}", None
    return None


def _ga_problem(event: Mapping[str, Any], *, sideband: bool) -> tuple[str, str, str | None] | None:
    kind = event.get("type")
    if kind == "session.update":
        return _session_problem(event.get("session"))
    if kind == "conversation.item.create":
        return _item_problem(event.get("item"))
    if kind == "output_audio_buffer.clear" and not sideband:
        return "invalid_event", "output_audio_buffer.clear is for WebRTC and SIP alone.", None
    if kind == "input_audio_buffer.append" and sideband:
        return "invalid_event", "Sound comes over the call itself, not over its sideband.", None
    return None


def _session_problem(session: Any) -> tuple[str, str, str | None] | None:
    if not isinstance(session, dict):
        return None  # the engine says what is wrong
    if session.get("type") != "realtime":
        return "missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type"
    if session.get("tracing") is not None:
        return "unsupported_parameter", "Tracing is not available on this resource.", "session.tracing"
    if session.get("prompt") is not None:
        return "invalid_value", "There is no stored prompt of that id.", "session.prompt.id"
    for index, tool in enumerate(session.get("tools") or ()):
        if not _TOOL_NAME.match(str(tool.get("name"))):
            where = f"session.tools[{index}].name"
            return "invalid_value", f"Invalid '{where}': it does not match the pattern.", where
    return None


def _item_problem(item: Any) -> tuple[str, str, str | None] | None:
    for name in ("id", "call_id"):
        value = item.get(name) if isinstance(item, dict) else None
        if isinstance(value, str) and len(value) > MAX_ID_CHARACTERS:
            where = f"item.{name}"
            message = f"Invalid '{where}': string too long. At most {MAX_ID_CHARACTERS} characters are allowed."
            return "string_above_max_length", message, where
    return None


def _denied(message: str) -> Refused:
    return Refused(401, "401", message)

"""What Azure refuses, as pure functions: requests by their headers and query, client events by the services' rules.

`trunkline.realtime.service_rules` judges the shapes of sessions and items. Here is what Azure refuses beyond that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tests import official_preview_events
from trunkline.realtime import service_rules
from trunkline.realtime.validation import InvalidRequest

Problem = tuple[str | None, str, str | None]
"""The code, the message and the param of an error."""

_DATED_PREVIEW = re.compile(r"^20\d\d-\d\d-\d\d-preview$")


@dataclass(frozen=True)
class Refused:
    """An HTTP answer that is no success."""

    status: int
    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True)
class Deployments:
    """The names of what is deployed on the resource."""

    realtime: str = "my-realtime"
    fallback: str = "my-fallback"
    transcription: str = "my-whisper"
    text: str = "my-text"
    reasoner: str = "my-reasoner"
    """A second text model."""

    def find(self, name: object, kind: str) -> Refused | None:
        """The refusal of a deployment that is not there, or is for something else."""
        also = {"text": self.reasoner, "realtime": self.fallback}
        if name in (getattr(self, kind), also.get(kind, "")):
            return None
        if name in (self.realtime, self.fallback, self.transcription, self.text, self.reasoner):
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
    """The `error` of a client event that Azure refuses; None for any other."""
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


def _preview_problem(event: Mapping[str, Any]) -> Problem | None:
    try:
        official_preview_events.check_client(dict(event))
        if event.get("type") == "session.update":
            service_rules.preview_session(event["session"])
    except (AssertionError, ValidationError) as error:
        return "unknown_parameter", f"The preview does not know this {event.get('type')}: {error}", None
    except InvalidRequest as error:
        return error.code, str(error), error.param
    return None


def _ga_problem(event: Mapping[str, Any], *, sideband: bool) -> Problem | None:
    kind = event.get("type")
    if kind == "output_audio_buffer.clear" and not sideband:
        return "invalid_event", "output_audio_buffer.clear is for WebRTC and SIP alone.", None
    if kind == "input_audio_buffer.append" and sideband:
        return "invalid_event", "Sound comes over the call itself, not over its sideband.", None
    if (refused := service_rules.refusal(dict(event))) is not None:
        return refused.code, str(refused), refused.param
    return _session_problem(event["session"]) if kind == "session.update" else None


def _session_problem(session: Mapping[str, Any]) -> Problem | None:
    for name in service_rules.UNSUPPORTED_ON_AZURE:
        if session.get(name) is not None:
            return "unsupported_parameter", f"{name} is not available on this resource.", f"session.{name}"
    if session.get("prompt") is not None:
        return "invalid_value", "There is no stored prompt of that id.", "session.prompt.id"
    return None


def _denied(message: str) -> Refused:
    return Refused(401, "401", message)

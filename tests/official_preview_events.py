"""The official types of the preview as the judge of every event in that dialect."""

from __future__ import annotations

import functools
from typing import Any

from openai._models import BaseModel
from openai.types.beta.realtime import RealtimeClientEvent, RealtimeServerEvent
from openai.types.beta.realtime.session import Session
from pydantic import TypeAdapter

SESSION_EXTRAS = {"object", "expires_at"}
"""The services send these in a session; the package's type leaves them out."""


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def check(event: dict[str, Any]) -> None:
    """Fails unless the event is one of the preview's server events, to the field."""
    if event["type"] == "response.function_call_arguments.done":
        event = {name: value for name, value in event.items() if name != "name"}  # the services send it
    _check(RealtimeServerEvent, _with_known_model(event))


def check_client(event: dict[str, Any]) -> None:
    """Fails unless the event is one of the preview's client events, to the field."""
    _check(RealtimeClientEvent, _with_known_model(event))


def check_session(session: dict[str, Any]) -> None:
    """Fails unless it is a session of the preview, whole or in part."""
    _check(Session, _with_known_model({"session": session})["session"])


def _with_known_model(event: dict[str, Any]) -> dict[str, Any]:
    """The type lists OpenAI's models of its day; on Azure, and here, a deployment may be called anything."""
    session = event.get("session")
    if isinstance(session, dict) and isinstance(session.get("model"), str):
        return {**event, "session": {**session, "model": "gpt-4o-realtime-preview"}}
    return event


def _check(kind: Any, value: dict[str, Any]) -> None:
    parsed = _adapter(kind).validate_python(value, strict=True)
    assert getattr(parsed, "type", None) == value.get("type")
    unknown = list(_unknown(parsed, ""))
    assert not unknown, f"fields that the preview does not know: {unknown} in {value}"


def _unknown(model: object, path: str) -> list[str]:
    if isinstance(model, list):
        return [one for index, member in enumerate(model) for one in _unknown(member, f"{path}[{index}]")]
    if not isinstance(model, BaseModel):
        return []
    allowed = SESSION_EXTRAS if isinstance(model, Session) else set()
    extra = [f"{path}.{name}" for name in model.model_extra or {} if name not in allowed]
    return extra + [
        one for name in type(model).model_fields for one in _unknown(getattr(model, name), f"{path}.{name}")
    ]

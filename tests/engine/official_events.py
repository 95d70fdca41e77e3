"""Validation of the engine's events with the official types."""

from __future__ import annotations

import functools
import typing
from typing import Any

from openai._models import BaseModel
from openai.types.realtime import RealtimeServerEvent, RealtimeSessionCreateResponse
from pydantic import TypeAdapter

SESSION_EXTRAS = {"id", "object", "expires_at"} & set(RealtimeSessionCreateResponse.model_fields)
"""The services send these in a session; the package's type for the event leaves them out, another one has them."""


@functools.cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(RealtimeServerEvent)


def check(event: dict[str, Any]) -> None:
    """Check that the event matches one of the official types, to the field."""
    parsed = _adapter().validate_python(event, strict=True)
    assert parsed.type == event["type"]
    extra = list(_extra(parsed, event["type"]))
    assert not extra, f"fields that the official types do not know: {extra}"


def _extra(model: object, path: str) -> typing.Iterator[str]:
    if isinstance(model, BaseModel):
        known = type(model).model_fields
        allowed = SESSION_EXTRAS if path.endswith(".session") else set()
        for name in model.model_extra or {}:
            if name not in known and name not in allowed:
                yield f"{path}.{name}"
        for name in known:
            yield from _extra(getattr(model, name, None), f"{path}.{name}")
    elif isinstance(model, list):
        for index, member in enumerate(model):
            yield from _extra(member, f"{path}[{index}]")

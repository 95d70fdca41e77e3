"""Validation of text models' answers with the official types."""

from __future__ import annotations

import functools
from typing import Any

from openai._models import BaseModel
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def check_response(answer: dict[str, Any]) -> None:
    """Check that the answer is a response, to the field."""
    _check(Response, answer)


def check_response_event(event: dict[str, Any]) -> None:
    """Check that the event is one of a streamed response, to the field."""
    _check(ResponseStreamEvent, event)


def check_completion(answer: dict[str, Any]) -> None:
    """Check that the answer is a chat completion, to the field."""
    _check(ChatCompletion, answer)


def check_chunk(chunk: dict[str, Any]) -> None:
    """Check that the chunk is one of a chat completion, to the field."""
    _check(ChatCompletionChunk, chunk)


def _check(kind: Any, value: dict[str, Any]) -> None:
    unknown = _unknown(_adapter(kind).validate_python(value), "")
    assert not unknown, f"fields that the official types do not know: {unknown}"


def _unknown(model: object, path: str) -> list[str]:
    if isinstance(model, list):
        return [one for index, member in enumerate(model) for one in _unknown(member, f"{path}[{index}]")]
    if not isinstance(model, BaseModel):
        return []
    extra = [f"{path}.{name}" for name in model.model_extra or {} if name not in type(model).model_fields]
    fields = type(model).model_fields
    return extra + [one for name in fields for one in _unknown(getattr(model, name, None), f"{path}.{name}")]

"""Shared parts of both text interfaces: tools, output formats, content and sampling options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trunkline.engine.brains import BrainRequest
from trunkline.engine.text import OutputFormat, TextRequest
from trunkline.realtime import validation
from trunkline.realtime.events import Item
from trunkline.realtime.validation import InvalidRequest

SAMPLING: dict[str, validation.Validator] = {
    "temperature": validation.nullable(validation.number_between(0.0, 2.0)),
    "top_p": validation.nullable(validation.number_between(0.0, 1.0)),
    "parallel_tool_calls": validation.nullable(validation.boolean),
}
"""Options with the same name in both interfaces and at chat endpoints."""
ATTACHED: dict[str, validation.Validator] = {
    "metadata": validation.nullable(validation.json_object),
    "user": validation.any_value,
    "store": validation.any_value,
    "service_tier": validation.any_value,
    "safety_identifier": validation.any_value,
    "prompt_cache_key": validation.any_value,
    "prompt_cache_retention": validation.any_value,
    "stream": validation.nullable(validation.boolean),
}
"""Accepted fields without effect, except `stream` and the metadata's `purpose`."""
FUNCTION: dict[str, validation.Validator] = {
    "name": validation.non_empty_text,
    "description": validation.nullable(validation.text),
    "parameters": validation.nullable(validation.json_object),
    "strict": validation.nullable(validation.boolean),
}
_SCHEMA = {
    "type": validation.text,
    "name": validation.non_empty_text,
    "schema": validation.json_object,
    "strict": validation.nullable(validation.boolean),
    "description": validation.nullable(validation.text),
}

required_schema = validation.object_with(_SCHEMA, required=("name", "schema"))
"""Validator of a named JSON schema, in the format of both interfaces."""


def output_format(given: dict[str, Any] | None) -> OutputFormat | None:
    """Return the required format, from a validated `{"type": …, "name", "schema", "strict", "description"}`."""
    if given is None or given["type"] == "text":
        return None
    if given["type"] == "json_object":
        return OutputFormat()
    return OutputFormat(given["name"], given["schema"], given.get("strict"), given.get("description"))


def tool_choice(named: validation.Validator) -> validation.Validator:
    """Return a validator of `none`, `auto`, `required`, or the interface's form of a named function."""

    def check(value: object, path: str) -> object:
        if isinstance(value, str):
            return validation.one_of("none", "auto", "required")(value, path)
        return named(value, path)

    return check


def content(parts: validation.Validator, text_type: str) -> validation.Validator:
    """Return a validator of content parts. A text becomes one part of `text_type`."""

    def check(value: object, path: str) -> list[dict[str, object]]:
        if isinstance(value, str):
            return [{"type": text_type, "text": value}]
        return list(validation.list_of(parts)(value, path))

    return check


def message(
    role: str, parts: Sequence[Mapping[str, object]], picture: Callable[[Mapping[str, object]], Item | None]
) -> Item:
    """Return a message of either interface as a GA item.

    Args:
        picture: converts an image part to a GA part, and returns None for other parts.
    """
    text_type = "output_text" if role == "assistant" else "input_text"
    made = [
        picture(part) or {"type": text_type, "text": part.get("text") or part.get("refusal") or ""} for part in parts
    ]
    return {"type": "message", "role": "system" if role == "developer" else role, "content": made}


def text_request(
    given: Mapping[str, Any],
    *,
    instructions: str,
    items: Sequence[Item],
    tools: Sequence[Mapping[str, object]],
    limit: int | None,
    form: OutputFormat | None,
    options: Mapping[str, object],
) -> TextRequest:
    """Return the text request for a validated body of either interface."""
    asked = BrainRequest(
        given["model"],
        instructions=instructions,
        items=items,
        tools=tools,
        tool_choice=given.get("tool_choice") or "auto",
        max_output_tokens=limit,
    )
    return TextRequest(
        asked,
        format=form,
        options={name: value for name, value in options.items() if value is not None},
        metadata=text_metadata(given.get("metadata")),
        streamed=bool(given.get("stream")),
    )


def text_metadata(given: Any) -> dict[str, str]:
    """Return the metadata with text values."""
    return {name: value for name, value in (given or {}).items() if isinstance(value, str)}


def only_without(message: str, *without: object) -> validation.Validator:
    """Return a validator that rejects the field, except values that ask for nothing.

    Args:
        message: the reason, for the error.
        without: values that ask for nothing. None is always one.
    """

    def check(value: object, path: str) -> object:
        if value is not None and value not in without:
            raise InvalidRequest(message, "unsupported_value", path)
        return value

    return check

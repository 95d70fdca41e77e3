"""What both text interfaces have in common: tools, output formats, content and the options of sampling, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trunkline.engine.brains import BrainRequest
from trunkline.engine.session import validation
from trunkline.engine.session.validation import InvalidRequest
from trunkline.engine.text import OutputFormat, TextRequest
from trunkline.realtime.events import Item

SAMPLING: dict[str, validation.Validator] = {
    "temperature": validation.nullable(validation.number_between(0.0, 2.0)),
    "top_p": validation.nullable(validation.number_between(0.0, 1.0)),
    "parallel_tool_calls": validation.nullable(validation.boolean),
}
"""What both interfaces call by the same name, and a chat endpoint too."""
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
"""Taken and, but for `stream` and the metadata's `purpose`, without effect here."""
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
"""A JSON schema with its name, as both interfaces write it."""


def output_format(given: dict[str, Any] | None) -> OutputFormat | None:
    """The form that is asked for, of a checked `{"type": …, "name", "schema", "strict", "description"}`."""
    if given is None or given["type"] == "text":
        return None
    if given["type"] == "json_object":
        return OutputFormat()
    return OutputFormat(given["name"], given["schema"], given.get("strict"), given.get("description"))


def tool_choice(named: validation.Validator) -> validation.Validator:
    """`none`, `auto`, `required`, or the one function to be called, which each interface names in its own way."""

    def check(value: Any, path: str) -> Any:
        if isinstance(value, str):
            return validation.one_of("none", "auto", "required")(value, path)
        return named(value, path)

    return check


def content(parts: validation.Validator, text_type: str) -> validation.Validator:
    """Parts of the interface's own kinds; a text stands for one part of `text_type`."""

    def check(value: Any, path: str) -> list[dict[str, Any]]:
        if isinstance(value, str):
            return [{"type": text_type, "text": value}]
        return list(validation.list_of(parts)(value, path))

    return check


def message(role: str, parts: Sequence[Mapping[str, Any]], picture: Callable[[Mapping[str, Any]], Item | None]) -> Item:
    """A message of either interface as a GA item. `picture` makes a GA part of one that shows something."""
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
    tools: Sequence[Mapping[str, Any]],
    limit: int | None,
    form: OutputFormat | None,
    options: Mapping[str, Any],
) -> TextRequest:
    """The request that a checked body makes, whichever interface it came by. What they name alike is taken from it."""
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
    """The metadata that is text."""
    return {name: value for name, value in (given or {}).items() if isinstance(value, str)}


def unsupported_unless(message: str, *without: Any) -> validation.Validator:
    """Only the values that ask for nothing; anything else is refused with a message that says why."""

    def check(value: Any, path: str) -> Any:
        if value is not None and value not in without:
            raise InvalidRequest(message, "unsupported_value", path)
        return value

    return check

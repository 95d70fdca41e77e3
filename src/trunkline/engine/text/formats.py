"""What both text interfaces share: tools, output formats and the options of sampling, checked."""

from __future__ import annotations

from typing import Any

from trunkline.engine import checks
from trunkline.engine.checks import InvalidRequest
from trunkline.engine.text import OutputFormat

SAMPLING: dict[str, checks.Check] = {
    "temperature": checks.nullable(checks.number(0.0, 2.0)),
    "top_p": checks.nullable(checks.number(0.0, 1.0)),
    "parallel_tool_calls": checks.nullable(checks.boolean),
}
"""What both interfaces call by the same name, and a chat endpoint too."""
ATTACHED: dict[str, checks.Check] = {
    "metadata": checks.nullable(checks.a_dict),
    "user": checks.anything,
    "store": checks.anything,
    "service_tier": checks.anything,
    "safety_identifier": checks.anything,
    "prompt_cache_key": checks.anything,
    "prompt_cache_retention": checks.anything,
}
"""Taken and without effect here, but for the metadata's `purpose`."""
FUNCTION: dict[str, checks.Check] = {
    "name": checks.filled,
    "description": checks.nullable(checks.text),
    "parameters": checks.nullable(checks.a_dict),
    "strict": checks.nullable(checks.boolean),
}
_SCHEMA = {
    "type": checks.text,
    "name": checks.filled,
    "schema": checks.a_dict,
    "strict": checks.nullable(checks.boolean),
    "description": checks.nullable(checks.text),
}

required_schema = checks.fields(_SCHEMA, required=("name", "schema"))
"""A JSON schema with its name, as both interfaces write it."""


def output_format(given: dict[str, Any] | None) -> OutputFormat | None:
    """The form that is asked for, of a checked `{"type": …, "name", "schema", "strict", "description"}`."""
    if given is None or given["type"] == "text":
        return None
    if given["type"] == "json_object":
        return OutputFormat()
    return OutputFormat(given["name"], given["schema"], given.get("strict"), given.get("description"))


def plain_metadata(given: Any) -> dict[str, str]:
    """The metadata that is text."""
    return {name: value for name, value in (given or {}).items() if isinstance(value, str)}


def unless(message: str, *without: Any) -> checks.Check:
    """Only the values that ask for nothing; anything else is refused with a message that says why."""

    def check(value: Any, path: str) -> Any:
        if value is not None and value not in without:
            raise InvalidRequest(message, "unsupported_value", path)
        return value

    return check

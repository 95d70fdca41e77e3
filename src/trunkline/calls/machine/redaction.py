"""Events without what the agent says in them, for the log of a call that holds it back."""

from __future__ import annotations

from typing import Any

from trunkline.realtime.events import Event

HELD_BACK = "[held back]"
_WORDS = {"delta", "transcript", "text"}
_ARGUMENTS = "response.function_call_arguments"


def redact(event: Event) -> Event:
    """The event, with the agent's words replaced: `message.*` tells them once they have passed."""
    kind = event["type"]
    if kind.startswith("response.") and not kind.startswith(_ARGUMENTS):
        return {key: _hidden(key, value) for key, value in event.items()}
    item = event.get("item")
    if isinstance(item, dict) and item.get("role") == "assistant":
        return {**event, "item": _hidden("item", item)}
    return event


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return HELD_BACK if key in _WORDS else value
    if isinstance(value, dict):
        return {inner: _hidden(inner, one) for inner, one in value.items()}
    if isinstance(value, list):
        return [_hidden(key, one) for one in value]
    return value

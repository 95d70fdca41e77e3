"""Provider events without the agent's words, for the log of a call that holds output back."""

from __future__ import annotations

from trunkline.realtime.events import Event

HELD_BACK = "[held back]"
_TEXT_FIELDS = {"delta", "transcript", "text"}
_ARGUMENTS = "response.function_call_arguments"


def redact(event: Event) -> Event:
    """Return the event with the agent's words replaced; `message.*` logs them once the guardrails have passed them."""
    kind = event["type"]
    if kind.startswith("response.") and not kind.startswith(_ARGUMENTS):
        return {key: _redacted(key, value) for key, value in event.items()}
    item = event.get("item")
    if isinstance(item, dict) and item.get("role") == "assistant":
        return {**event, "item": _redacted("item", item)}
    return event


def _redacted(key: str, value: object) -> object:
    if isinstance(value, str):
        return HELD_BACK if key in _TEXT_FIELDS else value
    if isinstance(value, dict):
        return {inner: _redacted(inner, one) for inner, one in value.items()}
    if isinstance(value, list):
        return [_redacted(key, one) for one in value]
    return value

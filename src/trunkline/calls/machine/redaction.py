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


HIDDEN = "[secret]"
IMAGE = "[image]"
AUDIO = "[audio]"
_SECRETS = ("authorization", "headers")
"""Fields of a hosted MCP tool that hold credentials."""


def for_log(event: Event) -> Event:
    """Return an event for the log: without the credentials of hosted MCP tools, and without audio and images."""
    if "item" not in event and "session" not in event:  # as most events
        return event
    match event:
        case {"type": "conversation.item.retrieved", "item": {"content": [*content]} as item}:
            heard = [_without(part, ("audio",), AUDIO) if isinstance(part, dict) else part for part in content]
            return {**event, "item": {**item, "content": heard}}
        case {"session": {"tools": [*tools]} as session} if any(map(_has_secrets, tools)):
            shown = [_without(tool, _SECRETS, HIDDEN) if _has_secrets(tool) else tool for tool in tools]
            return {**event, "session": {**session, "tools": shown}}
        case {"item": {"content": [*content]} as item} if any(map(_is_image, content)):
            parts = [_without(part, ("image_url",), IMAGE) if _is_image(part) else part for part in content]
            return {**event, "item": {**item, "content": parts}}
        case _:
            return event


def _has_secrets(tool: object) -> bool:
    return isinstance(tool, dict) and tool.get("type") == "mcp" and any(name in tool for name in _SECRETS)


def _is_image(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "input_image"


def _without(fields: Event, names: tuple[str, ...], instead: str) -> Event:
    return {name: instead if name in names else value for name, value in fields.items()}

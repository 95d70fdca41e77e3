"""Conversation items of clients: checked, with an id, in the conversation's form."""

from __future__ import annotations

import base64

from trunkline.realtime import service_rules
from trunkline.realtime.events import Item, NewId


def decode_audio(value: object, path: str) -> bytes:
    """Decode base64 audio.

    Raises:
        InvalidRequest: the value is not base64.
    """
    return base64.b64decode(service_rules.base64_bytes(value, path))


def encode_audio(audio: bytes | bytearray) -> str:
    """Encode audio as base64."""
    return base64.b64encode(audio).decode()


def new_item(value: object, new_id: NewId, path: str = "item") -> Item:
    """Return a client's item in the form that the conversation keeps, with a new id if it has none.

    Raises:
        InvalidRequest: the item is malformed, or this engine does not support its type.
    """
    item = service_rules.item(value, path)
    kept: Item = {"id": item.get("id") or new_id("item"), "object": "realtime.item", "type": item["type"]}
    kept["status"] = "completed"
    for name in ("role", "content", "call_id", "name", "arguments", "output"):
        if name in item:
            kept[name] = item[name]
    if kept.get("role") == "assistant":
        kept["content"] = [_as_text(part) for part in kept["content"]]
    return kept


def _as_text(part: Item) -> Item:
    """Convert an assistant's audio part to its text.

    Clients send these parts to replay a history. They cannot supply the assistant's audio.
    """
    return {"type": "output_text", "text": part.get("transcript") or ""} if part["type"] == "output_audio" else part


def without_audio(item: Item) -> Item:
    """Return the item as events show it, without audio data."""
    if "content" not in item:
        return dict(item)
    content = [{name: value for name, value in part.items() if name != "audio"} for part in item["content"]]
    return {**item, "content": content}

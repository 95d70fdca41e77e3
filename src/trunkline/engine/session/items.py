"""Conversation items of clients: checked, with an id, in the conversation's form."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from trunkline.engine.session import validation
from trunkline.engine.session.validation import InvalidRequest
from trunkline.realtime.events import Item, NewId

_BASE = {
    "id": validation.nullable(validation.non_empty_text),
    "type": validation.text,
    "object": validation.any_value,
    "status": validation.nullable(validation.one_of("completed", "incomplete", "in_progress")),
}
_INPUT_TEXT = validation.object_with({"type": validation.text, "text": validation.text}, required=("text",))


def decode_audio(value: Any, path: str) -> bytes:
    """Decode base64 audio.

    Raises:
        InvalidRequest: the value is not base64.
    """
    try:
        return base64.b64decode(validation.text(value, path), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"Invalid '{path}': expected base64-encoded bytes.", "invalid_base64", path) from None


def encode_audio(audio: bytes | bytearray) -> str:
    """Encode audio as base64."""
    return base64.b64encode(audio).decode()


def _input_audio(value: Any, path: str) -> Any:
    known = {"type": validation.text, "audio": validation.text, "transcript": validation.nullable(validation.text)}
    part = validation.object_with(known, required=("audio",))(value, path)
    decode_audio(part["audio"], f"{path}.audio")
    return part


def _input_image(value: Any, path: str) -> Any:
    known = {
        "type": validation.text,
        "image_url": validation.non_empty_text,
        "detail": validation.nullable(validation.one_of("auto", "low", "high"), "auto"),
    }
    return validation.object_with(known, required=("image_url",))(value, path)


def _output_audio(value: Any, path: str) -> Any:
    """Convert an assistant's audio part to its text.

    Clients send these parts to replay a history. They cannot supply the assistant's audio.
    """
    known = {
        "type": validation.text,
        "audio": validation.nullable(validation.text),
        "transcript": validation.nullable(validation.text),
    }
    part = validation.object_with(known)(value, path)
    return {"type": "output_text", "text": part.get("transcript") or ""}


_CONTENT = {
    "user": validation.tagged({"input_text": _INPUT_TEXT, "input_audio": _input_audio, "input_image": _input_image}),
    "assistant": validation.tagged({"output_text": _INPUT_TEXT, "output_audio": _output_audio}),
    "system": validation.tagged({"input_text": _INPUT_TEXT}),
}


def _message(role: str) -> validation.Validator:
    known = {**_BASE, "role": validation.text, "content": validation.list_of(_CONTENT[role])}
    return validation.object_with(known, required=("content",))


_ITEM = validation.tagged(
    {
        "message": validation.tagged({role: _message(role) for role in _CONTENT}, tag="role"),
        "function_call": validation.object_with(
            {
                **_BASE,
                "call_id": validation.non_empty_text,
                "name": validation.non_empty_text,
                "arguments": validation.text,
            },
            required=("call_id", "name", "arguments"),
        ),
        "function_call_output": validation.object_with(
            {**_BASE, "call_id": validation.non_empty_text, "output": validation.text}, required=("call_id", "output")
        ),
    }
)


def new_item(value: Any, new_id: NewId, path: str = "item") -> Item:
    """Return a client's item in the form that the conversation keeps, with a new id if it has none.

    Raises:
        InvalidRequest: the item is malformed, or this engine does not support its type.
    """
    item = _ITEM(value, path)
    kept: Item = {"id": item.get("id") or new_id("item"), "object": "realtime.item", "type": item["type"]}
    kept["status"] = "completed"
    for name in ("role", "content", "call_id", "name", "arguments", "output"):
        if name in item:
            kept[name] = item[name]
    if len(kept["id"]) > 256:
        raise InvalidRequest(f"Invalid '{path}.id': at most 256 characters.", "string_above_max_length", f"{path}.id")
    return kept


def without_audio(item: Item) -> Item:
    """Return the item as events show it, without audio data."""
    if "content" not in item:
        return dict(item)
    content = [{name: value for name, value in part.items() if name != "audio"} for part in item["content"]]
    return {**item, "content": content}

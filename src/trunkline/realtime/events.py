"""Events of the GA Realtime protocol as dicts, encoded and decoded by msgspec.

An event is a JSON object with a `type`. All other fields stay as they arrived, known or not, so that a newer service
does not break an older Trunkline.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

Event = dict[str, Any]
Item = dict[str, Any]
NewId = Callable[[str], str]
"""A source of ids, such as `realtime.ids.new_id`: it takes a prefix and returns a new id."""
_T = TypeVar("_T")

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class MalformedEventError(ValueError):
    """A frame that is not a Realtime event. The message names the problem."""


def decode(frame: bytes | str) -> Event:
    """Decode the event in one WebSocket frame.

    Raises:
        MalformedEventError: the frame is not JSON, not an object, or has no `type` text.
    """
    try:
        event = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedEventError(f"not valid JSON: {error}") from None
    if not isinstance(event, dict):
        raise MalformedEventError(f"an event is a JSON object, not {type(event).__name__}")
    if not isinstance(event.get("type"), str):
        raise MalformedEventError("an event needs a 'type' that is text")
    return event


def encode(event: Mapping[str, object]) -> bytes:
    """Encode the event as one UTF-8 JSON frame. Bytes in it become base64."""
    return _encoder.encode(event)


def text_of(item: Item) -> str:
    """Return the words of a message item: its text parts and the transcripts of its audio parts, in order."""
    parts = item.get("content") or ()
    if type(parts) is list and len(parts) == 1 and isinstance(part := parts[0], dict):  # as most messages
        return "".join((part.get("text") or part.get("transcript") or "",))
    texts = [part.get("text") or part.get("transcript") for part in parts if isinstance(part, dict)]
    return " ".join([text for text in texts if text])


def copy_json(value: _T) -> _T:
    """Copy a JSON value deeply. Much faster than `copy.deepcopy`."""
    copied: _T = msgspec.to_builtins(value)
    return copied


def audio_delta_of(event: Event) -> bytes | None:
    """Decode the audio of a `response.output_audio.delta`. Return None for other events and for malformed audio."""
    if event["type"] != "response.output_audio.delta":
        return None
    try:
        return base64.b64decode(event["delta"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None

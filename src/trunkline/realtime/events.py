"""Wire events: plain dicts, encoded and decoded by msgspec, with builders for those we send.

An event is what the GA Realtime protocol calls one: a JSON object with a `type`. Whatever else is in it is
kept as it came, known or not, so that a newer service never breaks an older Trunkline.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any, TypeVar

import msgspec

Event = dict[str, Any]
Item = dict[str, Any]
_T = TypeVar("_T")
_NESTED = (dict, list)

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class MalformedEventError(ValueError):
    """A frame that is no Realtime event; the message says what is wrong with it."""


def decode(frame: bytes | str) -> Event:
    """The event in one WebSocket frame.

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


def encode(event: Event) -> bytes:
    """The event as one UTF-8 JSON frame. Bytes in it become base64."""
    return _encoder.encode(event)


def new_id(prefix: str) -> str:
    """A fresh id in the service's style: `item_`, `resp_`, `event_`, `call_`, `sess_` and 21 characters that nobody can
    guess."""
    return f"{prefix}_{secrets.token_hex(11)[:21]}"


def text_of(item: Item) -> str:
    """The words of a message item: its text parts and the transcripts of its audio parts, in order."""
    parts = item.get("content") or ()
    words = [part.get("text") or part.get("transcript") for part in parts if isinstance(part, dict)]
    return " ".join([word for word in words if word])


def copy_json(value: _T) -> _T:
    """A copy of what JSON can hold, which shares no object and no array with it. Much quicker than `copy.deepcopy`."""
    copy: Any = value
    if isinstance(value, dict):
        copy = {key: copy_json(one) if isinstance(one, _NESTED) else one for key, one in value.items()}
    elif isinstance(value, list):
        copy = [copy_json(one) if isinstance(one, _NESTED) else one for one in value]
    return copy  # type: ignore[no-any-return]  # of the type of `value`, kind by kind


def audio_delta_of(event: Event) -> bytes | None:
    """The decoded sound of a `response.output_audio.delta`; None for other events and for what does not decode."""
    if event["type"] != "response.output_audio.delta":
        return None
    try:
        return base64.b64decode(event["delta"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None

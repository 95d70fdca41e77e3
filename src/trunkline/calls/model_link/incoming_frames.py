"""Frames from the model: audio is decoded apart from the other events, which are dicts."""

from __future__ import annotations

import msgspec

from trunkline.providers import AudioDelta
from trunkline.realtime import events
from trunkline.realtime.events import Event


class _AudioDeltaEvent(msgspec.Struct):
    type: str
    item_id: str
    delta: bytes  # msgspec decodes the base64


_decoder = msgspec.json.Decoder(_AudioDeltaEvent)
_AUDIO_DELTA = b'"response.output_audio.delta"'


def read_frame(frame: bytes | AudioDelta) -> AudioDelta | Event:
    """Return the audio or the event in a frame; for a malformed frame, an `error` event that says so."""
    if isinstance(frame, AudioDelta):
        return frame
    if _AUDIO_DELTA in frame[:200]:
        try:
            delta = _decoder.decode(frame)
        except (msgspec.DecodeError, RecursionError):
            delta = None
        if delta is not None and delta.type == "response.output_audio.delta":
            return AudioDelta(delta.item_id, delta.delta)
    try:
        event = events.decode(frame)
    except events.MalformedEventError as error:
        message = f"The model sent a malformed event ({error}). The call ignores it."
        return {"type": "error", "error": {"message": message, "code": "malformed_event"}}
    audio = events.audio_delta_of(event)
    return event if audio is None else AudioDelta(str(event.get("item_id")), audio)

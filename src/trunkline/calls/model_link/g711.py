"""Sound between us and the model as it is on a telephone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.realtime.audio import FORMATS


def g711_codec_for(audio_format: Mapping[str, Any]) -> G711Codec | None:
    """The telephone of a session whose sound has this format both ways; None where sound travels in full."""
    kind = audio_format["type"]
    return G711Codec(kind) if kind in ("audio/pcmu", "audio/pcma") else None


class G711Codec:
    """G.711 at 8 kHz.

    Args:
        format_type: `audio/pcmu` or `audio/pcma`.
    """

    def __init__(self, format_type: str) -> None:
        self._format = FORMATS[format_type]
        self._encoder = self._format.encoder()
        self._decoder = self._format.decoder()
        self._item_id: str | None = None

    def to_model(self, pcm: bytes) -> bytes:
        """PCM16 at 24 kHz as the codec has it."""
        return self._encoder.feed(pcm)

    def from_model(self, item_id: str, sound: bytes) -> bytes:
        """The model's sound of a message as PCM16 at 24 kHz."""
        if item_id != self._item_id:
            self._item_id, self._decoder = item_id, self._format.decoder()
        return self._decoder.feed(sound)

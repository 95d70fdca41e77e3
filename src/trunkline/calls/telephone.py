"""Sound between us and the model as it is on a telephone."""

from __future__ import annotations

from trunkline.calls.log import Codec
from trunkline.realtime.audio import FORMATS


def line_for(codec: Codec) -> Telephone | None:
    """The telephone of a session's codec; None where sound travels in full."""
    return Telephone(codec) if codec in ("pcmu", "pcma") else None


class Telephone:
    """G.711 at 8 kHz.

    Args:
        codec: `pcmu` or `pcma`.
    """

    def __init__(self, codec: Codec) -> None:
        self._format = FORMATS[f"audio/{codec}"]
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

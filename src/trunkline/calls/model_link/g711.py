"""G.711 between the call and the model, for sessions with telephone audio."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.realtime.audio import FORMATS


def g711_codec_for(audio_format: Mapping[str, object]) -> G711Codec | None:
    """Return a codec for a session's audio format, None if the format is PCM16."""
    format_type = audio_format["type"]
    return G711Codec(format_type) if format_type in ("audio/pcmu", "audio/pcma") else None


class G711Codec:
    """Converts between PCM16 at 24 kHz and G.711 at 8 kHz (ITU-T G.711), both ways.

    Args:
        format_type: `audio/pcmu` or `audio/pcma`.
    """

    def __init__(self, format_type: str) -> None:
        self._format = FORMATS[format_type]
        self._encoder = self._format.encoder()
        self._decoder = self._format.decoder()
        self._item_id: str | None = None

    def encode(self, pcm: bytes) -> bytes:
        """Encode the caller's PCM16 for the model."""
        return self._encoder.feed(pcm)

    def decode(self, item_id: str, audio: bytes) -> bytes:
        """Decode the model's audio of a message to PCM16. Each message is a stream of its own."""
        if item_id != self._item_id:
            self._item_id, self._decoder = item_id, self._format.decoder()
        return self._decoder.feed(audio)

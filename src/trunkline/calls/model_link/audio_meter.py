"""Audio meter of a link: the audio to and from the model since the last reading."""

from __future__ import annotations

from trunkline.calls.log_events import AudioStats
from trunkline.realtime.audio import BYTES_PER_MS


class AudioMeter:
    """Counts audio in both directions: PCM16, 24 kHz, mono."""

    def __init__(self) -> None:
        self._sent_bytes = self._sent_frames = 0
        self._received_bytes = self._received_frames = 0

    def on_sent(self, pcm: bytes) -> None:
        """Count audio of the caller that goes to the model."""
        self._sent_bytes += len(pcm)
        self._sent_frames += 1

    def on_received(self, pcm: bytes) -> None:
        """Count audio from the model."""
        self._received_bytes += len(pcm)
        self._received_frames += 1

    def take(self) -> AudioStats | None:
        """Return the counts and begin again at 0. Return None if nothing was counted."""
        if not (self._sent_frames or self._received_frames):
            return None
        stats = AudioStats(
            sent_ms=round(self._sent_bytes / BYTES_PER_MS),
            sent_frames=self._sent_frames,
            received_ms=round(self._received_bytes / BYTES_PER_MS),
            received_frames=self._received_frames,
        )
        self._sent_bytes = self._sent_frames = 0
        self._received_bytes = self._received_frames = 0
        return stats

"""The agent's voice over WebRTC, as the caller's page plays the stream of the engine.

The stream reaches the page after the delay that the page reports. A report is about the audio before it, so a frame's
place depends on the reports up to the time at which it is played. While the page holds the audio, it keeps it, and
plays it on afterwards: it is late until the stream's silences have made up for the hold. At an interruption it mutes
the stream until the next utterance.
"""

from __future__ import annotations

from collections import deque

from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.store.audio.placement import Placed, StreamPlacement

KEPT_SILENCE_MS = 200.0
"""Silence between words that a late page keeps."""
MAX_HELD_MS = 10_000.0
MUTE_ENDS_AFTER_MS = 600.0
"""Silence that ends a mute, if the next utterance does not."""


class StreamedVoice:
    """The agent's audio that the caller has heard over WebRTC."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, bytes]] = deque()
        """Frames with the time at which the service sent them."""
        self._waiting_ms = 0.0
        self._buffer_ms = self._output_ms = 0.0
        self._held = False
        self._muted = False
        self._free_at_ms = 0.0
        """Time at which the player has played the frame before."""
        self._last_sent_ms = 0.0
        """Time at which the frame before ended, in the stream."""
        self._item_id = ""
        self._placement = StreamPlacement()

    def on_delays(self, buffer_ms: float, output_ms: float) -> None:
        """Note the page's delays: up to its player, and from there to the loudspeaker."""
        self._buffer_ms, self._output_ms = buffer_ms, output_ms

    def on_streamed(self, pcm: bytes, at_ms: float) -> None:
        """Note a frame that the service sent at `at_ms`. Frames of silence are left out."""
        if self._waiting_ms < MAX_HELD_MS:
            self._waiting.append((at_ms, pcm))
            self._waiting_ms += len(pcm) / BYTES_PER_MS

    def on_started(self, item_id: str, at_ms: float) -> list[Placed]:
        """Note `audio.started`: the next utterance is audible."""
        placed = self._play(at_ms)
        self._muted, self._item_id = False, item_id
        return placed

    def on_cleared(self, at_ms: float) -> list[Placed]:
        """Note an interruption: the page mutes the stream, and drops the audio that it holds."""
        placed = self._play(at_ms)
        while self._waiting and self._waiting[0][0] + self._buffer_ms <= at_ms:
            self._drop_first()
        self._muted = True
        self._last_sent_ms = at_ms - self._buffer_ms
        return placed

    def on_held(self, at_ms: float) -> list[Placed]:
        """Note that the page holds its audio."""
        placed = self._play(at_ms)
        self._held = True
        return placed

    def on_released(self, at_ms: float) -> list[Placed]:
        """Note that the page plays again."""
        if self._held:
            self._held = False
            self._free_at_ms = max(self._free_at_ms, at_ms)
        return []

    def settle(self, now_ms: float) -> list[Placed]:
        """Return the audio that has its place by now."""
        return [*self._play(now_ms), *self._placement.settle(now_ms)]

    def finish(self, at_ms: float) -> list[Placed]:
        """Return the rest of the audio that was heard by the end of the call."""
        return [*self._play(at_ms), *self._placement.finish()]

    def _play(self, until_ms: float) -> list[Placed]:
        placed: list[Placed] = []
        while self._waiting and not self._held:
            sent_at_ms, pcm = self._waiting[0]
            ms = len(pcm) / BYTES_PER_MS
            silent_ms = max(0.0, sent_at_ms - self._last_sent_ms)
            begin_ms = max(sent_at_ms + self._buffer_ms, self._free_at_ms + min(silent_ms, KEPT_SILENCE_MS))
            if begin_ms > until_ms:
                break
            self._drop_first()
            if self._muted and silent_ms >= MUTE_ENDS_AFTER_MS:
                self._muted = False
            self._last_sent_ms = sent_at_ms + ms
            if self._muted:
                continue
            self._free_at_ms = begin_ms + ms
            placed += self._placement.add(pcm, self._free_at_ms + self._output_ms, self._item_id)
        return placed

    def _drop_first(self) -> None:
        _at_ms, pcm = self._waiting.popleft()
        self._waiting_ms -= len(pcm) / BYTES_PER_MS

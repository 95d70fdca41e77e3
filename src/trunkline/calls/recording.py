"""Recording of a call's audio: the interface through which a call passes both voices to its recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from trunkline.calls.log import Entry
from trunkline.calls.log_events import Notice

AudioSource = Literal["relay", "service", "page"]
"""Source of a recording: the relay's frames, the engine's streams in this process, or the caller's page."""


class Recording(Protocol):
    """Recorder of one call. No method blocks or raises. Times are ms since the call's start."""

    @property
    def notice(self) -> Notice | None:
        """The reason why the call is stored without audio; None if it is recorded."""

    def use_source(self, source: AudioSource) -> None:
        """Record the audio of this source from now on."""

    def on_caller_audio(self, pcm: bytes, at_ms: float) -> None:
        """Record audio of the caller that has arrived: PCM16 at 24 kHz."""

    def on_audio_sent(self, pcm: bytes, at_ms: float) -> None:
        """Note a binary frame to the caller's page: the agent's audio on the relay, or a filler."""

    def on_streamed_audio(self, pcm: bytes, at_ms: float) -> None:
        """Note audio of the agent that the service has sent over WebRTC."""

    def on_played(self, item_id: str, ms: int, at_ms: float) -> None:
        """Note the page's report that it has played `ms` of a message."""

    def on_delays(self, buffer_ms: int, output_ms: int) -> None:
        """Note the page's delays of the agent's audio: up to its player, and from there to the loudspeaker."""

    def on_page_audio(self, frame: bytes, at_ms: float) -> str | None:
        """Record a chunk of the page's own recording. Return the problem with it, None without one."""

    def read(self, entry: Entry) -> None:
        """Note an entry of the call's log."""


class RecordingTap:
    """Tap of a WebRTC call of the engine, which records both directions while the call uses that WebRTC call.

    Args:
        now_ms: the call's clock.
    """

    def __init__(self, recording: Recording, now_ms: Callable[[], float]) -> None:
        self._recording = recording
        self._now_ms = now_ms
        self.is_in_use = True

    def on_caller_audio(self, pcm: bytes) -> None:
        """See `AudioTap`."""
        if self.is_in_use:
            self._recording.on_caller_audio(pcm, self._now_ms())

    def on_agent_audio(self, pcm: bytes) -> None:
        """See `AudioTap`."""
        if self.is_in_use:
            self._recording.on_streamed_audio(pcm, self._now_ms())

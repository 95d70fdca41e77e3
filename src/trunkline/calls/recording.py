"""Recording of a call's audio: the interface through which a call passes both voices to its recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from trunkline.calls.log import Entry
from trunkline.calls.log_events import Notice
from trunkline.providers import Provider

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

    def continue_from(self, at_ms: float) -> None:
        """Continue the recording of another server, which has the audio before this time."""

    def stop(self, at_ms: float) -> None:
        """End the recording: another server continues it."""

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


class RecordingSource:
    """Source of a call's recording: it changes with the transport of the caller's audio.

    Args:
        recording: the recorder; None without a store of calls.
        now_ms: the call's clock.
    """

    def __init__(self, recording: Recording | None, now_ms: Callable[[], float]) -> None:
        self._recording = recording
        self._now_ms = now_ms
        self._source: AudioSource = "relay"
        self._tap: RecordingTap | None = None

    @property
    def is_page(self) -> bool:
        """True if the caller's page records the call, and sends its recording as binary frames."""
        recording = self._recording
        return recording is not None and recording.notice is None and self._source == "page"

    def use_relay(self) -> None:
        """Record the relay's audio from now on."""
        self._use("relay", None)

    def expect_page(self) -> None:
        """Record the chunks of the page, which records a WebRTC call that another server ran."""
        self._use("page", None)

    def use_webrtc(self, provider: Provider, rtc_call_id: str) -> None:
        """Record a WebRTC call: here if its audio passes through this process, else in the caller's page."""
        if self._recording is None:
            return
        tap = RecordingTap(self._recording, self._now_ms)
        is_tapped = provider.tap_webrtc_call(rtc_call_id, tap)
        self._use("service" if is_tapped else "page", tap)

    def _use(self, source: AudioSource, tap: RecordingTap | None) -> None:
        if self._tap is not None:
            self._tap.is_in_use = False
        self._tap = tap
        if self._recording is not None and source != self._source:
            self._recording.use_source(source)
        self._source = source

    def on_page_audio(self, frame: bytes) -> str | None:
        """Take a chunk of the page's own recording. Return the problem with it, None without one."""
        if self._recording is None or not self.is_page:
            return None
        return self._recording.on_page_audio(frame, self._now_ms())

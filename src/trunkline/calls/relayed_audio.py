"""Audio of a call's leg over the relay: the caller's voice on its way to the model, and readers of the agent's voice.

Both pass the echo canceller and the recording, and the caller's voice the recogniser of words. Over WebRTC the audio
flows between the page and the provider instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trunkline.caller_audio.echo_canceller import EchoCanceller, create_echo_canceller
from trunkline.calls import commands
from trunkline.calls.log import Entry
from trunkline.calls.log_events import AudioDucked, Transport
from trunkline.calls.machine import inputs
from trunkline.calls.model_link.link import Link
from trunkline.calls.numbered_audio import NumberedAudio
from trunkline.calls.pages import Leg
from trunkline.calls.recording import Recording
from trunkline.calls.word_listener import WordListener

CALLER_AUDIO_EVERY_MS = 100.0
"""Interval in which the machine hears of the caller's audio while it watches it."""


class RelayedAudio:
    """The audio of a call over the relay. Audio is PCM16 little-endian, mono, 24 kHz.

    Args:
        leg: the caller's leg.
        link: sends the caller's voice to the model.
        post: hands an input to the machine.
        now_ms: returns the time since the call's start, in ms.
        recording: the recording of the call; None without one.
        words: the recogniser of the caller's words; None without one.
        understood: the position up to which the log of a call of another server has the caller's audio; None if its
            page did not number it.
    """

    def __init__(
        self,
        leg: Leg,
        link: Link,
        post: Callable[[inputs.Input], None],
        now_ms: Callable[[], float],
        recording: Recording | None,
        words: WordListener | None,
        understood: int | None,
    ) -> None:
        self._leg = leg
        self._link = link
        self._post = post
        self._now_ms = now_ms
        self._recording = recording
        self._words = words
        self._numbered = NumberedAudio(understood or 0)
        self.understood = understood
        """The position up to which the log has the caller's audio; None if the page does not number it."""
        self._turn_closed = False
        """True if a turn was closed since the last acknowledgement, which waits for its commit."""
        self.reads_agent = False
        """True if `on_agent_audio` has to be called."""
        self._use_echo_canceller(_echo_canceller_for(leg.transport))
        self._is_watched = False
        self._reported_ms = 0.0

    # The leg --------------------------------------------------------------------------------------------------------
    def begin_leg(self, leg: Leg) -> None:
        """Continue with another leg, whose page has a loudspeaker and audio of its own."""
        self._leg = leg
        self._numbered, self.understood = NumberedAudio(), None
        self._use_echo_canceller(_echo_canceller_for(leg.transport))

    def set_transport(self, transport: Transport) -> None:
        """Handle the next transport of the leg's audio, before the leg has it."""
        if transport != self._leg.transport:
            self._use_echo_canceller(_echo_canceller_for(transport))

    @property
    def is_kept_by_page(self) -> bool:
        """True if the caller's page keeps its audio, so that the caller's turn continues when it is back."""
        return self._numbered.is_used and self._leg.transport == "websocket"

    @property
    def position(self) -> int | None:
        """The number of samples that the leg has sent; None over WebRTC."""
        return self._numbered.end if self._leg.transport == "websocket" else None

    def on_socket(self) -> None:
        """Handle a new socket of the leg's page, which may not number its audio."""
        self._numbered.on_socket()

    def on_report(self, report: commands.AudioReport) -> None:
        """Handle the page's report on its audio."""
        if self._leg.transport == "websocket":
            self._set_echo_cancelled(report.echo_cancelled)
        if self._recording is not None:
            self._recording.on_delays(report.buffer_ms, report.output_ms)

    def on_played(self, played: commands.Played) -> None:
        """Handle the page's report on the played audio."""
        if self._recording is not None:
            self._recording.on_played(played.item_id, played.ms, self._now_ms())

    def _set_echo_cancelled(self, by_page: bool | None) -> None:
        """Cancel the echo of the agent's voice unless the page does so; None if the page does not know."""
        if by_page:
            self._use_echo_canceller(None)
        elif self._echo is None or by_page is False:
            self._use_echo_canceller(create_echo_canceller(expects_echo=by_page is False))

    def _use_echo_canceller(self, echo: EchoCanceller | None) -> None:
        """Use an echo canceller; none over WebRTC, if the page cancels the echo, or without the package."""
        self._echo = echo
        self.reads_agent = echo is not None or self._recording is not None

    # The caller's voice ---------------------------------------------------------------------------------------------
    def receive(self, pcm: bytes) -> None:
        """Send audio of the caller to the model: a whole number of samples."""
        late_ms = None
        if self._numbered.is_resent:
            pcm, late_ms = self._numbered.take(pcm)
        else:
            self._numbered.add(len(pcm))
        if self._echo is not None and late_ms is None:  # late audio has no agent beside it
            pcm = self._echo.process(pcm)
        if pcm:
            if self._recording is not None:
                self._recording.on_caller_audio(pcm, self._now_ms() - (late_ms or 0.0))
            self._link.send_audio(pcm)
            if self._words is not None:
                self._words.feed(pcm)
        if self._is_watched and self._now_ms() - self._reported_ms >= CALLER_AUDIO_EVERY_MS:
            self._reported_ms = self._now_ms()
            self._post(inputs.CallerAudioArrived())

    def watch(self, on: bool) -> None:
        """Report the caller's audio to the machine, or no longer."""
        self._is_watched = on

    def number(self, begins: commands.AudioFrom) -> None:
        """Handle the page's word on the position of its next audio."""
        self._numbered.begin(begins.position, begins.late_ms)
        if self.understood is None:
            self.understood = self._numbered.end

    def release_turn(self, turn_id: str, until_ms: int | None) -> None:
        """Release the audio of a turn that is understood, up to a time of the session's audio in ms."""
        self._link.release_turn(turn_id, until_ms)
        self._turn_closed = True
        if self.understood is not None:
            self.understood = max(self.understood, self._numbered.position_before(self._link.needed_bytes))

    async def position_to_acknowledge(self, commit: Callable[[], Awaitable[bool]] | None) -> int | None:
        """Return the position before which no session will need the audio, once; None if it is known, or not certain.

        Args:
            commit: commits the turns before it to the live record, and returns whether that is done.
        """
        numbered = self._numbered
        position = numbered.position_before(self._link.needed_bytes)
        closed, self._turn_closed = self._turn_closed, False
        if closed and commit is not None and not await commit():
            self._turn_closed = True
            return None
        return numbered.take_acknowledgement(position) if numbered is self._numbered else None

    # The agent's voice ----------------------------------------------------------------------------------------------
    def on_agent_audio(self, pcm: bytes) -> None:
        """Handle audio of the agent that was sent to the page."""
        if self._recording is not None:
            self._recording.on_audio_sent(pcm, self._now_ms())
        if self._echo is not None:
            self._echo.play(pcm)

    def on_dropped(self) -> None:
        """Handle that the page plays nothing more of the audio sent so far."""
        if self._echo is not None:
            self._echo.stop_playing()

    def on_held(self, entry: Entry) -> None:
        """Read an event of the log that holds the agent's audio, or resumes it."""
        if self._echo is not None:
            self._echo.hold(isinstance(entry.event, AudioDucked))


def _echo_canceller_for(transport: Transport) -> EchoCanceller | None:
    """Return the canceller of a leg, before its page reports whether it cancels the echo itself; over WebRTC none."""
    return create_echo_canceller() if transport == "websocket" else None

"""Watch over the caller's audio: audio that stops while the caller speaks ends the turn.

The service detects the end of a turn in the audio that it receives. If a microphone or a network stops in the middle of
a word, the service would wait for ever. On the relay, silence replaces the missing audio. It ends a turn of
`server_vad`, and of `semantic_vad` after a complete sentence. Otherwise the call commits the turn. Over WebRTC the
audio does not pass through the call: the page reports that no packet leaves it, and the call commits the turn.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from trunkline.calls.log_events import Notice
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import SendSilence, WatchCallerAudio
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.push_to_talk import PushToTalk
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.timers import Timer

MISSING_AFTER_MS = 2_000.0
"""Time without a frame after which the caller's audio has stopped."""
COMMIT_AFTER_MS = 500.0
"""Time that the service has to end the turn after the silence; then the call commits it."""
STOPPED = Notice(
    message="The caller's audio has stopped, so their turn has ended.",
    code="caller_audio_stopped",
    hint="Check the caller's microphone and network.",
)


class _Watch(Enum):
    """Watch over the audio of a caller who speaks.

    Attributes:
        OFF: nothing is watched.
        RELAY: the shell reports the caller's audio; the timer is set to the longest gap.
        WEBRTC: the page has reported that no audio leaves it; the timer is set to the end of the turn.
    """

    OFF = auto()
    RELAY = auto()
    WEBRTC = auto()


class CallerAudioWatch:
    """Watch over the caller's audio while they speak."""

    def __init__(
        self,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        playout: Playout,
        caller_turns: CallerTurns,
        push_to_talk: PushToTalk,
    ) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._playout = playout
        self._caller_turns = caller_turns
        self._push_to_talk = push_to_talk
        self._watch = _Watch.OFF
        self._speaks_from_ms: float | None = None
        """Time at which the caller began to speak; None while they do not."""
        self._stopped_at_ms: float | None = None
        """Time at which the caller's audio over WebRTC stopped; None while it flows, or if the page does not report."""
        self._noticed = False
        """True if the log already says that the audio of this turn has stopped."""
        self._filled = False
        """True if silence was sent in place of the audio since the last frame."""
        self._is_paused = False
        """True while the caller's page is away and keeps their audio."""

    def update(self) -> None:
        """Begin to watch, or stop it. The machine calls this at the end of each step."""
        speaks = self._caller_turns.speaking or self._push_to_talk.pressed
        if not speaks:
            if self._speaks_from_ms is None:
                return  # nothing is watched
            self._speaks_from_ms, self._noticed = None, False
        elif self._speaks_from_ms is None:
            self._speaks_from_ms = self._outbox.now_ms
        wanted = self._wanted
        if wanted is self._watch:
            return
        former, self._watch = self._watch, wanted
        if _Watch.RELAY in (former, wanted):
            self._outbox.emit(WatchCallerAudio(wanted is _Watch.RELAY))
        match wanted:
            case _Watch.OFF:
                self._outbox.set_timer(Timer.CALLER_AUDIO, None)
            case _Watch.RELAY:
                self.on_audio()
            case _Watch.WEBRTC:
                silent_from_ms = max(self._stopped_at_ms or 0.0, self._speaks_from_ms or 0.0)
                self._outbox.set_timer(Timer.CALLER_AUDIO, silent_from_ms + MISSING_AFTER_MS)
            case _:
                assert_never(wanted)

    @property
    def _wanted(self) -> _Watch:
        if self._speaks_from_ms is None or self._is_paused:
            return _Watch.OFF
        if not self._playout.over_webrtc:
            return _Watch.RELAY
        return _Watch.OFF if self._stopped_at_ms is None else _Watch.WEBRTC

    def on_caller_joined(self) -> None:
        """Forget the report of an earlier page."""
        self._stopped_at_ms = None
        self._is_paused = False

    def on_caller_left(self) -> None:
        """Wait for the audio that the page keeps: it comes when the page is back."""
        self._is_paused = True

    def on_page_report(self, *, flows: bool, since_ms: float) -> None:
        """Handle the page's report that the caller's audio has flowed, or not, for `since_ms`."""
        self._stopped_at_ms = None if flows else self._outbox.now_ms - since_ms

    def on_audio(self) -> None:
        """Handle audio of the caller on the relay."""
        if self._watch is _Watch.RELAY:
            self._filled = False
            self._outbox.set_timer(Timer.CALLER_AUDIO, self._outbox.now_ms + MISSING_AFTER_MS)

    def on_missing(self) -> None:
        """Handle `Timer.CALLER_AUDIO`: no audio has arrived."""
        if self._watch is _Watch.OFF:
            return
        if not self._noticed:
            self._noticed = True
            self._outbox.log(STOPPED)
        if self._push_to_talk.pressed:
            self._push_to_talk.release()
        elif self._filled or self._watch is _Watch.WEBRTC:
            self._caller_turns.commit_speech()
            self._scheduler.request_response()
        else:
            self._filled = True
            self._outbox.emit(SendSilence(MISSING_AFTER_MS))
            self._outbox.set_timer(Timer.CALLER_AUDIO, self._outbox.now_ms + COMMIT_AFTER_MS)

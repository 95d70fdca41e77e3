"""Watch over the caller's audio on the relay: a caller whose audio stops while they speak has ended their turn.

The service detects the end of a turn in the audio that it receives. If a microphone or a network stops in the middle of
a word, the service would wait for ever. So silence replaces the missing audio. It ends a turn of `server_vad`, and of
`semantic_vad` after a complete sentence. Otherwise the call commits the turn.
"""

from __future__ import annotations

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
        self._watching = False
        self._noticed = False
        """True if the log already says that the audio of this turn has stopped."""
        self._filled = False
        """True if silence was sent in place of the audio since the last frame."""

    def update(self) -> None:
        """Begin to watch, or stop it. The machine calls this at the end of each step."""
        wanted = not self._playout.over_webrtc and (self._caller_turns.speaking or self._push_to_talk.pressed)
        if wanted is self._watching:
            return
        self._watching, self._noticed = wanted, False
        self._outbox.emit(WatchCallerAudio(wanted))
        if wanted:
            self.on_audio()
        else:
            self._outbox.set_timer(Timer.CALLER_AUDIO, None)

    def on_audio(self) -> None:
        """Handle audio of the caller."""
        if self._watching:
            self._filled = False
            self._outbox.set_timer(Timer.CALLER_AUDIO, self._outbox.now_ms + MISSING_AFTER_MS)

    def on_missing(self) -> None:
        """Handle `Timer.CALLER_AUDIO`: no audio has arrived."""
        if not self._watching:
            return
        if not self._noticed:
            self._noticed = True
            self._outbox.log(STOPPED)
        if self._push_to_talk.pressed:
            self._push_to_talk.release()
        elif self._filled:
            self._caller_turns.commit_speech()
            self._scheduler.request_response()
        else:
            self._filled = True
            self._outbox.emit(SendSilence(MISSING_AFTER_MS))
            self._outbox.set_timer(Timer.CALLER_AUDIO, self._outbox.now_ms + COMMIT_AFTER_MS)

"""The caller's spoken turns, from the first audio until they are transcribed or answered.

A lost session takes the audio it received with it. On the relay the audio of unfinished turns is kept, and the next
session gets it again ("resend"): to that session they are turns like any other. Over WebRTC the audio does not pass
through the call, so nothing can be resent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trunkline.calls import log_events
from trunkline.calls.machine.effects import KeepCallerAudio, ReleaseCallerAudio
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import BlockReason, CallerSpeech, ResponseScheduler
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.transcript import Transcript
from trunkline.realtime.event_fields import ms_field, text_field
from trunkline.realtime.events import Event

RESEND_WAIT_MS = 2_500.0
"""Time a new session has to detect the turns in the resent audio; then the call continues without them."""


@dataclass
class _OpenTurn:
    """A turn that is neither transcribed nor answered yet.

    Attributes:
        turn_id: id by which its audio is kept.
        ended: true if a session has reported the end of the turn, also an earlier session.
        end_ms: end of the turn in the session's audio; None while it continues, or if the service does not say.
        committed: true if the current session has committed it.
        was_committed: true if an earlier session had committed it, so that the caller expects an answer.
    """

    turn_id: str
    ended: bool = False
    end_ms: int | None = None
    committed: bool = False
    was_committed: bool = False


class CallerTurns:
    """The caller's speech, and the open turns, with audio that a new session would get again."""

    def __init__(self, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript, playout: Playout) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._speaking: str | None = None
        """The logged item id of the speech in progress."""
        self._open: dict[str, _OpenTurn] = {}
        """Open turns by item id, in order."""
        self._press_turn: _OpenTurn | None = None
        """The push-to-talk turn that has no item yet."""
        self._answering: set[str] = set()
        """Items that the response in progress answers."""
        self._commit_id: str | None = None
        """`event_id` of the last commit of speech in progress."""
        self._commit_pending = False
        self._resending: list[str] = []
        """Items that the current session has not detected again yet, by their ids in the former session."""

    # Events of the service ------------------------------------------------------------------------------------------
    def on_speech_started(self, event: Event) -> None:
        """Handle `input_audio_buffer.speech_started`: a turn begins, or a resent one is detected."""
        self.abort_speech()
        item_id = text_field(event, "item_id")
        audio_ms = ms_field(event, "audio_start_ms")
        if not self._match_resent(item_id) and not self._playout.over_webrtc:
            self._open[item_id] = _OpenTurn(self._outbox.new_id("turn"))
        turn = self._open.get(item_id)
        ended = turn is not None and turn.ended
        self._scheduler.on_caller_speech(CallerSpeech.RESENT if ended else CallerSpeech.SPEAKING)
        if turn is not None:
            self._outbox.emit(KeepCallerAudio(turn.turn_id, audio_ms or 0))
        self._close_dropped_speech(item_id)
        self._speaking = self._transcript.logged_id(item_id)
        self._outbox.log(log_events.SpeechStarted(item_id=self._speaking, audio_ms=audio_ms))

    def on_speech_stopped(self, event: Event) -> None:
        """Handle `input_audio_buffer.speech_stopped`."""
        self._scheduler.on_caller_speech(CallerSpeech.SILENT)
        audio_ms = ms_field(event, "audio_end_ms")
        if (turn := self._open.get(str(event.get("item_id")))) is not None:
            turn.ended, turn.end_ms = True, audio_ms
        if self._speaking is not None:
            self._outbox.log(log_events.SpeechStopped(item_id=self._speaking, audio_ms=audio_ms))
            self._speaking = None

    def on_committed(self, item_id: str) -> None:
        """Handle `input_audio_buffer.committed`: the turn has become an item."""
        self.abort_speech()
        self._commit_pending = False
        if item_id not in self._open and not self._match_resent(item_id) and self._press_turn is not None:
            self._open[item_id], self._press_turn = self._press_turn, None
        if (turn := self._open.get(item_id)) is not None:
            turn.ended = turn.committed = True
        self._close_dropped_speech(item_id)

    def on_transcription_delta(self, item_id: str, text: str) -> None:
        """Log recognised words; the first ones of a turn may come while the caller still speaks."""
        if self._speaking is not None and self._transcript.logged_id(item_id) == self._speaking:
            self._outbox.log_all(self._transcript.add_speech(item_id))
        self._outbox.log_all(self._transcript.append_delta(item_id, text))

    def on_transcribed(self, item_id: str) -> None:
        """Close a turn that is transcribed, or never will be."""
        self._close([item_id])

    def on_response_created(self) -> None:
        """Note the turns that the new response answers: all that are committed."""
        self._answering = {item_id for item_id, turn in self._open.items() if turn.committed}
        self.unblock_if_resent()

    def on_response_completed(self) -> None:
        """Close the turns that the response has answered."""
        self._close(self._answering)
        self._answering = set()

    def abort_speech(self) -> None:
        """Log the end of the speech in progress, which the session will not report."""
        self._scheduler.on_caller_speech(CallerSpeech.SILENT)
        if self._speaking is not None:
            self._outbox.log(log_events.SpeechStopped(item_id=self._speaking))
            self._speaking = None

    @property
    def speaking(self) -> bool:
        """True while the session reports speech."""
        return self._speaking is not None

    @property
    def commit_pending(self) -> bool:
        """True from `commit_speech` until the session has committed that speech."""
        return self._commit_pending

    def commit_speech(self) -> None:
        """End the speech in progress, if there is any: the session commits the words so far. No answer follows."""
        if self._speaking is None:
            return
        self._commit_id = self._outbox.new_id("event")
        self._commit_pending = True
        self._outbox.send({"type": "input_audio_buffer.commit", "event_id": self._commit_id})
        self.abort_speech()

    def on_commit_refused(self, event_id: str | None) -> bool:
        """Return whether an error refers to the last `commit_speech`: the session had ended the turn by itself."""
        if event_id is None or event_id != self._commit_id:
            return False
        self._commit_pending = False
        return True

    # Push-to-talk ---------------------------------------------------------------------------------------------------
    def on_pressed(self, *, continues: bool) -> None:
        """Open a push-to-talk turn, unless the press `continues` the last one, which was not committed yet."""
        if continues and self._press_turn is not None:
            return
        self.discard()
        if not self._playout.over_webrtc:
            self._press_turn = _OpenTurn(self._outbox.new_id("turn"))
            self._outbox.emit(KeepCallerAudio(self._press_turn.turn_id, None))

    # Another server continues the call -------------------------------------------------------------------------------
    def resume(self, open_turns: Mapping[str, bool]) -> None:
        """Expect the turns of another server again, since the page sends their audio.

        Args:
            open_turns: by the item; True if the caller had stopped to speak.
        """
        for item_id, ended in open_turns.items():
            turn = self._open[item_id] = _OpenTurn(self._outbox.new_id("turn"), ended=ended, was_committed=ended)
            self._outbox.emit(KeepCallerAudio(turn.turn_id, None))
        self._resending = list(self._open)

    # A session is lost ----------------------------------------------------------------------------------------------
    def on_session_lost(self) -> set[str]:
        """Plan the resend of the open turns.

        Returns:
            The items of these turns: their messages stay open in the transcript.
        """
        self.abort_speech()
        if self._playout.over_webrtc:
            self.discard()
        self._resending = list(self._open)
        for turn in self._open.values():
            turn.was_committed, turn.committed, turn.end_ms = turn.was_committed or turn.committed, False, None
        self._answering.clear()
        self._commit_pending = False
        return set(self._open)

    @property
    def needs_commit(self) -> bool:
        """True if the resent audio must be committed again, in case of push-to-talk."""
        return bool(self._resending) or self._press_turn is not None

    def on_session_opened(self) -> None:
        """Block requests while the link resends audio: the session may answer the turns by itself."""
        if self._playout.over_webrtc:
            self.discard()
        elif self._resending:
            self._scheduler.block(BlockReason.RESEND_PENDING)
            self._outbox.set_timer(Timer.RESEND, self._outbox.now_ms + RESEND_WAIT_MS)

    def unblock_if_resent(self) -> None:
        """Allow requests again once the session has detected all resent turns."""
        if not self._resending:
            self._end_resend()

    def on_resend_timeout(self) -> None:
        """Give up the turns that the session did not detect; request a response if one of them awaits an answer.

        A caller who is away brings the audio with them.
        """
        if self._scheduler.caller_is_away:
            self._outbox.set_timer(Timer.RESEND, self._outbox.now_ms + RESEND_WAIT_MS)
            return
        lost = [self._open[item_id] for item_id in self._resending if item_id in self._open]
        if any(turn.ended for turn in lost):
            self._scheduler.request_response()
        elif lost:
            message = "The caller's speech was lost with the connection to the model."
            self._outbox.log(log_events.Notice(message=message, code="speech_lost"))
        self._give_up(self._resending)

    def discard(self) -> None:
        """Release all open turns: the caller has left, or their audio is not needed any more."""
        if self._press_turn is not None:
            self._outbox.emit(ReleaseCallerAudio(self._press_turn.turn_id))
            self._press_turn = None
        self._close(set(self._open).difference(self._resending))
        self._give_up(self._resending)
        self._outbox.log_all(self._transcript.close_uncommitted())

    # Internals ------------------------------------------------------------------------------------------------------
    def _close_dropped_speech(self, item_id: str) -> None:
        """Close the messages of earlier speech that never became an item, as the next turn `item_id` shows."""
        self._outbox.log_all(self._transcript.close_uncommitted(but={item_id, *self._resending}))

    def _match_resent(self, item_id: str) -> bool:
        """Assign a new item to the first turn that is being resent; return whether one was left."""
        if not self._resending:
            return False
        former = self._resending.pop(0)
        self._open = {item_id if known == former else known: turn for known, turn in self._open.items()}
        self._transcript.rename_item(former, item_id)
        return True

    def _close(self, item_ids: Iterable[str]) -> None:
        for item_id in item_ids:
            if (turn := self._open.pop(item_id, None)) is not None:
                self._outbox.emit(ReleaseCallerAudio(turn.turn_id, turn.end_ms))

    def _give_up(self, item_ids: Iterable[str]) -> None:
        lost = list(item_ids)
        for item_id in lost:
            self._outbox.log_all(self._transcript.set_caller_text(item_id, None))
        self._close(lost)
        self._end_resend()

    def _end_resend(self) -> None:
        self._resending.clear()
        self._scheduler.unblock(BlockReason.RESEND_PENDING)
        self._outbox.set_timer(Timer.RESEND, None)

"""The caller's turns by voice, from their first sound until they are understood or answered.

A session that is lost takes with it what it has heard. Over the relay the sound of turns that are not understood yet is
kept, and the next session hears it again: to it, they are turns like any other. Over WebRTC sound does not pass us.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from trunkline.calls import log_events
from trunkline.calls.machine.effects import KeepCallerAudio, ReleaseCallerAudio
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.transcript import Transcript
from trunkline.realtime.event_fields import ms_field, text_field
from trunkline.realtime.events import Event, new_id

RESEND_WAIT_MS = 2_500.0
"""How long a new session is given to notice a turn that it hears again; then it is asked to go on without."""
RESEND_TIMER = "hear"


@dataclass
class _Turn:
    """A turn that is not understood yet.

    Attributes:
        kept_by: what its sound is kept by.
        ends_ms: where it ends in the session's sound; None while it goes on, or where nobody says.
        committed: whether the session has taken it for finished.
        owed: whether a session that is gone had.
    """

    kept_by: str
    ends_ms: int | None = None
    committed: bool = False
    owed: bool = False


class CallerTurns:
    """Whether the caller speaks, and which of their turns a new session would have to hear again."""

    def __init__(self, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript, playout: Playout) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._speaking: str | None = None
        self._open: dict[str, _Turn] = {}
        """The turns that are not understood yet, by item, in order."""
        self._press_turn: _Turn | None = None
        """The push-to-talk turn that is no item yet."""
        self._answering: set[str] = set()
        self._resending: deque[str] = deque()
        """The items that the session is to hear again."""

    # What the service hears -----------------------------------------------------------------------------------------
    def on_speech_started(self, event: Event) -> None:
        """`input_audio_buffer.speech_started`."""
        self.abort_speech()
        item_id = text_field(event, "item_id")
        audio_ms = ms_field(event, "audio_start_ms")
        self._scheduler.caller_speaking = True
        if not self._match_resent(item_id) and not self._playout.over_webrtc:
            self._open[item_id] = _Turn(new_id("turn"))
        if (turn := self._open.get(item_id)) is not None:
            self._outbox.emit(KeepCallerAudio(turn.kept_by, audio_ms or 0))
        self._speaking = self._transcript.logged_id(item_id)
        self._outbox.log(log_events.SpeechStarted(item_id=self._speaking, audio_ms=audio_ms))

    def on_speech_stopped(self, event: Event) -> None:
        """`input_audio_buffer.speech_stopped`."""
        self._scheduler.caller_speaking = False
        audio_ms = ms_field(event, "audio_end_ms")
        if (turn := self._open.get(str(event.get("item_id")))) is not None:
            turn.ends_ms = audio_ms
        if self._speaking is not None:
            self._outbox.log(log_events.SpeechStopped(item_id=self._speaking, audio_ms=audio_ms))
            self._speaking = None

    def on_committed(self, item_id: str) -> None:
        """`input_audio_buffer.committed`: the turn is an item."""
        self.abort_speech()
        if item_id not in self._open and not self._match_resent(item_id) and self._press_turn is not None:
            self._open[item_id], self._press_turn = self._press_turn, None
        if (turn := self._open.get(item_id)) is not None:
            turn.committed = True

    def on_transcribed(self, item_id: str) -> None:
        """The item's words are known, or will never be."""
        self._release([item_id])

    def on_response_created(self) -> None:
        """A response begins, to all that was committed."""
        self._answering = {item_id for item_id, turn in self._open.items() if turn.committed}
        self.unblock_if_resent()

    def on_response_completed(self) -> None:
        """The response came to its end."""
        self._release(self._answering)
        self._answering = set()

    def abort_speech(self) -> None:
        """Whatever the caller is saying will not be heard to its end by this session."""
        self._scheduler.caller_speaking = False
        if self._speaking is not None:
            self._outbox.log(log_events.SpeechStopped(item_id=self._speaking))
            self._speaking = None

    # The button -----------------------------------------------------------------------------------------------------
    def on_pressed(self, *, goes_on: bool) -> None:
        """The caller presses to talk, or goes on with the turn that they had let go of."""
        if goes_on and self._press_turn is not None:
            return
        self.discard()
        if not self._playout.over_webrtc:
            self._press_turn = _Turn(new_id("turn"))
            self._outbox.emit(KeepCallerAudio(self._press_turn.kept_by, None))

    # A session is lost ----------------------------------------------------------------------------------------------
    def on_session_lost(self) -> set[str]:
        """The session is gone. The items that the next one hears again, and that are not given up therefore."""
        self.abort_speech()
        if self._playout.over_webrtc:
            self.discard()
        self._resending = deque(self._open)
        for turn in self._open.values():
            turn.owed, turn.committed, turn.ends_ms = turn.owed or turn.committed, False, None
        self._answering.clear()
        return set(self._open)

    @property
    def needs_commit(self) -> bool:
        """Whether, with push-to-talk, a turn was committed to the session that is gone."""
        return bool(self._resending) or self._press_turn is not None

    def on_session_opened(self) -> None:
        """There is another session, and the sound of those turns is on its way to it. Nothing is asked before it has
        heard them: it may answer by itself."""
        if self._playout.over_webrtc:
            self.discard()
        elif self._resending:
            self._scheduler.block("again")
            self._outbox.set_timer(RESEND_TIMER, self._outbox.now_ms + RESEND_WAIT_MS)

    def unblock_if_resent(self) -> None:
        """The session answers, or has heard what is to be asked about: unless more is to be heard again, that can be
        asked."""
        if not self._resending:
            self._end_resend()

    def on_resend_timeout(self) -> None:
        """The new session has had its time."""
        if any(self._open[item_id].owed for item_id in self._resending):
            self._scheduler.request_response()
        self._abandon(self._resending)

    def discard(self) -> None:
        """The caller is gone, or has taken back what they were saying."""
        if self._press_turn is not None:
            self._outbox.emit(ReleaseCallerAudio(self._press_turn.kept_by))
            self._press_turn = None
        self._release(set(self._open).difference(self._resending))
        self._abandon(self._resending)

    # Inside ---------------------------------------------------------------------------------------------------------
    def _match_resent(self, item_id: str) -> bool:
        """A turn has become an item: of those that the session hears again the first, if there are any."""
        if not self._resending:
            return False
        former = self._resending.popleft()
        self._open = {item_id if known == former else known: turn for known, turn in self._open.items()}
        self._transcript.rename_item(former, item_id)
        return True

    def _release(self, item_ids: Iterable[str]) -> None:
        for item_id in item_ids:
            if (turn := self._open.pop(item_id, None)) is not None:
                self._outbox.emit(ReleaseCallerAudio(turn.kept_by, turn.ends_ms))

    def _abandon(self, again: Iterable[str]) -> None:
        lost = list(again)
        for item_id in lost:
            self._outbox.log_all(self._transcript.set_caller_text(item_id, None))
        self._release(lost)
        self._end_resend()

    def _end_resend(self) -> None:
        self._resending.clear()
        self._scheduler.unblock("again")
        self._outbox.set_timer(RESEND_TIMER, None)

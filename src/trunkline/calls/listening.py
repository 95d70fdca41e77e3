"""The caller's turns by voice, from their first sound until they are understood or answered.

A session that is lost takes with it what it has heard. Over the relay the sound of turns that are not understood yet is
kept, and the next session hears it again: to it, they are turns like any other. Over WebRTC sound does not pass us.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from trunkline.calls import log
from trunkline.calls.earpiece import Earpiece
from trunkline.calls.fields import ms_in, text_in
from trunkline.calls.outbox import Outbox
from trunkline.calls.steps import Forget, Remember
from trunkline.calls.transcript import Transcript
from trunkline.calls.turns import Turns
from trunkline.realtime.events import Event, new_id

HEAR_WAIT_MS = 2_500.0
"""How long a new session is given to notice a turn that it hears again; then it is asked to go on without."""
WAIT_TO_HEAR = "hear"


class Listening:
    """Whether the caller speaks, and which of their turns a new session would have to hear again."""

    def __init__(self, outbox: Outbox, turns: Turns, transcript: Transcript, earpiece: Earpiece) -> None:
        self._outbox = outbox
        self._turns = turns
        self._transcript = transcript
        self._earpiece = earpiece
        self._speaking: str | None = None
        self._open: dict[str, str] = {}
        """The turns that are not understood yet, item -> what their sound is kept by, in order."""
        self._ends_ms: dict[str, int] = {}
        """Where those end in the session's sound that have ended."""
        self._pressed: str | None = None
        """What the sound of the push-to-talk turn is kept by that is no item yet."""
        self._committed: set[str] = set()
        self._answering: set[str] = set()
        self._again: deque[str] = deque()
        """The items that the session is to hear again."""
        self._owed = False
        """Whether one of them would have been answered."""

    # What the service hears -----------------------------------------------------------------------------------------
    def started(self, event: Event) -> None:
        """`input_audio_buffer.speech_started`."""
        self.stop()
        item_id = text_in(event, "item_id")
        audio_ms = ms_in(event, "audio_start_ms")
        self._turns.caller_speaks = True
        if not self._heard_again(item_id) and not self._earpiece.is_media:
            self._open[item_id] = new_id("turn")
        if item_id in self._open:
            self._outbox.emit(Remember(self._open[item_id], audio_ms or 0))
        self._speaking = self._transcript.logged_id(item_id)
        self._outbox.log(log.SpeechStarted(item_id=self._speaking, audio_ms=audio_ms))

    def stopped(self, event: Event) -> None:
        """`input_audio_buffer.speech_stopped`."""
        self._turns.caller_speaks = False
        audio_ms = ms_in(event, "audio_end_ms")
        if audio_ms is not None and (item_id := text_in(event, "item_id")) in self._open:
            self._ends_ms[item_id] = audio_ms
        if self._speaking is not None:
            self._outbox.log(log.SpeechStopped(item_id=self._speaking, audio_ms=audio_ms))
            self._speaking = None

    def committed(self, item_id: str) -> None:
        """`input_audio_buffer.committed`: the turn is an item."""
        self.stop()
        if item_id not in self._open and not self._heard_again(item_id) and self._pressed is not None:
            self._open[item_id], self._pressed = self._pressed, None
        self._committed.add(item_id)

    def understood(self, item_id: str) -> None:
        """The item's words are known, or will never be."""
        self._settle([item_id])

    def answer_begins(self) -> None:
        """A response begins, to all that was committed."""
        self._answering = set(self._committed)
        self.noticed()

    def answered(self) -> None:
        """The response came to its end."""
        self._settle(self._answering)
        self._answering = set()

    def stop(self) -> None:
        """Whatever the caller is saying will not be heard to its end by this session."""
        self._turns.caller_speaks = False
        if self._speaking is not None:
            self._outbox.log(log.SpeechStopped(item_id=self._speaking))
            self._speaking = None

    # The button -----------------------------------------------------------------------------------------------------
    def pressed(self, *, goes_on: bool) -> None:
        """The caller presses to talk, or goes on with the turn that they had let go of."""
        if goes_on and self._pressed is not None:
            return
        self.forget()
        if not self._earpiece.is_media:
            self._pressed = new_id("turn")
            self._outbox.emit(Remember(self._pressed, None))

    # A session is lost ----------------------------------------------------------------------------------------------
    def session_lost(self) -> set[str]:
        """The session is gone. The items that the next one hears again, and that are not given up therefore."""
        self.stop()
        if self._earpiece.is_media:
            self.forget()
        self._again = deque(self._open)
        self._ends_ms.clear()
        self._owed = self._owed or not self._committed.isdisjoint(self._open)
        self._committed.clear()
        self._answering.clear()
        return set(self._open)

    @property
    def owes_commit(self) -> bool:
        """Whether, with push-to-talk, a turn was committed to the session that is gone."""
        return bool(self._again) or self._pressed is not None

    def connected(self) -> None:
        """There is another session, and the sound of those turns is on its way to it. Nothing is asked before it has
        heard them: it may answer by itself."""
        if self._earpiece.is_media:
            self.forget()
        elif self._again:
            self._turns.hold("again")
            self._outbox.wake(WAIT_TO_HEAR, self._outbox.now + HEAR_WAIT_MS)

    def noticed(self) -> None:
        """The session answers, or has heard what is to be asked about: unless more is to be heard again, that can be
        asked."""
        if not self._again:
            self._go_on()

    def not_heard_again(self) -> None:
        """The new session has had its time."""
        if self._again and self._owed:
            self._turns.wish()
        self._give_up(self._again)

    def forget(self) -> None:
        """The caller is gone, or has taken back what they were saying."""
        if self._pressed is not None:
            self._outbox.emit(Forget(self._pressed))
            self._pressed = None
        self._settle(set(self._open).difference(self._again))
        self._give_up(self._again)

    # Inside ---------------------------------------------------------------------------------------------------------
    def _heard_again(self, item_id: str) -> bool:
        """A turn has become an item: of those that the session hears again the first, if there are any."""
        if not self._again:
            return False
        former = self._again.popleft()
        self._open = {item_id if known == former else known: turn for known, turn in self._open.items()}
        self._transcript.renamed(former, item_id)
        return True

    def _settle(self, item_ids: Iterable[str]) -> None:
        for item_id in item_ids:
            self._committed.discard(item_id)
            until_ms = self._ends_ms.pop(item_id, None)
            if (turn := self._open.pop(item_id, None)) is not None:
                self._outbox.emit(Forget(turn, until_ms))

    def _give_up(self, again: Iterable[str]) -> None:
        lost = list(again)
        for item_id in lost:
            self._outbox.log_all(self._transcript.heard(item_id, None))
        self._settle(lost)
        self._go_on()

    def _go_on(self) -> None:
        self._again.clear()
        self._owed = False
        self._turns.release("again")
        self._outbox.wake(WAIT_TO_HEAR, None)

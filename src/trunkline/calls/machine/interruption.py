"""Interruption in two steps: hold the agent's audio when the caller speaks over it, then decide by their words.

The caller's page holds the audio from `audio.ducked` until `audio.resumed` or `audio.interrupted`. The words come from
the recogniser beside the relay, else from the service's transcript. Speech that does not interrupt never becomes a
turn: its item is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import assert_never

from trunkline.calls import log_events
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import ListenForWords
from trunkline.calls.machine.inputs import WordsHeard
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import BlockReason, CallerSpeech, ResponseScheduler
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Transcript
from trunkline.scenario.interruption import (
    HeardWords,
    Interrupt,
    InterruptionMode,
    OverlappingSpeech,
    Resume,
)
from trunkline.scenario.word_detector import MAX_UNDECIDED_MS, WordDetector

LAST_WORDS_MS = 700.0
"""Speech over so much of the end of an answer is a reply to it, and no backchannel."""
WORDS_WAIT_MS = 1_500.0
"""Time after the end of the speech in which its words must come."""
SLOW_RECOGNISER_MS = 2_300.0
"""Time in which the recogniser beside the relay must have decided. It knows the length of the speech."""
CONTINUED_AFTER_MS = 1_000.0
"""Speech that ends so long after it was taken for a backchannel may have more words, which the transcript has."""
_ASK_AGAIN_MS = 500.0


class OverlapState(Enum):
    """State of the caller's speech over the agent's.

    Attributes:
        NONE: the caller does not speak over the agent.
        UNDECIDED: the audio is held.
        RESUMED: the speech is a backchannel, as far as it is known.
        INTERRUPTED: the speech is a turn.
    """

    NONE = auto()
    UNDECIDED = auto()
    RESUMED = auto()
    INTERRUPTED = auto()


class Interruption:
    """The caller's speech over the agent's in one call.

    Args:
        on_interrupted: notifies all parts of the caller's turn, and stops the agent.
    """

    def __init__(
        self,
        plan: CallPlan,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        transcript: Transcript,
        playout: Playout,
        caller_turns: CallerTurns,
        tools: ToolCalls,
        on_interrupted: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._caller_turns = caller_turns
        self._tools = tools
        self._on_interrupted = on_interrupted
        self._transport = plan.transport
        self._notified = False
        self._state = OverlapState.NONE
        self._item_id = ""
        """The item of the speech, by the service's id."""
        self._words: list[HeardWords] = []
        """The words of the present stretch of speech."""
        self._transcribed = ""
        self._began_ms = 0.0
        self._stretch_ms: float | None = None
        """The start of the present stretch; None after a pause."""
        self._listening = False
        self._stopped = False
        """True if the service has ended the speech."""
        self._committed = False
        self._resumed_ms = 0.0
        self._ignored: set[str] = set()

    # The way to interrupt -------------------------------------------------------------------------------------------
    @property
    def mode(self) -> InterruptionMode:
        """The way to interrupt over the caller's transport."""
        if self._plan.interruption != "words" or self._listens or self._transport in self._plan.word_transports:
            return self._plan.interruption
        return "speech"

    @property
    def undecided(self) -> bool:
        """True while the audio is held."""
        return self._state is OverlapState.UNDECIDED

    @property
    def _listens(self) -> bool:
        return self._transport == "websocket" and self._plan.listens

    def on_caller_joined(self, transport: log_events.Transport) -> None:
        """Use this transport from now on; say so once if it has no recogniser of words."""
        self._transport = transport
        if self._plan.interruption == "words" and self.mode == "speech" and not self._notified:
            self._notified = True
            self._outbox.log(
                log_events.Notice(
                    message="No words of the caller are known in time, so any speech interrupts the agent.",
                    code="interruption_by_speech",
                    hint="Use the transport websocket with the local extra, or set interruption='speech'.",
                )
            )

    # The caller's speech --------------------------------------------------------------------------------------------
    def on_speech_started(self, item_id: str) -> bool:
        """Hold the agent's audio if the caller speaks over it, and wait for their words.

        Returns:
            True if the speech is undecided; False if it is a turn.
        """
        self.close()
        if self.mode != "words" or not self.agent_has_the_floor or self._is_at_the_end:
            return False
        self._state = OverlapState.UNDECIDED
        self._item_id, self._transcribed = item_id, ""
        self._words = []
        self._began_ms = self._stretch_ms = self._outbox.now_ms
        self._stopped = self._committed = False
        self._playout.hold()
        self._scheduler.block(BlockReason.SPEECH_UNDECIDED)
        self._outbox.log(log_events.AudioDucked(item_id=self._logged_id))
        if self._listens:
            self._listening = True
            self._outbox.emit(ListenForWords(item_id))
        allowed_ms = SLOW_RECOGNISER_MS if self._listening else MAX_UNDECIDED_MS
        self._outbox.set_timer(Timer.INTERRUPTION, self._began_ms + allowed_ms)
        return True

    @property
    def agent_has_the_floor(self) -> bool:
        """True if the agent speaks or is about to speak."""
        scheduler = self._scheduler
        pending = scheduler.response_wanted or self._tools.block_response
        return self._playout.audible or pending or (scheduler.busy and not scheduler.cancelling)

    @property
    def _is_at_the_end(self) -> bool:
        """True if the agent is saying its last words: the caller answers."""
        left_ms = self._playout.left_ms
        if self._scheduler.busy or self._scheduler.response_wanted or self._tools.block_response or left_ms is None:
            return False
        return left_ms <= LAST_WORDS_MS

    def on_words(self, heard: WordsHeard) -> None:
        """Handle words of the recogniser beside the relay."""
        if heard.speech_id != self._item_id or not self._is_open:
            return
        if heard.first:
            self._words = []
        self._words.append(heard.words)
        self._decide(heard.speech_ms, paused=heard.paused)

    def on_transcription_delta(self, item_id: str, text: str) -> None:
        """Handle words of the service's transcript. An empty delta of the engine marks a pause of the caller."""
        if item_id != self._item_id or self._listening or not self._is_open:
            return
        if (paused := not text) and self._committed:
            return
        if self._stretch_ms is None:
            self._words, self._transcribed, self._stretch_ms = [], "", self._outbox.now_ms
        self._transcribed += text
        self._words.append(HeardWords(self._transcribed.strip()))
        self._decide(self._outbox.now_ms - self._stretch_ms, paused=paused)
        if paused:
            self._stretch_ms = None

    def on_transcribed(self, item_id: str, text: str) -> None:
        """Handle the service's final transcript, if nothing has decided before."""
        if item_id != self._item_id:
            return
        if self.undecided or self._awaits_transcript:
            self._words.append(HeardWords(text.strip()))
            self._decide(0.0, paused=True)
        if self._awaits_transcript:
            self._ignore()

    @property
    def _awaits_transcript(self) -> bool:
        """True if the speech went on after it was taken for a backchannel, and its last words are not known."""
        return self._state is OverlapState.RESUMED and self._committed

    def on_speech_stopped(self) -> bool:
        """Handle the end of the speech; return whether it may be a turn."""
        self._stopped = True
        if self.undecided:
            self._outbox.set_timer(Timer.INTERRUPTION, self._outbox.now_ms + WORDS_WAIT_MS)
        return self._state is not OverlapState.RESUMED

    def on_committed(self, item_id: str) -> bool:
        """Handle the item of the speech; return whether it is a turn. An undecided one may become one later."""
        if item_id != self._item_id:
            return True
        match self._state:
            case OverlapState.UNDECIDED:
                self._committed = True
                return False
            case OverlapState.RESUMED if not self._agent_has_stopped:
                if self._outbox.now_ms - self._resumed_ms < CONTINUED_AFTER_MS:
                    self._ignore()
                else:
                    self._committed = True
                    self._outbox.set_timer(Timer.INTERRUPTION, self._outbox.now_ms + WORDS_WAIT_MS)
                return False
            case OverlapState.RESUMED | OverlapState.INTERRUPTED | OverlapState.NONE:
                self._stop_listening()
                return True
            case _:
                assert_never(self._state)

    @property
    def _agent_has_stopped(self) -> bool:
        """True if the agent was saying its last words over WebRTC, where that is known only afterwards."""
        stopped_at_ms = self._playout.stopped_at_ms
        if stopped_at_ms is None or stopped_at_ms < self._began_ms or self.agent_has_the_floor:
            return False
        return stopped_at_ms - self._began_ms <= LAST_WORDS_MS

    def is_ignored(self, item_id: str) -> bool:
        """Return whether an item of the service is a backchannel."""
        return item_id in self._ignored

    def on_timer(self) -> None:
        """Handle `Timer.INTERRUPTION`: decide by the words so far."""
        if self._awaits_transcript:
            self._ignore()
        if not self.undecided:
            return
        if self._stopped and not self._words:  # the recogniser is too slow: the caller's words must not be lost
            self._interrupt(Interrupt("unheard"))
            return
        self._decide(self._outbox.now_ms - self._began_ms, paused=self._stopped)
        if self.undecided:
            self._outbox.set_timer(Timer.INTERRUPTION, self._outbox.now_ms + _ASK_AGAIN_MS)

    # Decisions ------------------------------------------------------------------------------------------------------
    @property
    def _is_open(self) -> bool:
        return self._state in (OverlapState.UNDECIDED, OverlapState.RESUMED)

    @property
    def _logged_id(self) -> str:
        return self._transcript.logged_id(self._item_id)

    def _decide(self, speech_ms: float, *, paused: bool) -> None:
        decision = self._decision(OverlappingSpeech(tuple(self._words), speech_ms, paused))
        if decision is None and paused:
            decision = Resume("undecided", self._words[-1].text if self._words else "")
        match decision:
            case Interrupt():
                self._interrupt(decision)
            case Resume() if self.undecided:
                self._resume(decision)
            case Resume() | None:
                pass  # it continues to listen
            case _:
                assert_never(decision)

    def _decision(self, speech: OverlappingSpeech) -> Interrupt | Resume | None:
        detector = self._plan.detector or WordDetector()
        try:
            return detector.decide(speech)
        except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
            self._outbox.log(
                log_events.CallError(
                    message=f"The scenario's interruption detector failed: {type(error).__name__}: {error}",
                    code="detector_failed",
                    source="scenario",
                    hint="Correct its decide(speech). The default detector has decided instead.",
                )
            )
            return WordDetector().decide(speech)

    def _interrupt(self, decision: Interrupt) -> None:
        self._end_hold()
        self._stop_listening()
        self._state = OverlapState.INTERRUPTED
        if not self._stopped:
            self._scheduler.on_caller_speech(CallerSpeech.SPEAKING)
        self._on_interrupted()
        self._playout.release()  # after the cut, at which the page holds the audio
        self._outbox.log(
            log_events.AudioInterrupted(item_id=self._logged_id, reason=decision.reason, words=decision.words)
        )
        if self._committed:
            message = self._transcript.message(self._item_id)
            is_added = message is not None and message.committed
            self._scheduler.request_response([] if is_added else [self._item_id])

    def _resume(self, decision: Resume) -> None:
        self._end_hold()
        self._state, self._resumed_ms = OverlapState.RESUMED, self._outbox.now_ms
        self._playout.release()
        self._outbox.log(log_events.AudioResumed(item_id=self._logged_id, reason=decision.reason, words=decision.words))
        self._scheduler.on_caller_speech(CallerSpeech.SILENT)
        self._scheduler.on_caller_turn_dropped()
        if self._committed:
            self._ignore()

    def _ignore(self) -> None:
        """Delete the item of a backchannel, so that nothing answers it."""
        self._stop_listening()
        self._state = OverlapState.NONE
        self._ignored.add(self._item_id)
        self._outbox.send({"type": "conversation.item.delete", "item_id": self._item_id})
        self._outbox.log_all(self._transcript.ignore(self._item_id, self._words[-1].text if self._words else ""))
        self._caller_turns.on_transcribed(self._item_id)

    def _end_hold(self) -> None:
        self._scheduler.unblock(BlockReason.SPEECH_UNDECIDED)
        self._outbox.set_timer(Timer.INTERRUPTION, None)

    def _stop_listening(self) -> None:
        if self._listening:
            self._listening = False
            self._outbox.emit(ListenForWords(None))

    # Other ends -----------------------------------------------------------------------------------------------------
    def on_agent_stopped(self) -> None:
        """Note that the caller has stopped the agent by other means, or has left: the speech is not decided."""
        if self.undecided:
            self._outbox.log(log_events.AudioInterrupted(item_id=self._logged_id, reason="caller_acted"))
            self._end_hold()
            self._playout.release()
        self._state = OverlapState.NONE
        self._stop_listening()

    def close(self) -> None:
        """Give up undecided speech, of which nothing will come: its session is lost, or other speech has begun."""
        if self.undecided:
            self._resume(Resume("undecided"))
        if self._awaits_transcript:
            self._ignore()
        self._state = OverlapState.NONE
        self._stop_listening()

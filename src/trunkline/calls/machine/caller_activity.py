"""The caller's activity: the one place that notifies all parts of a turn, of its end and of an interruption."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls.machine.call_limits import CALLER_STAYS
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.response_scheduler import CallerSpeech
from trunkline.calls.machine.timers import Timer

GREETING = "hi"
"""Hidden message of the caller, to which the first agent answers with its greeting."""

RECORDING_NOTICE = "This call is recorded. Begin your first answer with this sentence, word for word: {}"
"""Note to the model, with the scenario's notice."""
ANSWER_WAIT_MS = 3_000.0
"""Time the service has to commit the caller's turn or to start its response; then the machine requests a response."""


class CallerActivity:
    """The caller's presence, turns and interruptions.

    Args:
        greet: adds the caller's hidden first message, which the greeting answers.
        add_note: adds a message for the model alone.
        recording_notice: the sentence by which the agent says that the call is recorded; None without a recording.

    Attributes:
        is_there: True while the caller's leg is joined.
        has_joined: True once a caller has joined.
    """

    def __init__(
        self,
        parts: Parts,
        greet: Callable[[str], object],
        add_note: Callable[[str], object],
        recording_notice: str | None = None,
    ) -> None:
        self._parts = parts
        self._greet = greet
        self._add_note = add_note
        self._greeted = False
        self._recording_notice = recording_notice
        self.is_there = False
        self.has_joined = False
        self._is_expected = False
        """True after a take-over over WebRTC, while the page has only to connect its socket again."""

    @property
    def may_hear(self) -> bool:
        """True if the caller hears the agent, as far as it is known."""
        return self.is_there or self._is_expected

    @property
    def is_greeted(self) -> bool:
        """True if the first agent has been asked for its greeting, or the caller has spoken first."""
        return self._greeted

    def on_joined(self) -> None:
        """Note that the caller's leg has joined."""
        self.is_there = self.has_joined = True
        self._is_expected = False

    def resume(self, *, greeted: bool, hears: bool = False) -> None:
        """Continue a call of another server, which has greeted the caller or not.

        Args:
            hears: True if the caller's audio has continued without the server.
        """
        self.has_joined = True
        self._greeted = greeted
        self._is_expected = hears
        if greeted:
            self._recording_notice = None

    def on_greeted(self) -> None:
        """Note that the session has items, so that the former server has asked for the greeting."""
        self._greeted = True
        self._recording_notice = None

    def on_left(self) -> None:
        """Note that the caller's leg is gone."""
        self.is_there = self._is_expected = False

    def greet(self) -> None:
        """Ask the first agent for its greeting, once, as soon as both the caller and the model are there."""
        if self._greeted or not (self.is_there and self._parts.status.link_up):
            return
        if self._parts.scheduler.awaits_items:  # the session may show that the caller was greeted
            return
        self._greeted = True
        self._announce_recording()
        self._greet(GREETING)

    def _announce_recording(self) -> None:
        """Let the agent's first answer say that the call is recorded."""
        notice, self._recording_notice = self._recording_notice, None
        if notice is not None:
            self._add_note(RECORDING_NOTICE.format(notice))

    def on_active(self) -> None:
        """Note any sign of the caller; tell the model if it was about to say goodbye."""
        if self._parts.limits.on_caller_active():
            self._add_note(CALLER_STAYS)

    def on_turn(self, *, deliberate: bool) -> None:
        """Notify all parts of a new turn of the caller. This is the only place that does so.

        Args:
            deliberate: true for typed text and a pressed button. They interrupt, and no tool that still runs delays
                the answer. Speech may be a cough: it interrupts only if the session's turn detection says so.
        """
        self.on_active()
        self._parts.fillers.on_caller_turn()
        self._parts.retry.on_caller_turn()
        self._parts.output.on_caller_turn()
        self._parts.input_guardrails.on_caller_turn()
        self._parts.tools.on_caller_turn()
        self._parts.empty_answers.on_caller_turn()
        self._parts.stall_watch.on_caller_turn()
        self._greeted = True  # the answer to this turn replaces the greeting
        self._announce_recording()
        if deliberate:
            self._parts.scheduler.cancel_request()
            self._parts.tools.stop_waiting()
            self.interrupt()
        elif self._parts.interruption.mode == "words":
            if self._parts.interruption.agent_has_the_floor or self._parts.playout.audible:
                self.interrupt()
        elif self._parts.push_to_talk.service_interrupts:
            self._parts.output.drop_held()
            self._parts.playout.clear(by_voice=True)  # the service cancels its response by itself

    def interrupt(self) -> None:
        """Stop the agent's answer, and drop the output that guardrails hold back."""
        self._parts.output.drop_held()
        self._parts.playout.interrupt()
        self._parts.interruption.on_agent_stopped()

    def on_turn_ended(self) -> None:
        """Expect the service to commit the turn, and to answer it by itself in case of turn detection."""
        if self._parts.scheduler.caller_speech is CallerSpeech.SPEAKING:
            endpointing_ms = self._endpointing_ms()
            self._parts.waiting.on_turn_ended(endpointing_ms)
            self._parts.fillers.on_turn_ended(endpointing_ms)
        self._parts.scheduler.on_caller_turn_ended()
        self._parts.stall_watch.on_caller_turn()
        self._parts.outbox.set_timer(Timer.ANSWER, self._parts.outbox.now_ms + ANSWER_WAIT_MS)

    def _endpointing_ms(self) -> float:
        """Return the time since the caller's voice ended: by the page's report, else by the session's setting."""
        silence_ms = self._parts.voice_end.take_silence_ms()
        if silence_ms is None or self._parts.push_to_talk.settings.push_to_talk:
            return self._parts.push_to_talk.endpointing_ms
        return silence_ms

    def expect_answer(self) -> None:
        """Expect the service to start a response by itself, unless the caller speaks or one is pending."""
        scheduler = self._parts.scheduler
        if scheduler.caller_speech is CallerSpeech.SILENT and not scheduler.response_wanted:
            scheduler.on_caller_turn_ended()
            self._parts.outbox.set_timer(Timer.ANSWER, self._parts.outbox.now_ms + ANSWER_WAIT_MS)

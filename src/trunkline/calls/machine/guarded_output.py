"""The agents' output on its way to the caller: checked by guardrails, and held back until it passes if `hold` is set.

Guardrails check a message while it streams, a sentence at a time, and always at its end. A guardrail that trips stops
the message; a system message explains the reason to the model, and another answer is requested.

While a scenario holds output back, nothing of a sentence is shown or played before it has passed. Services do not
report which audio belongs to which words, and audio may run ahead of them. So the audio that arrived with a sentence
also waits for the next sentence, or for the end of the message.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from trunkline.calls import log_events
from trunkline.calls.machine.effects import RunGuardrails
from trunkline.calls.machine.inputs import AudioReceived, GuardrailFinished
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.transcript import Transcript, system_item
from trunkline.realtime.events import Item, text_of
from trunkline.sentences import sentence_ends


@dataclass
class _Check:
    """A run of the guardrails on the first `length` characters of a message.

    Attributes:
        waiting: guardrails without a result yet.
        not_passed: true if one of them failed or could not run.
    """

    check_id: int
    length: int
    waiting: set[str]
    not_passed: bool = False


@dataclass
class _GuardedMessage:
    """A message of an agent that has guardrails.

    Attributes:
        caller_turn: number of the caller's turn that it answers.
        item: the finished item, once the message is complete.
        check: the check in progress.
        passed: number of characters that every guardrail has passed.
        shown: number of characters in the transcript.
        settled: true if the whole message has passed, or was stopped.
        stopped: true if it was stopped.
        pending: guardrails without a result in the log yet.
        sentences: for each sentence, its end in characters, and the number of audio chunks received by then.
        audio: chunks that are held back.
        audio_received: number of chunks received.
        audio_released: number of chunks released to playout.
        audio_complete: true if all chunks were received.
    """

    item_id: str
    agent: str
    caller_turn: int
    text: str = ""
    item: Item | None = None
    check: _Check | None = None
    passed: int = 0
    shown: int = 0
    settled: bool = False
    stopped: bool = False
    pending: set[str] = field(default_factory=set)
    sentences: list[tuple[int, int]] = field(default_factory=list)
    audio: deque[AudioReceived] = field(default_factory=deque)
    audio_received: int = 0
    audio_released: int = 0
    audio_complete: bool = False

    @property
    def checkable(self) -> int:
        """Number of characters that can be checked: whole sentences, or the whole text once it is complete."""
        if self.item is not None:
            return len(self.text)
        return self.sentences[-1][0] if self.sentences else 0

    @property
    def releasable(self) -> int:
        """Number of audio chunks that may be played: those of each sentence after which another one has passed."""
        if self.settled:
            return self.audio_received
        passed = [chunks for end, chunks in self.sentences if end <= self.passed]
        return passed[-2] if len(passed) > 1 else 0


class GuardedOutput:
    """The agents' messages. Without guardrails they pass straight through."""

    def __init__(
        self, plan: CallPlan, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript, playout: Playout
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._messages: dict[str, _GuardedMessage] = {}
        self._held: list[_GuardedMessage] = []
        self._caller_turn = 0
        self._stopped_this_turn = 0
        self._last_check_id = 0

    def on_caller_turn(self) -> None:
        """Begin a new turn of the caller, and forget the messages of earlier turns that are settled."""
        self._caller_turn += 1
        self._stopped_this_turn = 0
        self._messages = {
            item_id: message
            for item_id, message in self._messages.items()
            if not message.settled or message.check is not None or message.caller_turn >= self._caller_turn - 1
        }

    @property
    def has_unsettled(self) -> bool:
        """True if a message is being checked or held back."""
        if self._held:
            return True
        return bool(self._messages) and any(message.check is not None for message in self._messages.values())

    @property
    def holding(self) -> bool:
        """True if a message is held back."""
        return bool(self._held)

    # Output of the model --------------------------------------------------------------------------------------------
    def on_message_added(self, item: Item, agent: str, previous_item_id: str | None = None) -> None:
        """Begin a message of `agent`."""
        item_id = str(item["id"])
        self._outbox.log_all(self._transcript.add_item(item, previous_item_id, agent))
        if self._plan.guardrails.get(agent) and item_id not in self._messages:
            message = self._messages[item_id] = _GuardedMessage(item_id, agent, self._caller_turn)
            if self._plan.hold:
                self._held.append(message)

    def resume(self, item_id: str, agent: str, text: str) -> None:
        """Continue a message that began before a take-over. Its guardrails run again on the words so far."""
        if self._plan.guardrails.get(agent):
            message = _GuardedMessage(item_id, agent, self._caller_turn, text, shown=len(text))
            message.sentences += [(end, 0) for end in sentence_ends(text, 0)]
            self._messages[item_id] = message
            self._check_if_due(message)

    def on_delta(self, item_id: str, text: str) -> None:
        """Add words to a message."""
        message = self._messages.get(item_id)
        if message is None:
            self._outbox.log_all(self._transcript.append_delta(item_id, text))
            return
        if message.settled:
            return
        start = message.sentences[-1][0] if message.sentences else 0
        message.text += text
        message.sentences += [(end, message.audio_received) for end in sentence_ends(message.text, start)]
        if not self._plan.hold:
            self._outbox.log_all(self._transcript.append_delta(item_id, text))
        self._check_if_due(message)

    def on_message_done(self, item: Item) -> None:
        """Complete a message; its item may be incomplete."""
        item_id = str(item.get("id"))
        message = self._messages.get(item_id)
        if message is None or not self._plan.hold:
            self._outbox.log_all(self._transcript.complete(item, self._playout.duration_ms(item_id)))
        if message is not None and message.item is None and not message.settled:
            message.item = item
            message.text = text_of(item) or message.text
            self._check_if_due(message)

    def on_response_done(self) -> None:
        """Complete the messages that the response left unfinished."""
        self._complete_unfinished()
        held = {message.item_id for message in self._held}
        self._outbox.log_all(self._transcript.close_open(self._playout.duration_ms, roles=("assistant",), but=held))
        for message in self._held:
            message.audio_complete = True  # a failed response does not report the end of its audio
        self._release()

    def on_session_lost(self) -> None:
        """Drop the output that is held back; checks of unfinished messages continue."""
        self.drop_held()
        self._complete_unfinished()

    def on_call_ended(self) -> None:
        """Log an error for each guardrail without a result: an unfinished check is never a pass."""
        self.drop_held()
        for message in self._messages.values():
            for name in sorted(message.pending):
                rationale = "the call ended before it was checked"
                self._outbox.log(
                    log_events.GuardrailChecked(
                        item_id=message.item_id, guardrail=name, status="error", rationale=rationale
                    )
                )

    def _complete_unfinished(self) -> None:
        for message in self._messages.values():
            if message.item is None and not message.settled:
                self.on_message_done({"id": message.item_id, "status": "incomplete", "content": []})

    def on_audio(self, audio: AudioReceived) -> None:
        """Play audio of a message, or hold it back."""
        message = self._messages.get(audio.item_id)
        if message is None or not self._plan.hold:
            self._playout.play(audio)
        elif not message.stopped:
            message.audio_received += 1
            message.audio.append(audio)
            self._release()

    def on_audio_done(self, item_id: str) -> None:
        """Note that all audio of a message was received."""
        message = self._messages.get(item_id)
        if message is None or not self._plan.hold:
            self._playout.on_audio_done(item_id)
        elif not message.stopped:
            message.audio_complete = True
            self._release()

    def drop_held(self) -> None:
        """Drop the output that is held back: the caller has interrupted, or the session is lost."""
        held, self._held = self._held, []
        for message in held:
            self._close(message)

    # Checks ---------------------------------------------------------------------------------------------------------
    def _check_if_due(self, message: _GuardedMessage) -> None:
        if message.check is not None or message.settled:
            return
        names = self._plan.guardrails[message.agent]
        if message.checkable > message.passed:
            for name in [name for name in names if name not in message.pending]:
                message.pending.add(name)
                self._outbox.log(log_events.GuardrailChecked(item_id=message.item_id, guardrail=name, status="pending"))
            self._last_check_id += 1
            message.check = _Check(self._last_check_id, message.checkable, set(names))
            text = message.text[: message.checkable]
            self._outbox.emit(RunGuardrails(message.item_id, self._last_check_id, message.agent, text))
        elif message.item is not None:  # the whole message has been checked
            self._settle(message)

    def _settle(self, message: _GuardedMessage) -> None:
        message.settled = True
        self._log_passed(message)
        self._release()

    def _log_passed(self, message: _GuardedMessage) -> None:
        """Log a pass for each pending guardrail that has finished, since no more of the message will be checked."""
        for name in sorted(message.pending - (message.check.waiting if message.check else set())):
            message.pending.discard(name)
            self._outbox.log(log_events.GuardrailChecked(item_id=message.item_id, guardrail=name, status="pass"))

    def on_guardrail_finished(self, result: GuardrailFinished) -> None:
        """Handle the result of one guardrail: stop the message, or release it once all guardrails have passed it."""
        message = self._messages.get(result.item_id)
        if message is None or message.check is None or message.check.check_id != result.check_id:
            return
        check = message.check
        if result.guardrail not in check.waiting:
            return
        check.waiting.discard(result.guardrail)
        if result.status != "pass":
            check.not_passed = True
            self._log_result(message, result)
            if not message.stopped and (result.status == "fail" or self._plan.hold):
                self._stop(message, result)
        elif message.stopped:
            self._log_result(message, result)
        if not check.waiting:
            message.check = None
            self._on_check_finished(message, check)

    def _on_check_finished(self, message: _GuardedMessage, check: _Check) -> None:
        if message.stopped:
            return
        message.passed = check.length
        if check.not_passed and message.item is not None and check.length == len(message.text):
            self._settle(message)  # the guardrails that could not check it have logged an error, which stands
            return
        self._release()
        self._check_if_due(message)

    def _log_result(self, message: _GuardedMessage, result: GuardrailFinished) -> None:
        message.pending.discard(result.guardrail)
        self._outbox.log(
            log_events.GuardrailChecked(
                item_id=message.item_id,
                guardrail=result.guardrail,
                status=result.status,
                category=result.category,
                rationale=result.rationale,
                text=None if self._plan.hold or result.status == "pass" else message.text,
                duration_ms=result.duration_ms,
            )
        )

    # Release --------------------------------------------------------------------------------------------------------
    def _release(self) -> None:
        """Show and play the held output that has passed, in order."""
        while self._held:
            message = self._held[0]
            end = len(message.text) if message.settled else message.passed
            self._outbox.log_all(self._transcript.append_delta(message.item_id, message.text[message.shown : end]))
            message.shown = max(message.shown, end)
            while message.audio_released < message.releasable and message.audio:
                self._playout.play(message.audio.popleft())
                message.audio_released += 1
            if not message.settled or message.item is None:
                return
            duration_ms = self._playout.duration_ms(message.item_id)
            self._outbox.log_all(self._transcript.complete(message.item, duration_ms))
            if not (message.audio_complete or not message.audio_received):
                return
            self._held.pop(0)
            self._playout.on_audio_done(message.item_id)

    # Stop -----------------------------------------------------------------------------------------------------------
    def _stop(self, message: _GuardedMessage, result: GuardrailFinished) -> None:
        """Stop a message that has not passed, and request another answer."""
        message.stopped = message.settled = True
        self._log_passed(message)
        if message in self._held:
            self._held.remove(message)
            self._close(message)
        current = message.caller_turn == self._caller_turn
        if current:
            self._playout.interrupt()
            self.drop_held()
        self._stopped_this_turn += current
        last = self._stopped_this_turn > self._plan.retries
        if self._stopped_this_turn > self._plan.retries + 1:
            error = f"Guardrails stopped {self._stopped_this_turn} answers in a row; no other answer is requested."
            self._outbox.log(log_events.CallError(message=error, code="guardrails_exhausted"))
            return
        item_id = self._outbox.new_id("item")
        note = _retry_note(result, last=last)
        self._outbox.log_all(self._transcript.add_note(item_id, note))
        self._outbox.send({"type": "conversation.item.create", "item": system_item(item_id, note)})
        if current:
            self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    def _close(self, message: _GuardedMessage) -> None:
        """Complete a message with the part of it that was released."""
        message.stopped = message.settled = True
        self._log_passed(message)
        message.audio.clear()
        item: Item = {"id": message.item_id, "status": "incomplete", "content": []}
        self._outbox.log_all(self._transcript.complete(item, self._playout.duration_ms(message.item_id)))
        if not message.audio_released:
            self._playout.reject(message.item_id)


def _retry_note(result: GuardrailFinished, *, last: bool) -> str:
    """Return the system message that explains to the model why its answer was stopped."""
    if result.status == "error":
        found = f"the guardrail {result.guardrail!r} could not check it"
    else:
        details = ": ".join(filter(None, (result.category, result.rationale)))
        found = f"the guardrail {result.guardrail!r} stopped it" + (f" ({details})" if details else "")
    advice = (
        "Say only that you cannot help with this, and offer help with something else."
        if last
        else "Answer again in words that it allows."
    )
    return f"Your last answer was cut off, because {found}. The caller heard its beginning at most. {advice}"

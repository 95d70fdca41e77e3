"""What agents say, on its way to the caller: past the guardrails, and where the scenario holds, not before they agree.

Guardrails look at an answer while it streams, a sentence at a time, and always at its end. One that trips stops the
answer, and the model is told why and asked again. While a scenario holds, nothing of a sentence is shown or heard
before it has passed. The services do not tell which sound belongs to which words, so the sound that came with a
sentence waits for the next sentence as well, or for the end: sound that runs ahead of its words stays in.
"""

from __future__ import annotations

import re
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
from trunkline.realtime.events import Item, new_id, text_of

_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s)|\n")


@dataclass
class _Look:
    """The guardrails are looking at the first `length` characters of a reply."""

    number: int
    length: int
    waiting: set[str]
    spoilt: bool = False


@dataclass
class _Reply:
    """A message of an agent that has guardrails."""

    item_id: str
    agent: str
    turn: int
    text: str = ""
    item: Item | None = None
    """The finished item, once the message is complete."""
    look: _Look | None = None
    passed: int = 0
    """How many characters every guardrail has passed."""
    shown: int = 0
    settled: bool = False
    """Whether it has passed whole, or was stopped."""
    stopped: bool = False
    pending: set[str] = field(default_factory=set)
    """The guardrails of which the log does not tell yet how they came out."""
    sentences: list[tuple[int, int]] = field(default_factory=list)
    """Where each sentence ends: in characters, and in pieces of sound that had come by then."""
    sound: deque[AudioReceived] = field(default_factory=deque)
    sound_came: int = 0
    sound_let_out: int = 0
    sound_complete: bool = False

    @property
    def checkable(self) -> int:
        """How many characters can be looked at: whole sentences, or all there is."""
        if self.item is not None:
            return len(self.text)
        return self.sentences[-1][0] if self.sentences else 0

    @property
    def heard_unchecked(self) -> int:
        """How many pieces of sound may be let out: those of a sentence after which another has passed."""
        if self.settled:
            return self.sound_came
        passed = [pieces for end, pieces in self.sentences if end <= self.passed]
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
        self._messages: dict[str, _Reply] = {}
        self._held: deque[_Reply] = deque()
        self._caller_turn = 0
        self._stopped_this_turn = 0
        self._checks = 0

    def on_caller_turn(self) -> None:
        """A new turn of the caller's: what is still being checked belongs to an earlier one."""
        self._caller_turn += 1
        self._stopped_this_turn = 0
        self._messages = {
            item_id: reply
            for item_id, reply in self._messages.items()
            if not reply.settled or reply.look is not None or reply.turn >= self._caller_turn - 1
        }

    @property
    def has_unsettled(self) -> bool:
        """Whether something that was said lately is still being looked at, or held back."""
        return self.holding or any(reply.look is not None for reply in self._messages.values())

    @property
    def holding(self) -> bool:
        """Whether something that was said is not let out yet."""
        return bool(self._held)

    # What comes from the model --------------------------------------------------------------------------------------
    def on_message_added(self, item: Item, agent: str, previous_item_id: str | None = None) -> None:
        """A message of the agent begins."""
        item_id = str(item["id"])
        self._outbox.log_all(self._transcript.add_item(item, previous_item_id, agent))
        if self._plan.guardrails.get(agent) and item_id not in self._messages:
            reply = self._messages[item_id] = _Reply(item_id, agent, self._caller_turn)
            if self._plan.hold:
                self._held.append(reply)

    def on_delta(self, item_id: str, text: str) -> None:
        """More words of a message."""
        reply = self._messages.get(item_id)
        if reply is None:
            self._outbox.log_all(self._transcript.append_delta(item_id, text))
            return
        if reply.settled:
            return
        start = reply.sentences[-1][0] if reply.sentences else 0
        reply.text += text
        reply.sentences += [(end.end(), reply.sound_came) for end in _SENTENCE_END.finditer(reply.text, start)]
        if not self._plan.hold:
            self._outbox.log_all(self._transcript.append_delta(item_id, text))
        self._check_if_due(reply)

    def on_message_done(self, item: Item) -> None:
        """A message is complete, or as complete as it gets."""
        item_id = str(item.get("id"))
        reply = self._messages.get(item_id)
        if reply is None or not self._plan.hold:
            self._outbox.log_all(self._transcript.complete(item, self._playout.duration_ms(item_id)))
        if reply is not None and reply.item is None and not reply.settled:
            reply.item = item
            reply.text = text_of(item) or reply.text
            self._check_if_due(reply)

    def on_response_done(self) -> None:
        """The response is over: messages that were not finished by it never will be."""
        self._close_unfinished()
        held = {reply.item_id for reply in self._held}
        self._outbox.log_all(self._transcript.close_open(self._playout.duration_ms, roles=("assistant",), but=held))
        for reply in self._held:
            reply.sound_complete = True  # a response that fails does not say that its sound is complete
        self._release()

    def on_session_lost(self) -> None:
        """The session is gone, and what it was saying with it; what came of it is still looked at."""
        self.drop_held()
        self._close_unfinished()

    def on_call_ended(self) -> None:
        """The call is over: what nobody has looked at by now is no pass."""
        self.drop_held()
        for reply in self._messages.values():
            for name in sorted(reply.pending):
                rationale = "the call ended before it was checked"
                self._outbox.log(
                    log_events.GuardrailChecked(
                        item_id=reply.item_id, guardrail=name, status="error", rationale=rationale
                    )
                )

    def _close_unfinished(self) -> None:
        for reply in self._messages.values():
            if reply.item is None and not reply.settled:
                self.on_message_done({"id": reply.item_id, "status": "incomplete", "content": []})

    def on_audio(self, sound: AudioReceived) -> None:
        """Sound of a message."""
        reply = self._messages.get(sound.item_id)
        if reply is None or not self._plan.hold:
            self._playout.play(sound)
        elif not reply.stopped:
            reply.sound_came += 1
            reply.sound.append(sound)
            self._release()

    def on_audio_done(self, item_id: str) -> None:
        """All sound of a message has come."""
        reply = self._messages.get(item_id)
        if reply is None or not self._plan.hold:
            self._playout.on_audio_done(item_id)
        elif not reply.stopped:
            reply.sound_complete = True
            self._release()

    def drop_held(self) -> None:
        """The caller goes on, or the session is gone: what is not let out yet never will be."""
        held, self._held = self._held, deque()
        for reply in held:
            self._close(reply)

    # Looking --------------------------------------------------------------------------------------------------------
    def _check_if_due(self, reply: _Reply) -> None:
        if reply.look is not None or reply.settled:
            return
        names = self._plan.guardrails[reply.agent]
        if reply.checkable > reply.passed:
            for name in [name for name in names if name not in reply.pending]:
                reply.pending.add(name)
                self._outbox.log(log_events.GuardrailChecked(item_id=reply.item_id, guardrail=name, status="pending"))
            self._checks += 1
            reply.look = _Look(self._checks, reply.checkable, set(names))
            self._outbox.emit(RunGuardrails(reply.item_id, self._checks, reply.agent, reply.text[: reply.checkable]))
        elif reply.item is not None:  # all of it has been looked at
            self._settle(reply)

    def _settle(self, reply: _Reply) -> None:
        reply.settled = True
        self._log_passed(reply)
        self._release()

    def _log_passed(self, reply: _Reply) -> None:
        """Nothing more comes of the message: those that have looked at it and found nothing are through."""
        for name in sorted(reply.pending - (reply.look.waiting if reply.look else set())):
            reply.pending.discard(name)
            self._outbox.log(log_events.GuardrailChecked(item_id=reply.item_id, guardrail=name, status="pass"))

    def on_guardrail_finished(self, checked: GuardrailFinished) -> None:
        """A guardrail has looked."""
        reply = self._messages.get(checked.item_id)
        if reply is None or reply.look is None or reply.look.number != checked.check_id:
            return
        look = reply.look
        if checked.guardrail not in look.waiting:
            return
        look.waiting.discard(checked.guardrail)
        if checked.status != "pass":
            look.spoilt = True
            self._log_result(reply, checked)
            if not reply.stopped and (checked.status == "fail" or self._plan.hold):
                self._stop(reply, checked)
        elif reply.stopped:
            self._log_result(reply, checked)
        if not look.waiting:
            reply.look = None
            self._on_check_complete(reply, look)

    def _on_check_complete(self, reply: _Reply, look: _Look) -> None:
        if reply.stopped:
            return
        reply.passed = look.length
        if look.spoilt and reply.item is not None and look.length == len(reply.text):
            self._settle(reply)  # those that could not look at all of it have told so, and that is no pass
            return
        self._release()
        self._check_if_due(reply)

    def _log_result(self, reply: _Reply, checked: GuardrailFinished) -> None:
        reply.pending.discard(checked.guardrail)
        self._outbox.log(
            log_events.GuardrailChecked(
                item_id=reply.item_id,
                guardrail=checked.guardrail,
                status=checked.status,
                category=checked.category,
                rationale=checked.rationale,
                text=None if self._plan.hold or checked.status == "pass" else reply.text,
                duration_ms=checked.duration_ms,
            )
        )

    # Letting out ----------------------------------------------------------------------------------------------------
    def _release(self) -> None:
        """Whatever may be shown and heard by now, in order."""
        while self._held:
            reply = self._held[0]
            upto = len(reply.text) if reply.settled else reply.passed
            self._outbox.log_all(self._transcript.append_delta(reply.item_id, reply.text[reply.shown : upto]))
            reply.shown = max(reply.shown, upto)
            while reply.sound_let_out < reply.heard_unchecked and reply.sound:
                self._playout.play(reply.sound.popleft())
                reply.sound_let_out += 1
            if not reply.settled or reply.item is None:
                return
            self._outbox.log_all(self._transcript.complete(reply.item, self._playout.duration_ms(reply.item_id)))
            if not (reply.sound_complete or not reply.sound_came):
                return
            self._held.popleft()
            self._playout.on_audio_done(reply.item_id)

    # Stopping -------------------------------------------------------------------------------------------------------
    def _stop(self, reply: _Reply, checked: GuardrailFinished) -> None:
        """Stops an answer, and asks the model for another."""
        reply.stopped = reply.settled = True
        self._log_passed(reply)
        if reply in self._held:
            self._held.remove(reply)
            self._close(reply)
        current = reply.turn == self._caller_turn
        if current:
            self._playout.interrupt()
            self.drop_held()
        self._stopped_this_turn += current
        last = self._stopped_this_turn > self._plan.retries
        if self._stopped_this_turn > self._plan.retries + 1:
            message = f"{self._stopped_this_turn} answers in a row were stopped by guardrails; no other is asked for."
            self._outbox.log(log_events.CallError(message=message, code="guardrails_exhausted"))
            return
        item_id = new_id("item")
        words = _why(checked, last=last)
        self._outbox.log_all(self._transcript.add_note(item_id, words))
        self._outbox.send({"type": "conversation.item.create", "item": system_item(item_id, words)})
        if current:
            self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    def _close(self, reply: _Reply) -> None:
        """The message stays what was let out of it."""
        reply.stopped = reply.settled = True
        self._log_passed(reply)
        reply.sound.clear()
        item: Item = {"id": reply.item_id, "status": "incomplete", "content": []}
        self._outbox.log_all(self._transcript.complete(item, self._playout.duration_ms(reply.item_id)))
        if not reply.sound_let_out:
            self._playout.reject(reply.item_id)


def _why(checked: GuardrailFinished, *, last: bool) -> str:
    if checked.status == "error":
        found = f"the guardrail {checked.guardrail!r} could not check it"
    else:
        details = ": ".join(filter(None, (checked.category, checked.rationale)))
        found = f"the guardrail {checked.guardrail!r} stopped it" + (f" ({details})" if details else "")
    again = (
        "Say only that you cannot help with this, and ask what else you can do."
        if last
        else "Answer again in words that it allows."
    )
    return f"Your last answer was cut off, because {found}. The caller heard its beginning at most. {again}"

"""The call's state machine: pure, with the clock as an argument.

It knows nothing of sockets, tasks or pages. `step` takes what happened and answers with what to do; the parts it is
made of each hold one idea: `Turns` (who speaks next), `Transcript` (what was said), `Earpiece` (what was heard),
`Replies` (what may be heard), `Mending` (answers that fail), `FunctionCalls` (tools and handoffs), `Linkage` (the
session), `Listening` (the caller's voice), `TalkButton` (push-to-talk), `Limits` (how long a call may last). What is
left here is the caller, and reading the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trunkline.calls import commands, log_events
from trunkline.calls.machine.caller_turns import WAIT_TO_HEAR, Listening
from trunkline.calls.machine.effects import Effect, End, HandingOff
from trunkline.calls.machine.guarded_output import Replies
from trunkline.calls.machine.inputs import (
    AgentConfigured,
    AgentFailed,
    ApprovalWanted,
    CallerJoined,
    CallerLeft,
    Checked,
    CodecChosen,
    Commanded,
    Input,
    LinkDropped,
    LinkOpened,
    RenewalFailed,
    SoundArrived,
    Stopped,
    ToolEnded,
    WireArrived,
    Woke,
)
from trunkline.calls.machine.limits import STAYS, Limits
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import WAIT_FOR_REPORT, Earpiece
from trunkline.calls.machine.push_to_talk import WAIT_FOR_RELEASE, TalkButton
from trunkline.calls.machine.redaction import without_words
from trunkline.calls.machine.response_retry import WAIT_FOR_RETRY, Mending
from trunkline.calls.machine.response_scheduler import ASKED, Turns
from trunkline.calls.machine.session_lifecycle import WAIT_FOR_ANSWER, WAIT_FOR_LIFE, WAIT_FOR_RENEWAL, Linkage
from trunkline.calls.machine.tool_calls import FunctionCalls
from trunkline.calls.machine.transcript import Transcript, note_item, typed_item
from trunkline.providers.error_policy import classify
from trunkline.realtime.event_fields import text_in
from trunkline.realtime.events import Event, new_id

GREETING = "hi"
"""What the caller is taken to have said, hidden, so that the first agent speaks first."""

_WAIT_FOR_CALLER = "caller"
_UNLOGGED = {"response.output_audio.delta"}


class CallMachine:
    """One call. Feed it inputs in order; carry out the effects in order."""

    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.transcript = Transcript()
        self._turns = Turns()
        self._outbox = outbox = Outbox()
        self._earpiece = Earpiece(outbox, self._turns, self.transcript)
        self._replies = Replies(plan, outbox, self._turns, self.transcript, self._earpiece)
        self._functions = FunctionCalls(plan, outbox, self._turns, self.transcript)
        self._listening = Listening(outbox, self._turns, self.transcript, self._earpiece)
        self._linkage = Linkage(
            plan, outbox, self._turns, self.transcript, self._earpiece, self._listening, agent=lambda: self.agent
        )
        self._talk = TalkButton(plan, outbox, self._turns, self._earpiece)
        self._limits = Limits(plan, outbox)
        self._caller_there = False
        self._leg: tuple[str, str] | None = None
        self._joined = False
        self._greeted = False
        self._ended = False
        self._mending = Mending(outbox, self._turns, self._linkage, self._tell_model)
        self._inputs: dict[type, Callable[[Any], None]] = {
            AgentConfigured: self._on_configured,
            AgentFailed: self._on_agent_failed,
            ApprovalWanted: lambda wanted: self._functions.needs_approval(wanted.call_id, wanted.arguments),
            CallerJoined: self._on_caller_joined,
            CallerLeft: self._on_caller_left,
            CodecChosen: self._on_codec_chosen,
            Checked: self._replies.checked,
            Commanded: self._on_command,
            LinkDropped: self._on_link_dropped,
            LinkOpened: self._on_link_opened,
            RenewalFailed: lambda _failed: self._linkage.renewal_failed(),
            SoundArrived: self._replies.sound,
            Stopped: lambda stopped: self._end(stopped.reason),
            ToolEnded: self._functions.ended,
            WireArrived: self._on_wire,
            Woke: self._on_woke,
        }
        self._handlers: dict[str, Callable[[Event], None]] = {
            "conversation.item.added": self._on_item_added,
            "conversation.item.created": self._on_item_added,
            "conversation.item.retrieved": self._on_item_retrieved,
            "conversation.item.input_audio_transcription.delta": self._on_delta,
            "conversation.item.input_audio_transcription.completed": self._on_heard,
            "conversation.item.input_audio_transcription.failed": self._on_not_heard,
            "conversation.item.truncated": self._earpiece.on_truncated,
            "output_audio_buffer.started": self._earpiece.on_started,
            "output_audio_buffer.stopped": self._earpiece.on_stopped,
            "output_audio_buffer.cleared": self._earpiece.on_cleared,
            "input_audio_buffer.speech_started": self._on_speech_started,
            "input_audio_buffer.speech_stopped": self._listening.stopped,
            "input_audio_buffer.committed": self._on_committed,
            "response.created": self._on_response_created,
            "response.output_item.added": self._on_output_item_added,
            "response.output_item.done": self._on_output_item_done,
            "response.output_audio_transcript.delta": self._on_delta,
            "response.output_text.delta": self._on_delta,
            "response.output_audio.done": lambda event: self._replies.sound_done(text_in(event, "item_id")),
            "response.done": self._on_response_done,
            "error": self._on_error,
        }

    @property
    def agent(self) -> str:
        """Who has the caller now."""
        return self._functions.agent

    @property
    def settings(self) -> log_events.CallSettings:
        """What was chosen at run time."""
        return self._talk.settings

    @property
    def turn_detection(self) -> dict[str, Any] | None:
        """The session's, as the scenario and the caller want it."""
        return self._talk.turn_detection

    def begin(self, now_ms: float) -> list[Effect]:
        """The call's first effects: it is announced, and waits for its caller."""
        outbox, plan = self._outbox, self.plan
        outbox.now = now_ms
        outbox.log(
            log_events.CallStarted(
                call_id=plan.call_id,
                scenario=plan.scenario,
                agent=plan.first_agent,
                transport=plan.transport,
                provider=plan.provider,
                model=plan.model,
                started_at=plan.started_at,
            )
        )
        outbox.log(log_events.AgentChanged(agent=plan.first_agent))
        self._talk.begin()
        outbox.log_all(plan.notices)
        self._turns.hold("link")
        self._turns.hold("caller")
        self._wait_for_caller()
        self._limits.begin()
        return outbox.take()

    def step(self, given: Input, now_ms: float) -> list[Effect]:
        """What to do about `given` at `now_ms`."""
        self._outbox.now = now_ms
        if self._ended:
            return []
        self._inputs[type(given)](given)
        self._ask_if_due()
        if not self._ended:
            self._linkage.renew_if_quiet(self.at_rest)
        return self._outbox.take()

    @property
    def at_rest(self) -> bool:
        """Whether the next move is the caller's: nothing is being answered, owed an answer, or waited for."""
        return (
            self._greeted
            and not self._turns.held
            and not self._turns.busy
            and not self._turns.wished
            and not self._turns.caller_speaks
            and not self._functions.hold_the_turn
            and not self._replies.unsettled
        )

    # The caller -----------------------------------------------------------------------------------------------------
    def _on_caller_joined(self, joined: CallerJoined) -> None:
        self._caller_there = self._joined = True
        self._turns.release("caller")
        self._outbox.wake(_WAIT_FOR_CALLER, None)
        if (leg := (joined.leg_id, joined.transport)) != self._leg:  # a page may say twice that media flows
            self._leg = leg
            self._outbox.log(
                log_events.LegJoined(leg_id=joined.leg_id, transport=joined.transport, reason=joined.reason)
            )
        if joined.transport == "webrtc":
            self._listening.forget()  # from now on sound does not pass us
        self._earpiece.joined(joined.transport)
        self._greet()

    def _on_caller_left(self, left: CallerLeft) -> None:
        self._caller_there = False
        self._leg = None
        self._turns.hold("caller")
        self._talk.caller_left()
        self._listening.stop()
        self._listening.forget()
        waiting_ms = round(self.plan.caller_wait_ms)
        self._outbox.log(log_events.LegLost(leg_id=left.leg_id, reason=left.reason, waiting_ms=waiting_ms))
        self._wait_for_caller()
        if self._earpiece.left():
            return  # only the page's socket is known to be gone: sound may still flow
        if (self._turns.busy and not self._turns.cancelling) or self._earpiece.is_heard or self._replies.held:
            self._turns.wish()  # what is cut off now is said again when the caller is back
        self._stop_talking()
        self._outbox.send({"type": "input_audio_buffer.clear"})

    def _wait_for_caller(self) -> None:
        self._outbox.wake(_WAIT_FOR_CALLER, self._outbox.now + self.plan.caller_wait_ms)

    def _greet(self) -> None:
        if self._greeted or not (self._caller_there and self._outbox.link_up):
            return
        self._greeted = True
        self._say_for_caller(GREETING, hidden=True)

    def _on_command(self, commanded: Commanded) -> None:
        match commanded.command:
            case commands.Played(item_id, ms):
                self._limits.caller_listens()
                self._earpiece.played(item_id, ms)
            case commands.MediaReady():
                pass  # the shell makes it `CallerJoined`
            case command:
                self._caller_is_there()
                self._obey(command)

    def _obey(self, command: commands.CommandUnion) -> None:
        match command:
            case commands.Say(text):
                self._type(text)
            case commands.Keys(digits):
                self._type(digits)
            case commands.Interrupt():
                self._turns.withdraw()
                self._stop_talking()
            case commands.HangUp():
                self._end("caller hung up")
            case commands.PushToTalk(on):
                self._listening.stop()
                if self._talk.push_to_talk(on):
                    self._listening.forget()
            case commands.Press():
                self._press()
            case commands.Release():
                self._talk.release()
            case commands.Voice(voice, speed):
                self._talk.voice(voice, speed)
            case commands.Approve(call_id, approved):
                self._functions.approve(call_id, approved)

    def _on_codec_chosen(self, chosen: CodecChosen) -> None:
        if self._talk.codec(chosen.codec) and not self._earpiece.is_media:
            self._linkage.renew("another codec", gently=self.at_rest)

    def _type(self, text: str) -> None:
        self._stop_talking()
        self._functions.caller_went_on()
        self._greeted = True  # whoever types at once needs no greeting
        self._caller_said_something()
        self._say_for_caller(text)

    def _press(self) -> None:
        if self._talk.pressed or not self._talk.settings.push_to_talk:
            return
        self._turns.withdraw()
        self._stop_talking()
        self._functions.caller_went_on()
        self._greeted = True
        self._listening.pressed(goes_on=self._talk.press())

    def _say_for_caller(self, text: str, *, hidden: bool = False) -> None:
        item_id = new_id("item")
        self._outbox.log_all(self.transcript.typed(item_id, text, hidden=hidden))
        self._outbox.send({"type": "conversation.item.create", "item": typed_item(item_id, text)})
        self._turns.wish([item_id] if self._outbox.reaches_model else [])

    def _tell_model(self, words: str) -> None:
        """Something that the model has to answer to, and the caller does not see."""
        item_id = self._note(words)
        self._turns.wish([item_id] if self._outbox.reaches_model else [])

    def _note(self, words: str) -> str:
        """Something that the model shall know, and the caller does not see; the id of its item."""
        item_id = new_id("item")
        self._outbox.log_all(self.transcript.noted(item_id, words))
        self._outbox.send({"type": "conversation.item.create", "item": note_item(item_id, words)})
        return item_id

    def _caller_is_there(self) -> None:
        if self._limits.caller_is_there():
            self._note(STAYS)

    def _caller_said_something(self) -> None:
        self._mending.caller_said_something()
        self._replies.caller_said_something()
        self._functions.caller_said_something()
        self._caller_is_there()

    def _stop_talking(self) -> None:
        self._replies.drop_held()
        self._earpiece.stop()

    def _on_woke(self, woke: Woke) -> None:
        match woke.key:
            case "caller" if not self._caller_there:
                self._end("the caller did not come back" if self._joined else "no caller came")
            case key if key == WAIT_FOR_RETRY:
                self._mending.rested()
            case key if key == WAIT_FOR_REPORT:
                self._earpiece.settle()
            case key if key == WAIT_FOR_ANSWER:
                self._linkage.answer_lost()
            case key if key == WAIT_FOR_RENEWAL:
                self._linkage.on_renewal_time()
            case key if key == WAIT_FOR_LIFE:
                self._linkage.stalled()
            case key if key == WAIT_TO_HEAR:
                self._listening.not_heard_again()
            case key if key == WAIT_FOR_RELEASE:
                self._talk.commit()
            case key:
                self._on_limit(key)

    def _on_limit(self, key: str) -> None:
        limit = self._limits.reached(key)
        if limit.goodbye is not None:
            self._stop_talking()
            self._tell_model(limit.goodbye)
        elif limit.ends is not None:
            self._end(limit.ends)

    # The link -------------------------------------------------------------------------------------------------------
    def _on_link_opened(self, opened: LinkOpened) -> None:
        if opened.renewed:
            self._replies.session_lost()
        self._linkage.opened(opened)

    def _on_link_dropped(self, dropped: LinkDropped) -> None:
        if not dropped.resumable:
            self._replies.session_lost()
        if self._linkage.dropped(dropped):
            return
        self._outbox.log(
            log_events.CallError(
                message=f"The model cannot be reached: {dropped.reason}",
                code="link_failed",
                source="provider",
                hint="Check the provider's settings, then connect again.",
            )
        )
        self._end("the model cannot be reached")

    def _on_configured(self, configured: AgentConfigured) -> None:
        purpose = configured.purpose
        if isinstance(purpose, HandingOff):
            self._functions.hand_over(configured, purpose)
        elif purpose.opening != self._linkage.opening:
            return  # for a link that is gone
        elif configured.agent == self.agent:
            self._linkage.connected(configured.session)
            self._mending.session_opened()
            self._listening.connected()
            self._talk.connected(owes_commit=self._listening.owes_commit)
            self._greet()
        else:  # a handoff came in between
            self._linkage.configure_again()

    def _on_agent_failed(self, failed: AgentFailed) -> None:
        purpose = failed.purpose
        if not isinstance(purpose, HandingOff) and purpose.opening != self._linkage.opening:
            return
        self._outbox.log(
            log_events.CallError(
                message=f"The agent {failed.agent!r} could not be set up: {failed.error}",
                code="agent_failed",
                source="scenario",
                hint="Look at its instructions, tools and handoffs.",
            )
        )
        if isinstance(purpose, HandingOff):
            self._functions.handoff_failed(failed, purpose)
        else:
            self._end(f"the agent {failed.agent} could not be set up")

    # What the model says --------------------------------------------------------------------------------------------
    def _on_wire(self, arrived: WireArrived) -> None:
        event = arrived.event
        if event["type"] not in _UNLOGGED:
            self._outbox.log(log_events.WireReceived(event=without_words(event) if self.plan.hold else event))
        if event["type"].startswith("response."):
            self._linkage.wait_for_missed_answer()  # it goes on
            self._linkage.watch_life()
        handler = self._handlers.get(event["type"])
        if handler is None:
            return
        try:
            handler(event)
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
            # A service may send what it should not; the call goes on without that event.
            self._outbox.log_provider_error(
                f"A malformed {event['type']} event was passed over: {error!r}", "malformed_event"
            )

    def _on_item_added(self, event: Event) -> None:
        item = event["item"]
        self._turns.item_seen(text_in(item, "id"))
        previous = event.get("previous_item_id")
        if self._linkage.gaps and isinstance(previous, str) and not self.transcript.knows(previous):
            # It was added while the sideband was down.
            self._outbox.send({"type": "conversation.item.retrieve", "item_id": previous})
        if item.get("role") == "assistant":
            self._replies.begins(item, self._functions.speaker, previous)
        else:
            self._outbox.log_all(self.transcript.item_added(item, previous, self._functions.speaker))

    def _on_item_retrieved(self, event: Event) -> None:
        """An item that was missed while the sideband was down."""
        item = event["item"]
        if self.transcript.knows(text_in(item, "id")):
            return
        if item.get("type") == "function_call":
            self._functions.called(item)
        elif item.get("type") == "message":
            self._outbox.log_all(self.transcript.missed(item, self._functions.speaker))

    def _on_delta(self, event: Event) -> None:
        self._replies.grew(text_in(event, "item_id"), text_in(event, "delta"))

    def _on_heard(self, event: Event) -> None:
        item_id = text_in(event, "item_id")
        self._outbox.log_all(self.transcript.heard(item_id, text_in(event, "transcript")))
        self._listening.understood(item_id)

    def _on_not_heard(self, event: Event) -> None:
        item_id = text_in(event, "item_id")
        self._outbox.log_all(self.transcript.heard(item_id, None))
        self._listening.understood(item_id)
        details = event.get("error") or {}
        message = f"The caller's words were not recognised: {details.get('message') or 'no reason given'}"
        fault = classify(event)
        hint = fault.hint if fault else None
        self._outbox.log_provider_error(message, details.get("code") or "transcription_failed", hint)

    def _on_speech_started(self, event: Event) -> None:
        self._caller_said_something()
        self._listening.started(event)
        if self._talk.service_interrupts:
            self._replies.drop_held()
            self._earpiece.silence(by_voice=True)  # the service stops its response by itself

    def _on_committed(self, event: Event) -> None:
        item_id = text_in(event, "item_id")
        self._listening.committed(item_id)
        if self._talk.service_answers:
            return
        self._listening.noticed()
        self._caller_said_something()
        self._turns.wish([item_id])

    def _on_response_created(self, event: Event) -> None:
        response_id = text_in(event["response"], "id")
        talked_over = self._turns.active == ASKED and self._turns.caller_speaks
        self._turns.response_created(response_id)
        self._listening.answer_begins()
        if (cancel := self._turns.cancel_again()) is not None:
            self._outbox.send(cancel)
        self._functions.speaker = self.agent
        if talked_over or not self._caller_there:
            # Nobody would hear it, or it would talk into what the caller says: it is for later.
            if not self._turns.cancelling:
                self._turns.wish()
            self._earpiece.stop()

    def _on_output_item_added(self, event: Event) -> None:
        if event["item"].get("type") == "message":
            if self._earpiece.is_media:
                self._earpiece.speaks(text_in(event, "response_id"), text_in(event["item"], "id"))
            self._replies.begins(event["item"], self._functions.speaker)

    def _on_output_item_done(self, event: Event) -> None:
        item = event["item"]
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._functions.called(item)
        elif item.get("type") == "message":
            self._replies.finished(item)

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        response_id = text_in(response, "id")
        self._turns.response_done(response_id)
        self._linkage.answer_ended()
        self._linkage.watch_life()
        for item in response.get("output") or ():  # what was missed while a sideband was down
            if item.get("type") == "function_call" and item.get("status") == "completed":
                self._functions.called(item)
            elif item.get("type") == "message":
                self._replies.begins(item, self._functions.speaker)
                self._replies.finished(item)
        match response.get("status"):
            case "cancelled":
                self._earpiece.never_starts(response_id)
            case "completed" | "incomplete":
                self._listening.answered()
        self._replies.response_over()
        self._limits.answered()
        self._mending.response_over(response)

    def _on_error(self, event: Event) -> None:
        details = event.get("error") or {}
        code, event_id = details.get("code"), details.get("event_id")
        if code == "conversation_already_has_active_response" and self._turns.refused(event_id):
            return  # its response.done will let us ask again
        if code == "response_cancel_not_active" or self._talk.commit_refused(event_id):
            return
        self._mending.error(event)

    # The next turn --------------------------------------------------------------------------------------------------
    def _ask_if_due(self) -> None:
        if self._ended or self._functions.hold_the_turn:
            return
        if (request := self._turns.next_request()) is not None:
            self._functions.speaker = self.agent
            self._outbox.send(request)
            self._linkage.watch_life()

    def _end(self, reason: str) -> None:
        self._listening.stop()
        self._replies.end()
        self._functions.end()
        self._outbox.log_all(self.transcript.broken_off(self._earpiece.total_ms))
        self._ended = True
        self._outbox.log(log_events.CallEnded(reason=reason))
        self._outbox.emit(End(reason))

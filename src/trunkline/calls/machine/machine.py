"""The call's state machine: pure, with the clock as an argument.

It has no sockets, tasks or pages: `step` takes an input and returns effects. Each of its parts holds one idea:

- `ResponseScheduler`: when the model is asked for a response
- `Transcript`: the conversation, and its replay to a new session
- `Playout`: the audio the caller hears; interruption and truncation
- `GuardedOutput`: guardrails, and output held back until they pass it
- `ToolCalls`: tools, approvals and handoffs
- `SessionLifecycle`: connect, resume, renew and lose the model session
- `CallerAudioWatch`: the end of a turn when the caller's audio stops
- `FillerPlayer`: the call's own sentences while the caller would hear nothing
- `CallerTurns`: the caller's speech, and audio to resend after a lost session
- `PushToTalk`: push-to-talk, and the other settings of the call
- `ResponseRetry`: retries of failed responses
- `EmptyAnswers`: responses that end without audio and without a tool call
- `RefusedEvents`: session updates and items that the service refuses
- `StallWatch`: a call that waits and gets no sign, and a model that is silent during a response
- `CallLimits`: maximum duration and idle timeout
- `Waiting`: the one thing that the call waits for

This file handles the caller's leg and commands, and dispatches the model's events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from trunkline.calls import commands, log_events
from trunkline.calls.machine.call_limits import CALLER_STAYS, CallLimits, LimitAction
from trunkline.calls.machine.caller_audio_watch import CallerAudioWatch
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import ConfigureAgent, Connecting, Effect, EndCall, HandingOff
from trunkline.calls.machine.empty_answers import EmptyAnswers
from trunkline.calls.machine.fallback_model import FallbackModel
from trunkline.calls.machine.filler_player import FillerPlayer
from trunkline.calls.machine.guarded_output import GuardedOutput
from trunkline.calls.machine.inputs import (
    AgentConfigured,
    AgentFailed,
    ApprovalRequested,
    AudioReceived,
    CallerAudioArrived,
    CallerJoined,
    CallerLeft,
    CodecChosen,
    CommandReceived,
    FillerFetched,
    GuardrailFinished,
    Input,
    InputButAudio,
    LinkDropped,
    LinkOpened,
    RenewalFailed,
    StopRequested,
    TimerFired,
    ToolFinished,
    WireEventReceived,
)
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.push_to_talk import PushToTalk
from trunkline.calls.machine.redaction import redact
from trunkline.calls.machine.refused_events import RefusedEvents
from trunkline.calls.machine.response_retry import ResponseRetry
from trunkline.calls.machine.response_scheduler import BlockReason, CallerSpeech, ResponseScheduler, ResponseState
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.stall_watch import StallWatch
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Transcript, system_item, user_item
from trunkline.calls.machine.waiting import Waiting
from trunkline.providers.error_policy import classify
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event, NewId

GREETING = "hi"
"""Hidden message of the caller, to which the first agent answers with its greeting."""

ANSWER_WAIT_MS = 3_000.0
"""Time the service has to commit the caller's turn or to start its response; then the machine requests a response."""

_UNLOGGED = {"response.output_audio.delta"}


class CallMachine:
    """State machine of one call. The shell feeds it inputs in order and carries out the effects in order.

    Args:
        plan: the facts that are fixed when the call is made.
        new_id: source of ids. The same inputs and ids give the same effects.
    """

    def __init__(self, plan: CallPlan, new_id: NewId) -> None:
        self.plan = plan
        self.transcript = Transcript()
        self._status = status = SessionStatus()
        self._scheduler = ResponseScheduler(new_id, status)
        self._outbox = outbox = Outbox(new_id, status)
        self._playout = Playout(
            outbox, self._scheduler, self.transcript, on_agent_audio=lambda: self._fillers.on_agent_audio()
        )
        self._fillers = FillerPlayer(plan.fillers, outbox, self._playout)
        self._output = GuardedOutput(plan, outbox, self._scheduler, self.transcript, self._playout)
        self._tools = ToolCalls(plan, outbox, self._scheduler, self.transcript)
        self._caller_turns = CallerTurns(outbox, self._scheduler, self.transcript, self._playout)
        self._session = SessionLifecycle(
            plan,
            outbox,
            status,
            self._scheduler,
            self.transcript,
            self._playout,
            self._caller_turns,
            configuration=self.configuration,
        )
        self._push_to_talk = PushToTalk(plan, outbox, self._scheduler, self._playout)
        self._caller_audio = CallerAudioWatch(
            outbox, self._scheduler, self._playout, self._caller_turns, self._push_to_talk
        )
        self._limits = CallLimits(plan, outbox)
        self._empty_answers = EmptyAnswers(outbox, self._scheduler)
        self._stall_watch = StallWatch(plan, outbox, status, self._scheduler)
        self._waiting = Waiting(outbox, status, self._scheduler, self._tools, self._output)
        self._caller_there = False
        self._leg: tuple[str, str] | None = None
        self._joined = False
        self._greeted = False
        self._ended = False
        self._retry = ResponseRetry(
            outbox,
            self._scheduler,
            self._session,
            FallbackModel(plan, outbox),
            self._instruct_model,
            self._fillers.on_failed,
        )
        self._refused = RefusedEvents(
            outbox,
            self._scheduler,
            self.transcript,
            self._tools,
            self._push_to_talk,
            self._session,
            self._interrupt,
            self._end_call,
        )
        self._event_handlers: dict[str, Callable[[Event], None]] = {
            "conversation.item.added": self._on_item_added,
            "conversation.item.created": self._on_item_added,
            "conversation.item.retrieved": self._on_item_retrieved,
            "session.created": self._push_to_talk.on_session,
            "session.updated": self._on_session_updated,
            "conversation.item.input_audio_transcription.delta": self._on_transcription_delta,
            "conversation.item.input_audio_transcription.completed": self._on_transcribed,
            "conversation.item.input_audio_transcription.failed": self._on_transcription_failed,
            "conversation.item.truncated": self._playout.on_truncated,
            "output_audio_buffer.started": self._playout.on_started,
            "output_audio_buffer.stopped": self._playout.on_stopped,
            "output_audio_buffer.cleared": self._playout.on_cleared,
            "input_audio_buffer.speech_started": self._on_speech_started,
            "input_audio_buffer.speech_stopped": self._on_speech_stopped,
            "input_audio_buffer.committed": self._on_committed,
            "response.created": self._on_response_created,
            "response.output_item.added": self._on_output_item_added,
            "response.output_item.done": self._on_output_item_done,
            "response.output_audio_transcript.delta": self._on_spoken_words,
            "response.output_text.delta": self._on_words,
            "response.output_audio.done": lambda event: self._output.on_audio_done(text_field(event, "item_id")),
            "response.done": self._on_response_done,
            "error": self._on_error,
        }

    @property
    def agent(self) -> str:
        """Name of the current agent."""
        return self._tools.agent

    def configuration(self, generation: int = 0) -> ConfigureAgent:
        """Return the order to configure the current agent for a new session."""
        push_to_talk = self._push_to_talk
        return ConfigureAgent(self.agent, Connecting(generation, push_to_talk.settings, push_to_talk.turn_detection))

    def begin(self, now_ms: float) -> list[Effect]:
        """Return the first effects: log the start, and wait for the caller."""
        outbox, plan = self._outbox, self.plan
        outbox.begin_step(now_ms)
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
        self._push_to_talk.log_settings()
        outbox.log_all(plan.notices)
        self._scheduler.block(BlockReason.CALLER_AWAY)
        self._wait_for_caller()
        self._limits.begin()
        self._waiting.update(caller_there=False)
        return outbox.take()

    def step(self, given: Input, now_ms: float) -> list[Effect]:
        """Return the effects of an input at `now_ms`."""
        self._outbox.begin_step(now_ms)
        if self._ended:
            return []
        if isinstance(given, AudioReceived):  # fifty times a second
            passes = self._scheduler.state is ResponseState.SPEAKING and not self._output.holding
            self._scheduler.on_output()
            self._stall_watch.on_audio()
            self._empty_answers.on_answer()
            self._output.on_audio(given)
            if passes:
                return self._outbox.take()  # no request, renewal or wait depends on this audio
        else:
            self._handle(given)
        self._request_if_due()
        if not self._ended:
            self._session.renew_if_due(self._is_at_rest)
            self._caller_audio.update()
            if self._waiting.update(caller_there=self._caller_there):
                self._stall_watch.on_wait(self._waiting.current)
            self._fillers.update(self._waiting.current)
        return self._outbox.take()

    def _handle(self, given: InputButAudio) -> None:  # noqa: C901 - one case for each input
        match given:  # the most frequent inputs first
            case WireEventReceived():
                self._on_wire_event(given)
            case CommandReceived():
                self._on_command(given)
            case TimerFired():
                self._on_timer(given.timer)
            case AgentConfigured():
                self._on_configured(given)
            case AgentFailed():
                self._on_agent_failed(given)
            case ApprovalRequested():
                self._tools.on_approval_requested(given.tool_call_id, given.arguments)
            case CallerAudioArrived():
                self._caller_audio.on_audio()
            case FillerFetched():
                self._fillers.on_fetched(given)
            case CallerJoined():
                self._on_caller_joined(given)
            case CallerLeft():
                self._on_caller_left(given)
            case CodecChosen():
                self._on_codec_chosen(given)
            case GuardrailFinished():
                self._output.on_guardrail_finished(given)
            case LinkDropped():
                self._on_link_dropped(given)
            case LinkOpened():
                self._on_link_opened(given)
            case RenewalFailed():
                self._session.on_renewal_failed()
            case StopRequested():
                self._end_call(given.reason)
            case ToolFinished():
                self._tools.on_tool_finished(given)
            case _:
                assert_never(given)

    def _is_at_rest(self) -> bool:
        """Return whether the call waits for its caller only: no response, tool, check or request is pending."""
        return self._caller_there and self._waiting.reason(caller_there=True) == "caller"

    # The caller -----------------------------------------------------------------------------------------------------
    def _on_caller_joined(self, joined: CallerJoined) -> None:
        self._caller_there = self._joined = True
        self._scheduler.unblock(BlockReason.CALLER_AWAY)
        self._outbox.set_timer(Timer.CALLER, None)
        if (leg := (joined.leg_id, joined.transport)) != self._leg:  # a page may send media_ready twice
            self._leg = leg
            self._outbox.log(
                log_events.LegJoined(leg_id=joined.leg_id, transport=joined.transport, reason=joined.reason)
            )
        if joined.transport == "webrtc":
            self._caller_turns.discard()  # from now on audio does not pass through the call
        self._playout.on_caller_joined(joined.transport)
        self._greet()

    def _on_caller_left(self, left: CallerLeft) -> None:
        self._caller_there = False
        self._leg = None
        self._scheduler.block(BlockReason.CALLER_AWAY)
        self._push_to_talk.on_caller_left()
        self._caller_turns.abort_speech()
        self._caller_turns.discard()
        self._scheduler.on_caller_turn_dropped()
        waiting_ms = round(self.plan.caller_wait_ms)
        self._outbox.log(log_events.LegLost(leg_id=left.leg_id, reason=left.reason, waiting_ms=waiting_ms))
        self._wait_for_caller()
        if self._playout.on_caller_left():
            return  # only the page's socket is gone: audio may still flow
        if (
            (self._scheduler.busy and not self._scheduler.cancelling)
            or self._playout.relay_playing
            or self._output.holding
        ):
            self._scheduler.request_response()  # the interrupted answer is given again when the caller is back
        self._interrupt()
        self._outbox.send({"type": "input_audio_buffer.clear"})

    def _wait_for_caller(self) -> None:
        self._outbox.set_timer(Timer.CALLER, self._outbox.now_ms + self.plan.caller_wait_ms)

    def _greet(self) -> None:
        if self._greeted or not (self._caller_there and self._status.link_up):
            return
        self._greeted = True
        self._add_caller_text(GREETING, hidden=True)

    def _on_command(self, received: CommandReceived) -> None:  # noqa: C901 - one case for each command
        command = received.command
        match command:
            case commands.Played(item_id, ms):
                self._limits.reset_idle_timer()
                self._playout.on_played(item_id, ms)
                return
            case commands.MediaReady():
                return  # the shell feeds `CallerJoined` instead
        self._on_caller_active()
        match command:
            case commands.Say(text):
                self._on_typed(text)
            case commands.Dtmf(digits):
                self._on_typed(digits)
            case commands.Interrupt():
                self._scheduler.cancel_request()
                self._interrupt()
            case commands.HangUp():
                self._end_call("caller hung up")
            case commands.PushToTalk(on):
                self._caller_turns.abort_speech()
                if self._push_to_talk.switch(on):
                    self._caller_turns.discard()
            case commands.Press():
                self._on_press()
            case commands.Release():
                if self._push_to_talk.release():
                    self._on_caller_turn_ended()
            case commands.Voice(voice, speed):
                self._push_to_talk.set_voice(voice, speed)
            case commands.Approve(tool_call_id, approved):
                self._tools.resolve_approval(tool_call_id, approved)
            case _:
                assert_never(command)

    def _on_codec_chosen(self, chosen: CodecChosen) -> None:
        if self._push_to_talk.set_codec(chosen.codec) and not self._playout.over_webrtc:
            self._session.renew("another codec", make_before_break=self._is_at_rest())

    def _on_typed(self, text: str) -> None:
        self._caller_turns.commit_speech()
        self._on_caller_turn(deliberate=True)
        self._add_caller_text(text)

    def _on_press(self) -> None:
        if self._push_to_talk.pressed or not self._push_to_talk.settings.push_to_talk:
            return
        self._on_caller_turn(deliberate=True)
        self._caller_turns.on_pressed(continues=self._push_to_talk.press())

    def _add_caller_text(self, text: str, *, hidden: bool = False) -> None:
        item_id = self._outbox.new_id("item")
        self._outbox.log_all(self.transcript.add_typed(item_id, text, hidden=hidden))
        self._outbox.send({"type": "conversation.item.create", "item": user_item(item_id, text)})
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    def _instruct_model(self, text: str) -> None:
        """Add a system message that the caller does not see, and request a response to it."""
        item_id = self._add_note(text)
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    def _add_note(self, text: str) -> str:
        """Add a system message that the caller does not see, and return the id of its item."""
        item_id = self._outbox.new_id("item")
        self._outbox.log_all(self.transcript.add_note(item_id, text))
        self._outbox.send({"type": "conversation.item.create", "item": system_item(item_id, text)})
        return item_id

    def _on_caller_active(self) -> None:
        if self._limits.on_caller_active():
            self._add_note(CALLER_STAYS)

    def _on_caller_turn(self, *, deliberate: bool) -> None:
        """Notify all parts of a new turn of the caller. This is the only place that does so.

        Args:
            deliberate: true for typed text and a pressed button. They interrupt, and no tool that still runs delays
                the answer. Speech may be a cough: it interrupts only if the session's turn detection says so.
        """
        self._on_caller_active()
        self._fillers.on_caller_turn()
        self._retry.on_caller_turn()
        self._output.on_caller_turn()
        self._tools.on_caller_turn()
        self._empty_answers.on_caller_turn()
        self._stall_watch.on_caller_turn()
        self._greeted = True  # the answer to this turn replaces the greeting
        if deliberate:
            self._scheduler.cancel_request()
            self._tools.stop_waiting()
            self._interrupt()
        elif self._push_to_talk.service_interrupts:
            self._output.drop_held()
            self._playout.clear(by_voice=True)  # the service cancels its response by itself

    def _interrupt(self) -> None:
        self._output.drop_held()
        self._playout.interrupt()

    def _on_timer(self, timer: Timer) -> None:  # noqa: C901 - one case for each timer
        match timer:
            case Timer.CALLER:
                if not self._caller_there:
                    self._end_call("the caller did not come back" if self._joined else "no caller came")
            case Timer.CALLER_AUDIO:
                self._caller_audio.on_missing()
            case Timer.SESSION_CONFIRMATION:
                self._session.on_confirmed()
                self._tools.complete_handoff()
            case Timer.FILLER:
                self._fillers.on_timer()
            case Timer.RETRY:
                self._retry.on_retry_timer()
            case Timer.TRUNCATION:
                self._playout.settle_truncations()
            case Timer.MISSED_RESPONSE:
                self._session.on_missed_response_timeout()
            case Timer.RENEWAL:
                self._session.on_renewal_timer()
            case Timer.NOTICE:
                self._stall_watch.on_notice_timer()
            case Timer.STALL:
                if self._stall_watch.on_timer():
                    self._retry.on_stalled()
            case Timer.RESEND:
                self._caller_turns.on_resend_timeout()
            case Timer.COMMIT:
                if self._push_to_talk.commit():
                    self._on_caller_turn_ended()
            case Timer.ANSWER:
                self._scheduler.on_answer_overdue()
            case Timer.LIMIT_WARNING | Timer.GOODBYE | Timer.MAX_CALL | Timer.IDLE:
                self._apply_limit(self._limits.on_timer(timer))
            case _:
                assert_never(timer)

    def _apply_limit(self, limit: LimitAction) -> None:
        if limit.goodbye is not None:
            self._interrupt()
            self._instruct_model(limit.goodbye)
        elif limit.end_reason is not None:
            self._end_call(limit.end_reason)

    # The link -------------------------------------------------------------------------------------------------------
    def _on_link_opened(self, opened: LinkOpened) -> None:
        if opened.renewed:
            self._tools.complete_handoff()
            self._output.on_session_lost()
        self._session.on_link_opened(opened)

    def _on_link_dropped(self, dropped: LinkDropped) -> None:
        if not dropped.resumable:
            self._output.on_session_lost()
        continues = self._session.on_link_dropped(dropped)
        self._tools.complete_handoff()  # the next link gets the next agent's session
        if continues:
            return
        self._outbox.log(
            log_events.CallError(
                message=f"The model cannot be reached: {dropped.reason}",
                code="link_failed",
                source="provider",
                hint="Check the provider's settings, then connect again.",
            )
        )
        self._end_call("the model cannot be reached")

    def _on_configured(self, configured: AgentConfigured) -> None:
        purpose = configured.purpose
        if isinstance(purpose, HandingOff):
            self._tools.on_agent_configured(configured, purpose)
        elif purpose.generation != self._session.generation:
            return  # it was configured for a link that is lost
        elif configured.agent == self.agent:
            self._session.on_configured(configured.session)
            self._retry.on_session_opened()
            self._caller_turns.on_session_opened()
            self._push_to_talk.on_session_opened(needs_commit=self._caller_turns.needs_commit)
            self._greet()
        else:  # a handoff has changed the agent meanwhile
            self._session.configure()

    def _on_agent_failed(self, failed: AgentFailed) -> None:
        purpose = failed.purpose
        if not isinstance(purpose, HandingOff) and purpose.generation != self._session.generation:
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
            self._tools.on_agent_failed(failed, purpose)
        else:
            self._end_call(f"the agent {failed.agent} could not be set up")

    # Events of the model ----------------------------------------------------------------------------------------------
    def _on_wire_event(self, received: WireEventReceived) -> None:
        event = received.event
        if event["type"] not in _UNLOGGED:
            self._outbox.log(log_events.WireReceived(event=redact(event) if self.plan.hold else event))
        if event["type"].startswith("response."):
            self._session.await_missed_response()  # the response continues
        try:
            if (handler := self._event_handlers.get(event["type"])) is not None:
                handler(event)
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
            # A service may send malformed events; the call ignores them and continues.
            self._outbox.log_provider_error(f"Ignored a malformed {event['type']} event: {error!r}", "malformed_event")
        if event["type"].startswith("response."):
            self._stall_watch.on_event()

    def _on_item_added(self, event: Event) -> None:
        item = event["item"]
        self._scheduler.on_item_added(text_field(item, "id"))
        self._outbox.unconfirmed.on_item_added(item["id"])
        previous = event.get("previous_item_id")
        if self._session.has_gaps and isinstance(previous, str) and not self.transcript.has_item(previous):
            # The previous item was added while the sideband was down.
            self._outbox.send({"type": "conversation.item.retrieve", "item_id": previous})
        if item.get("role") == "assistant":
            self._output.on_message_added(item, self._tools.speaker, previous)
        else:
            self._outbox.log_all(self.transcript.add_item(item, previous, self._tools.speaker))

    def _on_session_updated(self, event: Event) -> None:
        self._refused.on_session_updated()
        self._push_to_talk.on_session(event)

    def _on_item_retrieved(self, event: Event) -> None:
        """Add an item that was missed while the sideband was down."""
        item = event["item"]
        if self.transcript.has_item(text_field(item, "id")):
            return
        if item.get("type") == "function_call":
            self._tools.on_function_call(item)
        elif item.get("type") == "message":
            self._outbox.log_all(self.transcript.add_missed(item, self._tools.speaker))

    def _on_delta(self, event: Event) -> None:
        self._output.on_delta(text_field(event, "item_id"), text_field(event, "delta"))

    def _on_spoken_words(self, event: Event) -> None:
        if self._playout.over_webrtc:  # there the audio does not pass through the call
            self._empty_answers.on_answer()
        self._on_words(event)

    def _on_words(self, event: Event) -> None:
        self._scheduler.on_output()
        self._on_delta(event)

    def _on_transcription_delta(self, event: Event) -> None:
        self._caller_turns.on_transcription_delta(text_field(event, "item_id"), text_field(event, "delta"))

    def _on_transcribed(self, event: Event) -> None:
        item_id = text_field(event, "item_id")
        self._outbox.log_all(self.transcript.set_caller_text(item_id, text_field(event, "transcript")))
        self._caller_turns.on_transcribed(item_id)

    def _on_transcription_failed(self, event: Event) -> None:
        item_id = text_field(event, "item_id")
        self._outbox.log_all(self.transcript.set_caller_text(item_id, None))
        self._caller_turns.on_transcribed(item_id)
        details = event.get("error") or {}
        message = f"The caller's speech was not transcribed: {details.get('message') or 'no reason given'}"
        fault = classify(event)
        hint = fault.hint if fault else None
        self._outbox.log_provider_error(message, details.get("code") or "transcription_failed", hint)

    def _on_speech_started(self, event: Event) -> None:
        self._caller_turns.on_speech_started(event)
        if self._scheduler.caller_speech is CallerSpeech.SPEAKING:  # not a turn that a new session hears again
            self._on_caller_turn(deliberate=False)

    def _on_speech_stopped(self, event: Event) -> None:
        self._on_caller_turn_ended()
        self._caller_turns.on_speech_stopped(event)

    def _on_caller_turn_ended(self) -> None:
        """Expect the service to commit the turn, and to answer it by itself in case of turn detection."""
        if self._scheduler.caller_speech is CallerSpeech.SPEAKING:
            self._waiting.on_turn_ended(self._push_to_talk.endpointing_ms)
            self._fillers.on_turn_ended(self._push_to_talk.endpointing_ms)
        self._scheduler.on_caller_turn_ended()
        self._stall_watch.on_caller_turn()
        self._outbox.set_timer(Timer.ANSWER, self._outbox.now_ms + ANSWER_WAIT_MS)

    def _on_committed(self, event: Event) -> None:
        item_id = text_field(event, "item_id")
        requested = self._caller_turns.commit_pending
        if not requested:
            self._on_caller_turn_ended()
        self._caller_turns.on_committed(item_id)
        if requested or self._push_to_talk.service_answers:
            return
        self._caller_turns.unblock_if_resent()
        self._scheduler.request_response([item_id])

    def _on_response_created(self, event: Event) -> None:
        response_id = text_field(event["response"], "id")
        caller_speaks = self._scheduler.awaits_announcement and self._scheduler.caller_speech is not CallerSpeech.SILENT
        self._scheduler.on_response_created(response_id)
        self._caller_turns.on_response_created()
        if (cancel := self._scheduler.repeat_cancel()) is not None:
            self._outbox.send(cancel)
        self._tools.on_response_begins()
        self._empty_answers.on_response_begins()
        if caller_speaks or not self._caller_there:
            # Nobody would hear the response, or it would interrupt the caller: it is requested again later.
            if not self._scheduler.cancelling:
                self._scheduler.request_response()
            self._playout.interrupt()

    def _on_output_item_added(self, event: Event) -> None:
        if event["item"].get("type") == "message":
            if self._playout.over_webrtc:
                self._playout.on_message_added(text_field(event, "response_id"), text_field(event["item"], "id"))
            self._output.on_message_added(event["item"], self._tools.speaker)

    def _on_output_item_done(self, event: Event) -> None:
        item = event["item"]
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._empty_answers.on_answer()
            self._tools.on_function_call(item)
        elif item.get("type") == "message":
            self._output.on_message_done(item)

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        response_id = text_field(response, "id")
        cancelled = self._scheduler.cancelling
        self._scheduler.on_response_done(response_id)
        self._session.on_response_done()
        for item in response.get("output") or ():  # these may have been missed while a sideband was down
            if item.get("type") == "function_call" and item.get("status") == "completed":
                self._tools.on_function_call(item)
            elif item.get("type") == "message":
                self._output.on_message_added(item, self._tools.speaker)
                self._output.on_message_done(item)
        match response.get("status"):
            case "cancelled":
                self._playout.on_response_cancelled(response_id)
            case "completed" | "incomplete":
                self._caller_turns.on_response_completed()
        self._output.on_response_done()
        self._limits.on_response_done()
        self._retry.on_response_done(response)
        if self._empty_answers.on_response_done(response, cancelled=cancelled):
            self._retry.on_no_answer()

    def _on_error(self, event: Event) -> None:
        details = event.get("error") or {}
        if self._refused.on_error(event):
            return
        code, event_id = details.get("code"), details.get("event_id")
        if code == "conversation_already_has_active_response" and self._scheduler.on_request_refused(event_id):
            return  # the request is sent again after the active response
        if self._caller_turns.on_commit_refused(event_id):
            return
        if self._push_to_talk.is_own_commit(event_id):
            self._scheduler.on_caller_turn_dropped()
            return
        if code == "response_cancel_not_active":
            return
        self._retry.on_error(event)

    # Requests, and the end of the call --------------------------------------------------------------------------------
    def _request_if_due(self) -> None:
        if self._ended or self._tools.block_response:
            return
        if (request := self._scheduler.next_request()) is not None:
            self._tools.on_response_begins()
            self._outbox.send(request)
            self._stall_watch.on_event()

    def _end_call(self, reason: str) -> None:
        self._fillers.stop()
        self._caller_turns.abort_speech()
        self._output.on_call_ended()
        self._tools.on_call_ended()
        self._outbox.log_all(self.transcript.close_open(self._playout.duration_ms))
        self._ended = True
        self._outbox.log(log_events.CallEnded(reason=reason))
        self._outbox.emit(EndCall(reason))

"""The call's state machine: pure, with the clock as an argument.

It has no sockets, tasks or pages: `step` takes an input and returns effects. Each of its parts holds one idea:

- `ResponseScheduler`: when the model is asked for a response
- `Transcript`: the conversation, and its replay to a new session
- `Playout`: the audio the caller hears; interruption and truncation
- `GuardedOutput`: guardrails, and output held back until they pass it
- `InputGuardrails`: checks of the caller's words
- `ToolCalls`: tools, approvals and handoffs
- `HostedMcp`: tool calls that the service makes itself
- `SessionLifecycle`: connect, resume, renew and lose the model session
- `CallerAudioWatch`: the end of a turn when the caller's audio stops
- `Interruption`: the caller's speech over the agent's, which interrupts by its words
- `FillerPlayer`: the call's own sentences while the caller would hear nothing
- `CallerTurns`: the caller's speech, and audio to resend after a lost session
- `PushToTalk`: push-to-talk, and the other settings of the call
- `ResponseRetry`: retries of failed responses
- `EmptyAnswers`: responses that end without audio and without a tool call
- `RefusedEvents`: session updates and items that the service refuses
- `StallWatch`: a call that waits and gets no sign, and a model that is silent during a response
- `CallLimits`: maximum duration and idle timeout
- `VoiceEnd`: the end of the caller's voice, by the page's report
- `HandOver`: the moment at which the call moves to another server
- `Waiting`: the one thing that the call waits for
- `Notes`: system messages that the caller does not see

`wiring.py` makes the parts. `CallerActivity` notifies them of the caller's turns, `CallerLeg` of the caller's leg,
`ModelEvents` of the model's events and `LinkEvents` of the link's. This file handles the caller's commands, the timers
and the end of the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from trunkline.calls import commands, log_events
from trunkline.calls.machine.call_limits import LimitAction
from trunkline.calls.machine.effects import ConfigureAgent, Connecting, Effect, EndCall
from trunkline.calls.machine.inputs import (
    AgentConfigured,
    AgentFailed,
    ApprovalRequested,
    AudioReceived,
    BudgetSpent,
    CallerAudioArrived,
    CallerJoined,
    CallerLeft,
    CodecChosen,
    CommandReceived,
    FillerFetched,
    GuardrailFinished,
    HandOverRequested,
    HangUpRequested,
    Input,
    LinkDropped,
    LinkOpened,
    OtherInput,
    RenewalFailed,
    StopRequested,
    TimerFired,
    ToolFinished,
    ToolsChanged,
    WireEventReceived,
    WordsHeard,
)
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.response_scheduler import ResponseState
from trunkline.calls.machine.restoration import Restoration
from trunkline.calls.machine.session_trace import SessionTrace
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.transcript import user_item
from trunkline.calls.machine.wiring import wire
from trunkline.realtime.events import NewId


class CallMachine:
    """State machine of one call. The shell feeds it inputs in order and carries out the effects in order.

    Args:
        plan: the facts that are fixed when the call is made.
        new_id: source of ids. The same inputs and ids give the same effects.
    """

    def __init__(self, plan: CallPlan, new_id: NewId) -> None:
        self.plan = plan
        wired = wire(
            plan,
            new_id,
            configuration=self.configuration,
            greet=lambda text: self._add_caller_text(text, hidden=True),
            fail_call=lambda reason: self._end_call(reason, failed=True),
        )
        self._ended = False
        self._parts = parts = wired.parts
        self._activity = wired.activity
        self._leg = wired.leg
        self._link = wired.link
        self._events = wired.events
        self._missed = wired.missed
        self._take_over = wired.take_over
        self._hand_over = wired.hand_over
        # The parts of each step are attributes, since there are fifty steps in a second of audio.
        self.transcript = parts.transcript
        self._outbox = parts.outbox
        self._scheduler = parts.scheduler
        self._output = parts.output
        self._tools = parts.tools
        self._session = parts.session
        self._caller_audio = parts.caller_audio
        self._empty_answers = parts.empty_answers
        self._stall_watch = parts.stall_watch
        self._fillers = parts.fillers
        self._limits = parts.limits
        self._waiting = parts.waiting

    @property
    def agent(self) -> str:
        """Name of the current agent."""
        return self._tools.agent

    def configuration(self, generation: int = 0) -> ConfigureAgent:
        """Return the order to configure the current agent for a new session."""
        push_to_talk = self._parts.push_to_talk
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
                metadata=dict(plan.metadata),
            )
        )
        outbox.log(log_events.AgentChanged(agent=plan.first_agent))
        self._parts.push_to_talk.log_settings()
        outbox.log_all(plan.notices)
        self._leg.expect()
        self._limits.begin()
        self._waiting.update(caller_there=False)
        return outbox.take()

    def resume(self, restored: Restoration, now_ms: float, session: SessionTrace | None = None) -> list[Effect]:
        """Return the first effects of a call that another server ran: wait for the caller, with all that was said.

        Args:
            restored: the state of the call at the end of its log.
            now_ms: the time of the call.
            session: the session of the WebRTC call, which lives on; None for a new session. A new one gets the
                conversation, and a note to continue it. An answer that was due, or was cut off, is requested when the
                caller is back.
        """
        self._outbox.begin_step(now_ms)
        self._take_over.resume(restored, session)
        self._leg.expect()
        self._limits.begin()
        self._waiting.update(caller_there=False)
        return self._outbox.take()

    def step(self, given: Input, now_ms: float) -> list[Effect]:
        """Return the effects of an input at `now_ms`."""
        self._outbox.begin_step(now_ms)
        if self._ended:
            return []
        if isinstance(given, WireEventReceived):  # the most frequent inputs first
            if not self._events.on_event(given):
                return self._outbox.take()
        elif isinstance(given, AudioReceived):  # fifty times a second
            passes = self._scheduler.state is ResponseState.SPEAKING and not self._output.holding
            self._stall_watch.on_audio()
            self._empty_answers.on_answer()
            if passes:  # no request, renewal or wait depends on this audio
                self._output.on_audio(given)
                return self._outbox.take()
            self._scheduler.on_output()
            self._output.on_audio(given)
        else:
            self._handle(given)
        if self._scheduler.response_wanted:
            self._request_if_due()
        if not self._ended:
            self._session.renew_if_due(self._is_at_rest)
            self._caller_audio.update()
            if self._waiting.update(caller_there=self._activity.is_there):
                self._stall_watch.on_wait(self._waiting.current)
            self._fillers.update(self._waiting.current)
            if self._limits.ending is not None and self._is_at_rest():
                self._limits.on_rest(self._parts.playout.heard_at_ms)
            self._ended = self._hand_over.is_done(self.plan.call_id, caller_there=self._activity.is_there)
        return self._outbox.take()

    def _handle(self, given: OtherInput) -> None:  # noqa: C901 - one case for each input
        match given:  # the most frequent inputs first
            case CommandReceived():
                self._on_command(given)
            case TimerFired():
                self._on_timer(given.timer)
            case AgentConfigured():
                self._link.on_configured(given)
            case AgentFailed():
                self._link.on_agent_failed(given)
            case ApprovalRequested():
                self._tools.on_approval_requested(given.tool_call_id, given.arguments)
            case CallerAudioArrived():
                self._caller_audio.on_audio()
            case WordsHeard():
                self._parts.interruption.on_words(given)
            case FillerFetched():
                self._fillers.on_fetched(given)
            case CallerJoined():
                self._leg.on_joined(given)
            case CallerLeft():
                self._leg.on_left(given)
            case CodecChosen():
                self._on_codec_chosen(given)
            case GuardrailFinished():
                if not self._parts.input_guardrails.on_finished(given):
                    self._output.on_guardrail_finished(given)
            case LinkDropped():
                self._link.on_dropped(given)
            case LinkOpened():
                self._link.on_opened(given)
            case RenewalFailed():
                self._session.on_renewal_failed()
            case HandOverRequested(moment):
                self._hand_over.request(moment)
            case StopRequested():
                self._end_call(given.reason)
            case ToolFinished():
                self._tools.on_tool_finished(given)
            case ToolsChanged():
                self._tools.on_tools_changed(given)
            case BudgetSpent(reason):
                self._apply_limit(self._limits.on_budget_spent(reason), interrupts=False)
            case HangUpRequested(reason):
                self._apply_limit(self._limits.hang_up(reason), interrupts=False)
            case _:
                assert_never(given)

    def _is_at_rest(self) -> bool:
        """Return whether the call waits for its caller only: no response, tool, check or request is pending."""
        return self._activity.is_there and self._waiting.reason(caller_there=True) == "caller"

    # The caller -----------------------------------------------------------------------------------------------------
    def _on_command(self, received: CommandReceived) -> None:  # noqa: C901 - one case for each command
        command = received.command
        match command:
            case commands.Played(item_id, ms):
                self._limits.reset_idle_timer()
                self._parts.playout.on_played(item_id, ms)
                return
            case commands.AudioReport(buffer_ms, output_ms):
                self._parts.playout.on_delay(buffer_ms, output_ms)
                return
            case commands.VoiceEnded(ms):
                self._parts.voice_end.on_reported(ms)
                return
            case commands.AgentAudio(audible, since_ms):
                self._parts.playout.on_page_report(audible=audible, since_ms=since_ms)
                return
            case commands.CallerAudio(flows, since_ms):
                self._caller_audio.on_page_report(flows=flows, since_ms=since_ms)
                return
            case commands.MediaReady() | commands.AudioFrom():
                return  # the shell feeds `CallerJoined` instead, and numbers the audio
            case _:
                self._activity.on_active()
        match command:
            case commands.Say(text):
                self._on_typed(text)
            case commands.ShowImage(image_url, text):
                self._on_typed(text, [image_url])
            case commands.Dtmf(digits):
                self._on_typed(digits)
            case commands.Interrupt():
                self._scheduler.cancel_request()
                self._activity.interrupt()
            case commands.HangUp():
                self._end_call("caller hung up")
            case commands.PushToTalk(on):
                self._parts.caller_turns.abort_speech()
                if self._parts.push_to_talk.switch(on):
                    self._parts.caller_turns.discard()
            case commands.Press():
                self._on_press()
            case commands.Release():
                if self._parts.push_to_talk.release():
                    self._activity.on_turn_ended()
            case commands.Voice(voice, speed):
                self._parts.push_to_talk.set_voice(voice, speed)
            case commands.Approve(tool_call_id, approved):
                self._tools.resolve_approval(tool_call_id, approved)
                self._parts.hosted_mcp.resolve_approval(tool_call_id, approved)
            case _:
                assert_never(command)

    def _on_codec_chosen(self, chosen: CodecChosen) -> None:
        if self._parts.push_to_talk.set_codec(chosen.codec) and not self._parts.playout.over_webrtc:
            self._session.renew("another codec", make_before_break=self._is_at_rest())

    def _on_typed(self, text: str, images: Sequence[str] = ()) -> None:
        self._parts.caller_turns.commit_speech()
        self._activity.on_turn(deliberate=True)
        item_id = self._add_caller_text(text, images=images)
        if self.plan.input_guardrails:
            self._parts.input_guardrails.on_caller_text(item_id, text, self.agent)

    def _on_press(self) -> None:
        if self._parts.push_to_talk.pressed or not self._parts.push_to_talk.settings.push_to_talk:
            return
        self._activity.on_turn(deliberate=True)
        self._parts.caller_turns.on_pressed(continues=self._parts.push_to_talk.press())

    def _add_caller_text(self, text: str, *, hidden: bool = False, images: Sequence[str] = ()) -> str:
        item_id = self._outbox.new_id("item")
        self._outbox.log_all(self.transcript.add_typed(item_id, text, hidden=hidden, images=images))
        self._outbox.send({"type": "conversation.item.create", "item": user_item(item_id, text, images)})
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])
        return item_id

    def _on_timer(self, timer: Timer) -> None:  # noqa: C901 - one case for each timer
        match timer:
            case Timer.CALLER:
                if (reason := self._leg.missing_reason()) is not None:
                    self._end_call(reason)
            case Timer.CALLER_AUDIO:
                self._caller_audio.on_missing()
            case Timer.SESSION_CONFIRMATION:
                self._session.on_confirmed()
                self._tools.complete_handoff()
            case Timer.INTERRUPTION:
                self._parts.interruption.on_timer()
            case Timer.FILLER:
                self._fillers.on_timer()
            case Timer.HAND_OVER:
                pass  # the end of the step hands over
            case Timer.RETRY:
                self._parts.retry.on_retry_timer()
            case Timer.TRUNCATION:
                self._parts.playout.settle_truncations()
            case Timer.MISSED_ITEMS:
                self._missed.on_timer()
            case Timer.MISSED_RESPONSE:
                if not self._missed.on_response_timeout():
                    self._session.on_missed_response_timeout()
            case Timer.MISSED_STOP:
                self._parts.playout.check_missed_stop()
            case Timer.RENEWAL:
                self._session.on_renewal_timer()
            case Timer.NOTICE:
                self._stall_watch.on_notice_timer()
            case Timer.STALL:
                if self._stall_watch.on_timer():
                    self._parts.retry.on_stalled()
            case Timer.RESEND:
                self._parts.caller_turns.on_resend_timeout()
            case Timer.COMMIT:
                if self._parts.push_to_talk.commit():
                    self._activity.on_turn_ended()
            case Timer.ANSWER:
                self._scheduler.on_answer_overdue()
            case Timer.LIMIT_WARNING | Timer.GOODBYE | Timer.MAX_CALL | Timer.IDLE:
                self._apply_limit(self._limits.on_timer(timer))
            case _:
                assert_never(timer)

    def _apply_limit(self, limit: LimitAction, *, interrupts: bool = True) -> None:
        if limit.goodbye is not None:
            if interrupts:
                self._activity.interrupt()
            self._parts.notes.instruct(limit.goodbye)
        elif limit.end_reason is not None:
            self._end_call(limit.end_reason)

    # Requests, and the end of the call --------------------------------------------------------------------------------
    def _request_if_due(self) -> None:
        if self._ended or self._tools.block_response:
            return
        if (request := self._scheduler.next_request()) is not None:
            self._tools.on_response_begins()
            self._outbox.send(request)
            self._stall_watch.on_event()

    def _end_call(self, reason: str, *, failed: bool = False) -> None:
        self._fillers.stop()
        self._parts.caller_turns.abort_speech()
        self._output.on_call_ended()
        self._parts.input_guardrails.on_call_ended()
        self._tools.on_call_ended()
        self._outbox.log_all(self.transcript.close_open(self._parts.playout.duration_ms))
        self._ended = True
        self._outbox.log(log_events.CallEnded(reason=reason, failed=failed))
        self._outbox.emit(EndCall(reason))

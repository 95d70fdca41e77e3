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

`CallerActivity` notifies the parts of the caller's turns, and `ModelEvents` passes the model's events on to them. This
file handles the caller's leg and commands, the link and the timers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from trunkline.calls import commands, log_events
from trunkline.calls.machine.call_limits import CallLimits, LimitAction
from trunkline.calls.machine.caller_activity import CallerActivity
from trunkline.calls.machine.caller_audio_watch import CallerAudioWatch
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import ConfigureAgent, Connecting, Effect, EndCall, HandingOff, RenewSession
from trunkline.calls.machine.empty_answers import EmptyAnswers
from trunkline.calls.machine.fallback_model import FallbackModel
from trunkline.calls.machine.filler_player import FillerPlayer
from trunkline.calls.machine.guarded_output import GuardedOutput
from trunkline.calls.machine.hand_over import HandOver
from trunkline.calls.machine.hosted_mcp import HostedMcp
from trunkline.calls.machine.input_guardrails import InputGuardrails
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
from trunkline.calls.machine.interruption import Interruption
from trunkline.calls.machine.missed_items import MissedItems
from trunkline.calls.machine.model_events import ModelEvents
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.push_to_talk import PushToTalk
from trunkline.calls.machine.refused_events import RefusedEvents
from trunkline.calls.machine.response_retry import ResponseRetry
from trunkline.calls.machine.response_scheduler import BlockReason, ResponseScheduler, ResponseState
from trunkline.calls.machine.restoration import Restoration
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.session_trace import SessionTrace
from trunkline.calls.machine.stall_watch import StallWatch
from trunkline.calls.machine.take_over import TakeOver
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Transcript, system_item, user_item
from trunkline.calls.machine.voice_end import VoiceEnd
from trunkline.calls.machine.waiting import Waiting
from trunkline.realtime.events import NewId


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
        self._hosted_mcp = HostedMcp(outbox, self._scheduler)
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
            on_resumed=lambda: self._missed.on_session_resumed(),
        )
        self._interruption = Interruption(
            plan,
            outbox,
            self._scheduler,
            self.transcript,
            self._playout,
            self._caller_turns,
            self._tools,
            lambda: self._activity.on_turn(deliberate=False),
        )
        self._push_to_talk = PushToTalk(plan, outbox, self._scheduler, self._playout, lambda: self._interruption.mode)
        self._caller_audio = CallerAudioWatch(
            outbox, self._scheduler, self._playout, self._caller_turns, self._push_to_talk
        )
        self._limits = CallLimits(plan, outbox)
        self._empty_answers = EmptyAnswers(outbox, self._scheduler)
        self._stall_watch = StallWatch(plan, outbox, status, self._scheduler)
        self._voice_end = VoiceEnd(outbox)
        self._waiting = Waiting(outbox, status, self._scheduler, self._tools, self._output)
        self._hand_over = HandOver(
            outbox,
            self._scheduler,
            self.transcript,
            self._playout,
            self._fillers,
            self._tools,
            self._hosted_mcp,
            self._limits,
            self._waiting,
        )
        self._leg: tuple[str, str] | None = None
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
            lambda: self._activity.interrupt(),
            self._fail_call,
        )
        self._input_guardrails = InputGuardrails(
            plan, outbox, lambda: self._activity.interrupt(), self._instruct_model, self._add_note
        )
        parts = Parts(
            plan=plan,
            outbox=self._outbox,
            status=self._status,
            scheduler=self._scheduler,
            transcript=self.transcript,
            playout=self._playout,
            fillers=self._fillers,
            output=self._output,
            tools=self._tools,
            hosted_mcp=self._hosted_mcp,
            input_guardrails=self._input_guardrails,
            caller_turns=self._caller_turns,
            interruption=self._interruption,
            session=self._session,
            push_to_talk=self._push_to_talk,
            limits=self._limits,
            empty_answers=self._empty_answers,
            stall_watch=self._stall_watch,
            voice_end=self._voice_end,
            waiting=self._waiting,
            retry=self._retry,
            refused=self._refused,
        )
        self._activity = CallerActivity(
            parts,
            lambda text: self._add_caller_text(text, hidden=True),
            self._add_note,
            recording_notice=plan.recording_notice,
        )
        self._missed = MissedItems(parts, self._activity)
        self._events = ModelEvents(parts, self._activity, self._missed)
        self._take_over = TakeOver(parts, self._activity, self._missed)

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
                metadata=dict(plan.metadata),
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
        self._scheduler.block(BlockReason.CALLER_AWAY)
        self._wait_for_caller()
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
                self._limits.on_rest(self._playout.heard_at_ms)
            self._ended = self._hand_over.is_done(self.plan.call_id, caller_there=self._activity.is_there)
        return self._outbox.take()

    def _handle(self, given: OtherInput) -> None:  # noqa: C901 - one case for each input
        match given:  # the most frequent inputs first
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
            case WordsHeard():
                self._interruption.on_words(given)
            case FillerFetched():
                self._fillers.on_fetched(given)
            case CallerJoined():
                self._on_caller_joined(given)
            case CallerLeft():
                self._on_caller_left(given)
            case CodecChosen():
                self._on_codec_chosen(given)
            case GuardrailFinished():
                if not self._input_guardrails.on_finished(given):
                    self._output.on_guardrail_finished(given)
            case LinkDropped():
                self._on_link_dropped(given)
            case LinkOpened():
                self._on_link_opened(given)
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
    def _on_caller_joined(self, joined: CallerJoined) -> None:
        self._activity.on_joined()
        self._scheduler.unblock(BlockReason.CALLER_AWAY)
        self._outbox.set_timer(Timer.CALLER, None)
        if (leg := (joined.leg_id, joined.transport)) != self._leg:  # a page may send media_ready twice
            self._leg = leg
            self._outbox.log(
                log_events.LegJoined(leg_id=joined.leg_id, transport=joined.transport, reason=joined.reason)
            )
        if joined.transport == "webrtc":
            self._caller_turns.abort_speech()
            self._caller_turns.discard()  # from now on audio does not pass through the call
        self._playout.on_caller_joined(joined.transport)
        self._interruption.on_caller_joined(joined.transport)
        self._push_to_talk.on_caller_joined()
        self._caller_audio.on_caller_joined()
        self._activity.greet()

    def _on_caller_left(self, left: CallerLeft) -> None:
        self._activity.on_left()
        self._leg = None
        self._scheduler.block(BlockReason.CALLER_AWAY)
        continues = left.keeps_audio and not self._push_to_talk.settings.push_to_talk
        if continues:
            self._caller_audio.on_caller_left()
        else:
            self._push_to_talk.on_caller_left()
            self._caller_turns.abort_speech()
            self._caller_turns.discard()
            self._scheduler.on_caller_turn_dropped()
        waiting_ms = round(self.plan.caller_wait_ms)
        self._outbox.log(log_events.LegLost(leg_id=left.leg_id, reason=left.reason, waiting_ms=waiting_ms))
        self._wait_for_caller()
        if self._playout.on_caller_left():
            self._interruption.close()
            return  # only the page's socket is gone: audio may still flow
        if (
            (self._scheduler.busy and not self._scheduler.cancelling)
            or self._playout.relay_playing
            or self._output.holding
        ):
            self._scheduler.request_response()  # the interrupted answer is given again when the caller is back
        self._activity.interrupt()
        if not continues:
            self._outbox.send({"type": "input_audio_buffer.clear"})

    def _wait_for_caller(self) -> None:
        self._outbox.set_timer(Timer.CALLER, self._outbox.now_ms + self.plan.caller_wait_ms)

    def _on_command(self, received: CommandReceived) -> None:  # noqa: C901 - one case for each command
        command = received.command
        match command:
            case commands.Played(item_id, ms):
                self._limits.reset_idle_timer()
                self._playout.on_played(item_id, ms)
                return
            case commands.AudioReport(buffer_ms, output_ms):
                self._playout.on_delay(buffer_ms, output_ms)
                return
            case commands.VoiceEnded(ms):
                self._voice_end.on_reported(ms)
                return
            case commands.AgentAudio(audible, since_ms):
                self._playout.on_page_report(audible=audible, since_ms=since_ms)
                return
            case commands.CallerAudio(flows, since_ms):
                self._caller_audio.on_page_report(flows=flows, since_ms=since_ms)
                return
            case commands.MediaReady() | commands.AudioFrom():
                return  # the shell feeds `CallerJoined` instead, and numbers the audio
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
                self._caller_turns.abort_speech()
                if self._push_to_talk.switch(on):
                    self._caller_turns.discard()
            case commands.Press():
                self._on_press()
            case commands.Release():
                if self._push_to_talk.release():
                    self._activity.on_turn_ended()
            case commands.Voice(voice, speed):
                self._push_to_talk.set_voice(voice, speed)
            case commands.Approve(tool_call_id, approved):
                self._tools.resolve_approval(tool_call_id, approved)
                self._hosted_mcp.resolve_approval(tool_call_id, approved)
            case _:
                assert_never(command)

    def _on_codec_chosen(self, chosen: CodecChosen) -> None:
        if self._push_to_talk.set_codec(chosen.codec) and not self._playout.over_webrtc:
            self._session.renew("another codec", make_before_break=self._is_at_rest())

    def _on_typed(self, text: str, images: Sequence[str] = ()) -> None:
        self._caller_turns.commit_speech()
        self._activity.on_turn(deliberate=True)
        item_id = self._add_caller_text(text, images=images)
        if self.plan.input_guardrails:
            self._input_guardrails.on_caller_text(item_id, text, self.agent)

    def _on_press(self) -> None:
        if self._push_to_talk.pressed or not self._push_to_talk.settings.push_to_talk:
            return
        self._activity.on_turn(deliberate=True)
        self._caller_turns.on_pressed(continues=self._push_to_talk.press())

    def _add_caller_text(self, text: str, *, hidden: bool = False, images: Sequence[str] = ()) -> str:
        item_id = self._outbox.new_id("item")
        self._outbox.log_all(self.transcript.add_typed(item_id, text, hidden=hidden, images=images))
        self._outbox.send({"type": "conversation.item.create", "item": user_item(item_id, text, images)})
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])
        return item_id

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

    def _on_timer(self, timer: Timer) -> None:  # noqa: C901 - one case for each timer
        match timer:
            case Timer.CALLER:
                if not self._activity.is_there:
                    self._end_call("the caller did not come back" if self._activity.has_joined else "no caller came")
            case Timer.CALLER_AUDIO:
                self._caller_audio.on_missing()
            case Timer.SESSION_CONFIRMATION:
                self._session.on_confirmed()
                self._tools.complete_handoff()
            case Timer.INTERRUPTION:
                self._interruption.on_timer()
            case Timer.FILLER:
                self._fillers.on_timer()
            case Timer.HAND_OVER:
                pass  # the end of the step hands over
            case Timer.RETRY:
                self._retry.on_retry_timer()
            case Timer.TRUNCATION:
                self._playout.settle_truncations()
            case Timer.MISSED_ITEMS:
                self._missed.on_timer()
            case Timer.MISSED_RESPONSE:
                if not self._missed.on_response_timeout():
                    self._session.on_missed_response_timeout()
            case Timer.MISSED_STOP:
                self._playout.check_missed_stop()
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
            self._instruct_model(limit.goodbye)
        elif limit.end_reason is not None:
            self._end_call(limit.end_reason)

    # The link -------------------------------------------------------------------------------------------------------
    def _on_link_opened(self, opened: LinkOpened) -> None:
        if opened.renewed:
            self._hosted_mcp.on_session_lost()
            self._tools.complete_handoff()
            self._interruption.close()
            self._output.on_session_lost()
        if not opened.resumed:
            self._take_over.on_session_replaced()
        self._session.on_link_opened(opened)

    def _on_link_dropped(self, dropped: LinkDropped) -> None:
        if dropped.resumable:
            self._missed.on_sideband_lost()
        else:
            self._take_over.on_session_replaced()
            self._interruption.close()
            self._output.on_session_lost()
            self._hosted_mcp.on_session_lost()
        if model_changed := self._retry.on_link_dropped(dropped):
            dropped = msgspec.structs.replace(dropped, retry_in_ms=0)
        continues = self._session.on_link_dropped(dropped)
        self._tools.complete_handoff()  # the next link gets the next agent's session
        if model_changed:
            self._outbox.emit(RenewSession("the fallback model takes over", make_before_break=False))
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
        self._fail_call("the model cannot be reached")

    def _on_configured(self, configured: AgentConfigured) -> None:
        purpose = configured.purpose
        self._tools.on_agent_has(configured.agent, configured.has)
        if isinstance(purpose, HandingOff):
            self._tools.on_agent_configured(configured, purpose)
        elif purpose.generation != self._session.generation:
            return  # it was configured for a link that is lost
        elif configured.agent == self.agent:
            self._session.on_configured(configured.session)
            self._retry.on_session_opened()
            self._caller_turns.on_session_opened()
            self._push_to_talk.on_session_opened(needs_commit=self._caller_turns.needs_commit)
            self._activity.greet()
        else:  # a handoff has changed the agent meanwhile
            self._session.configure()

    def _on_agent_failed(self, failed: AgentFailed) -> None:
        purpose = failed.purpose
        if not isinstance(purpose, HandingOff) and purpose.generation != self._session.generation:
            return
        self._outbox.log(_agent_error(failed))
        if isinstance(purpose, HandingOff):
            self._tools.on_agent_failed(failed, purpose)
        else:
            self._fail_call(f"the agent {failed.agent} could not be set up")

    # Requests, and the end of the call --------------------------------------------------------------------------------
    def _request_if_due(self) -> None:
        if self._ended or self._tools.block_response:
            return
        if (request := self._scheduler.next_request()) is not None:
            self._tools.on_response_begins()
            self._outbox.send(request)
            self._stall_watch.on_event()

    def _fail_call(self, reason: str) -> None:
        self._end_call(reason, failed=True)

    def _end_call(self, reason: str, *, failed: bool = False) -> None:
        self._fillers.stop()
        self._caller_turns.abort_speech()
        self._output.on_call_ended()
        self._input_guardrails.on_call_ended()
        self._tools.on_call_ended()
        self._outbox.log_all(self.transcript.close_open(self._playout.duration_ms))
        self._ended = True
        self._outbox.log(log_events.CallEnded(reason=reason, failed=failed))
        self._outbox.emit(EndCall(reason))


def _agent_error(failed: AgentFailed) -> log_events.CallError:
    if failed.advice is not None:
        message = f"The handoff to {failed.agent!r} was refused: {failed.error}"
        return log_events.CallError(message=message, code="handoff_refused", source="tool")
    return log_events.CallError(
        message=f"The agent {failed.agent!r} could not be set up: {failed.error}",
        code="agent_failed",
        source="scenario",
        hint="Look at its instructions, tools and handoffs.",
    )

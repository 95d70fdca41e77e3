"""Construction of the parts of a call's state machine. A part that another one calls back gets a function for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trunkline.calls.machine.call_limits import CallLimits
from trunkline.calls.machine.caller_activity import CallerActivity
from trunkline.calls.machine.caller_audio_watch import CallerAudioWatch
from trunkline.calls.machine.caller_leg import CallerLeg
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import ConfigureAgent
from trunkline.calls.machine.empty_answers import EmptyAnswers
from trunkline.calls.machine.fallback_model import FallbackModel
from trunkline.calls.machine.filler_player import FillerPlayer
from trunkline.calls.machine.guarded_output import GuardedOutput
from trunkline.calls.machine.hand_over import HandOver
from trunkline.calls.machine.hosted_mcp import HostedMcp
from trunkline.calls.machine.input_guardrails import InputGuardrails
from trunkline.calls.machine.interruption import Interruption
from trunkline.calls.machine.link_events import LinkEvents
from trunkline.calls.machine.missed_items import MissedItems
from trunkline.calls.machine.model_events import ModelEvents
from trunkline.calls.machine.notes import Notes
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.push_to_talk import PushToTalk
from trunkline.calls.machine.refused_events import RefusedEvents
from trunkline.calls.machine.response_retry import ResponseRetry
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.stall_watch import StallWatch
from trunkline.calls.machine.take_over import TakeOver
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Transcript
from trunkline.calls.machine.voice_end import VoiceEnd
from trunkline.calls.machine.waiting import Waiting
from trunkline.realtime.events import NewId


@dataclass(frozen=True)
class Wired:
    """The parts of one call, and the parts that pass its inputs on to several of them."""

    parts: Parts
    activity: CallerActivity
    leg: CallerLeg
    link: LinkEvents
    events: ModelEvents
    missed: MissedItems
    take_over: TakeOver
    hand_over: HandOver


def wire(
    plan: CallPlan,
    new_id: NewId,
    *,
    configuration: Callable[[int], ConfigureAgent],
    greet: Callable[[str], object],
    fail_call: Callable[[str], None],
) -> Wired:
    """Make the parts of a call.

    Args:
        plan: the facts that are fixed when the call is made.
        new_id: source of ids.
        configuration: returns the order to configure the current agent for a generation of the session.
        greet: adds the caller's hidden first message, which the greeting answers.
        fail_call: ends the call for a reason.
    """
    status = SessionStatus()
    scheduler = ResponseScheduler(new_id, status)
    outbox = Outbox(new_id, status)
    transcript = Transcript()
    notes = Notes(outbox, scheduler, transcript)
    playout = Playout(outbox, scheduler, transcript, on_agent_audio=lambda: fillers.on_agent_audio())
    fillers = FillerPlayer(plan.fillers, outbox, playout)
    output = GuardedOutput(plan, outbox, scheduler, transcript, playout)
    tools = ToolCalls(plan, outbox, scheduler, transcript)
    hosted_mcp = HostedMcp(outbox, scheduler)
    caller_turns = CallerTurns(outbox, scheduler, transcript, playout)
    session = SessionLifecycle(
        plan,
        outbox,
        status,
        scheduler,
        transcript,
        playout,
        caller_turns,
        configuration=configuration,
        on_resumed=lambda: missed.on_session_resumed(),
    )
    interruption = Interruption(
        plan,
        outbox,
        scheduler,
        transcript,
        playout,
        caller_turns,
        tools,
        lambda: activity.on_turn(deliberate=False),
    )
    push_to_talk = PushToTalk(plan, outbox, scheduler, playout, lambda: interruption.mode)
    retry = ResponseRetry(outbox, scheduler, session, FallbackModel(plan, outbox), notes.instruct, fillers.on_failed)
    limits = CallLimits(plan, outbox)
    waiting = Waiting(outbox, status, scheduler, tools, output)
    parts = Parts(
        plan=plan,
        outbox=outbox,
        status=status,
        scheduler=scheduler,
        transcript=transcript,
        notes=notes,
        playout=playout,
        fillers=fillers,
        output=output,
        tools=tools,
        hosted_mcp=hosted_mcp,
        input_guardrails=InputGuardrails(plan, outbox, lambda: activity.interrupt(), notes.instruct, notes.add),
        caller_turns=caller_turns,
        caller_audio=CallerAudioWatch(outbox, scheduler, playout, caller_turns, push_to_talk),
        interruption=interruption,
        session=session,
        push_to_talk=push_to_talk,
        limits=limits,
        empty_answers=EmptyAnswers(outbox, scheduler),
        stall_watch=StallWatch(plan, outbox, status, scheduler),
        voice_end=VoiceEnd(outbox),
        waiting=waiting,
        retry=retry,
        refused=RefusedEvents(
            outbox,
            scheduler,
            transcript,
            tools,
            push_to_talk,
            session,
            lambda: activity.interrupt(),
            fail_call,
        ),
    )
    activity = CallerActivity(parts, greet, notes.add, recording_notice=plan.recording_notice)
    missed = MissedItems(parts, activity)
    take_over = TakeOver(parts, activity, missed)
    return Wired(
        parts=parts,
        activity=activity,
        leg=CallerLeg(parts, activity),
        link=LinkEvents(parts, activity, missed, take_over, fail_call),
        events=ModelEvents(parts, activity, missed),
        missed=missed,
        take_over=take_over,
        hand_over=HandOver(outbox, scheduler, transcript, playout, fillers, tools, hosted_mcp, limits, waiting),
    )

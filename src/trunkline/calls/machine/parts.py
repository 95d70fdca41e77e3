"""The parts of a call's state machine, for the code that passes one event on to several of them."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.calls.machine.call_limits import CallLimits
from trunkline.calls.machine.caller_audio_watch import CallerAudioWatch
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.empty_answers import EmptyAnswers
from trunkline.calls.machine.filler_player import FillerPlayer
from trunkline.calls.machine.guarded_output import GuardedOutput
from trunkline.calls.machine.hosted_mcp import HostedMcp
from trunkline.calls.machine.input_guardrails import InputGuardrails
from trunkline.calls.machine.interruption import Interruption
from trunkline.calls.machine.notes import Notes
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.push_to_talk import PushToTalk
from trunkline.calls.machine.refused_events import RefusedEvents
from trunkline.calls.machine.response_retry import ResponseRetry
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.stall_watch import StallWatch
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Transcript
from trunkline.calls.machine.voice_end import VoiceEnd
from trunkline.calls.machine.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one call; see `trunkline.calls.machine.machine` for the idea of each."""

    plan: CallPlan
    outbox: Outbox
    status: SessionStatus
    scheduler: ResponseScheduler
    transcript: Transcript
    notes: Notes
    playout: Playout
    fillers: FillerPlayer
    output: GuardedOutput
    tools: ToolCalls
    hosted_mcp: HostedMcp
    input_guardrails: InputGuardrails
    caller_turns: CallerTurns
    caller_audio: CallerAudioWatch
    interruption: Interruption
    session: SessionLifecycle
    push_to_talk: PushToTalk
    limits: CallLimits
    empty_answers: EmptyAnswers
    stall_watch: StallWatch
    voice_end: VoiceEnd
    waiting: Waiting
    retry: ResponseRetry
    refused: RefusedEvents

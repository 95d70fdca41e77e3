"""Construction of the parts of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from trunkline.calls.agents.hooks import HOOKED_KINDS
from trunkline.calls.agents.mcp_servers import McpServers
from trunkline.calls.agents.runner import AgentRunner, CallHandle, RunnerTimeLimits
from trunkline.calls.call_plan import plan_call
from trunkline.calls.caller_leg import CallerLeg
from trunkline.calls.committed_tools import CommittedTools
from trunkline.calls.live_record import TakenOverCall
from trunkline.calls.log import Log, LogReaderFactory, ReaderOfKinds
from trunkline.calls.log_events import AudioDucked, AudioResumed, Codec, Transport
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.machine import CallMachine
from trunkline.calls.machine.timers import Timer
from trunkline.calls.media_transport import MediaTransport
from trunkline.calls.metered_log import MeteredLog
from trunkline.calls.metrics.config import MetricsConfig
from trunkline.calls.metrics.cost_limits import CallBudget, DayBudget
from trunkline.calls.metrics.meters import Meters
from trunkline.calls.metrics.tracing import tracing
from trunkline.calls.model_link.link import Link
from trunkline.calls.open_pages import OpenPages
from trunkline.calls.pages import Leg
from trunkline.calls.recording import Recording, RecordingSource
from trunkline.calls.relayed_audio import RelayedAudio
from trunkline.calls.send_gate import SendGate
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.calls.word_listener import WordListener
from trunkline.engine.speech import ProbingStt
from trunkline.engine.speech.factory import create_voice_activity_factory
from trunkline.machine_runner import MachineRunner
from trunkline.providers import Provider
from trunkline.realtime.ids import new_id
from trunkline.scenario.scenario import AnyScenario


class CallParts:
    """The parts of one call; see `Call` for the arguments that it passes on.

    Args:
        readers: make the readers of the log.
        taken_over: the call that another server ran; None for a new call.
        log: the log of the call.
        gate: the gate of the call.
        now_ms: returns the time since the call's start, in ms.
        perform: carries out an effect of the machine.
        on_failure: handles an error that stops the machine.
        on_ended: called after `call.ended`.
    """

    def __init__(
        self,
        call_id: str,
        caller_key: str,
        scenario: AnyScenario,
        provider: Provider,
        *,
        first_agent: str,
        transport: Transport,
        codec: Codec,
        caller_id: str | None,
        time_limits: CallTimeLimits,
        metrics: MetricsConfig,
        word_stt: ProbingStt | None,
        metadata: Mapping[str, str],
        mcp_servers: McpServers,
        day_budget: DayBudget | None,
        recording: Recording | None,
        readers: Sequence[LogReaderFactory],
        taken_over: TakenOverCall | None,
        log: Log,
        gate: SendGate,
        now_ms: Callable[[], float],
        perform: Callable[[effects.Effect], None],
        on_failure: Callable[[Exception], None],
        on_ended: Callable[[], None],
    ) -> None:
        former = None if taken_over is None else taken_over.record
        model = provider.model_for(scenario)
        day_budget = day_budget or DayBudget(metrics.cost_limits)
        self.agents = AgentRunner(
            scenario,
            provider,
            RunnerTimeLimits(time_limits.tool_timeout_s, time_limits.guardrail_timeout_s, time_limits.approval_wait_s),
            CallHandle(
                call_id=call_id,
                caller_id=caller_id,
                first_agent=first_agent,
                metadata=metadata,
                agent=lambda: self.machine.agent,
                history=lambda: self.machine.transcript.history(),
                feed=lambda given: self.runner.post(given),
                spawn=lambda work: self.runner.spawn(work),
                append=lambda event: self.log.append(event),
                on_text_reply=lambda purpose, reply: self.log.on_text_reply(purpose, reply),
                now_ms=now_ms,
            ),
            mcp_servers,
        )
        hears_words = word_stt is not None and scenario.interruption not in ("speech", "off")
        plan = plan_call(
            call_id,
            scenario,
            self.agents,
            provider,
            first_agent=first_agent,
            model=model,
            transport=transport,
            codec=codec,
            listens=hears_words,
            is_recorded=recording is not None and recording.notice is None,
            time_limits=time_limits,
            metadata=metadata,
            prices=metrics.prices,
            cost_limits=day_budget.limits,
        )
        self.machine: CallMachine = CallMachine(plan, new_id)
        self.runner: MachineRunner[inputs.Input, effects.Effect, Timer] = MachineRunner(
            step=self.machine.step,
            perform=perform,
            timer_fired=inputs.TimerFired,
            now_ms=now_ms,
            on_failure=on_failure,
            may_step=gate.is_open,
        )
        self.link = Link(self.runner.post, gate=gate)
        self.log = MeteredLog(
            log,
            Meters(metrics.prices),
            CallBudget(day_budget),
            self.runner,
            audio_stats=self.link.take_audio_stats,
            on_ended=on_ended,
        )
        self.tools = CommittedTools(self.agents, gate, self.log.append)
        self.words: WordListener | None = None
        if hears_words and word_stt is not None:
            activity = create_voice_activity_factory()()
            self.words = WordListener(word_stt, activity, call_id, self.runner.spawn, self.runner.post)
        self.media = MediaTransport(
            call_id,
            scenario,
            provider,
            model,
            agents=self.agents,
            configuration=self.machine.configuration,
            link=self.link,
            source=RecordingSource(recording, now_ms),
            spawn=self.runner.spawn,
        )
        if transport == "websocket":
            self.media.use_relay()
        legs = 1 if former is None else former.legs
        leg = Leg(
            leg_id=new_id("leg") if former is None else former.leg_id,
            transport=transport,
            public_id=f"leg_{legs}",
            reason=None if former is None else former.leg_reason,
        )
        self.relayed = RelayedAudio(
            leg,
            self.link,
            self.runner.post,
            now_ms,
            recording,
            self.words,
            None if former is None else former.audio_position,
        )
        self.pages = OpenPages(log, now_ms)
        self.caller = CallerLeg(
            leg,
            legs,
            codec,
            caller_key=caller_key,
            pages=self.pages,
            relayed=self.relayed,
            media=self.media,
            link=self.link,
            runner=self.runner,
        )
        log.subscribe(self.relayed.on_held, AudioDucked, AudioResumed)
        log.subscribe(self.agents.hooks.read, *HOOKED_KINDS)
        if recording is not None:
            if taken_over is not None:
                recording.continue_from(taken_over.committed_ms)
            log.subscribe(recording.read)
        for make_reader in readers:
            made = make_reader(log)
            reader, kinds = made if isinstance(made, ReaderOfKinds) else (made, frozenset())
            log.subscribe(reader, *kinds)
        if (traced := tracing(content=metrics.trace_content)) is not None:
            log.subscribe(traced.read)

"""One call: the shell around its machine. It carries out effects and turns what happens into inputs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trunkline.calls import commands
from trunkline.calls.agents.runner import AgentRunner, CallHandle, RunnerTimeLimits
from trunkline.calls.log import Entry, Log, frame_of
from trunkline.calls.log_events import (
    AudioCleared,
    AudioStats,
    CallEnded,
    CallError,
    Codec,
    LogEvent,
    LogEventUnion,
    Notice,
    Transport,
)
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.machine import CallMachine
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.metrics.config import DEFAULT_METRICS, MetricsConfig
from trunkline.calls.metrics.meters import Meters
from trunkline.calls.metrics.tracing import tracing
from trunkline.calls.model_link.link import Link, Route
from trunkline.calls.pages import CloseCode, Grant, Leg, LegRole, Page
from trunkline.providers import Connection, Provider, ProviderError
from trunkline.realtime.events import new_id
from trunkline.scenario.scenario import Scenario
from trunkline.settings import Settings

logger = logging.getLogger(__name__)
AUDIO_STATS_EVERY_S = 1.0
_ROUNDING_S = 0.001
"""What a timer may fire too early, by the rounding of clocks."""


class LegRoleSet(LogEvent, frozen=True, tag="leg.role"):
    """Told to one page alone, with `seq` 0: what it is in this call."""

    role: LegRole


@dataclass(frozen=True)
class CallTimeLimits:
    """The time limits of a call, in seconds; None is for ever.

    Attributes:
        caller_wait_s: how long the call waits for its caller to come (back).
        tool_timeout_s: how long a tool may take, unless it says otherwise.
        guardrail_timeout_s: how long a guardrail may take.
        approval_wait_s: how long a tool waits for the caller's approval.
        session_limit_s: how long the providers let a session live; it is renewed in time.
        max_call_s: how long the call may last.
        idle_timeout_s: how long the caller may say nothing.
    """

    caller_wait_s: float = 30.0
    tool_timeout_s: float = 30.0
    guardrail_timeout_s: float = 15.0
    approval_wait_s: float = 120.0
    session_limit_s: float | None = 3600.0
    max_call_s: float | None = None
    idle_timeout_s: float | None = None


def time_limits_from(settings: Settings) -> CallTimeLimits:
    """The limits that the settings give."""
    return CallTimeLimits(
        caller_wait_s=settings.caller_wait_s,
        tool_timeout_s=settings.tool_timeout_s,
        max_call_s=settings.max_call_s,
        idle_timeout_s=settings.idle_timeout_s,
    )


class Call:
    """A conversation between a caller and a scenario.

    Args:
        scenario: what is played.
        provider: where the model lives.
        first_agent: who answers; the scenario's first agent by default.
        transport: how the caller's sound travels.
        codec: over the relay, `pcmu` and `pcma` let the model hear and speak as on a telephone; over WebRTC it is the
            page's matter.
        time_limits: its time limits.
        metrics: prices, and what traces tell.

    Raises:
        LookupError: the scenario has no agent of that name.
        StateError: the scenario's `state` could not be made.
    """

    def __init__(
        self,
        scenario: Scenario[Any],
        provider: Provider,
        *,
        first_agent: str | None = None,
        transport: Transport = "websocket",
        codec: Codec = "pcm16",
        time_limits: CallTimeLimits = CallTimeLimits(),
        metrics: MetricsConfig = DEFAULT_METRICS,
    ) -> None:
        self.call_id = new_id("call")
        self.scenario = scenario
        self.leg = Leg(new_id("leg"), transport)
        self.ended_at: float | None = None
        self._provider = provider
        self._time_limits = time_limits
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._began = self._loop.time()
        first = scenario.agent(first_agent or scenario.first_agent.name)
        self._first_agent = first.name
        self._model = provider.model_for(scenario)
        self.log = Log(self._now_ms)
        self._meters = Meters(metrics.prices)
        self._runner = AgentRunner(
            scenario,
            provider,
            RunnerTimeLimits(time_limits.tool_timeout_s, time_limits.guardrail_timeout_s, time_limits.approval_wait_s),
            CallHandle(
                call_id=self.call_id,
                first_agent=self._first_agent,
                machine=lambda: self._machine,
                feed=self._feed,
                start=self._start,
                append=self._append,
                text_used=lambda reply: self._append_all(self._meters.text_reply(reply)),
                now_ms=self._now_ms,
            ),
        )
        self._machine: CallMachine = CallMachine(self._plan(transport, codec))
        self._link = Link(self._feed, Route(self._connect) if transport == "websocket" else None)
        self._rtc_id: str | None = None
        self._given_up: set[str] = set()
        """WebRTC calls of this one that are to be hung up at the provider."""
        self._dialling = asyncio.Lock()
        self._pages: set[Page] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._over = asyncio.Event()
        self._inputs: deque[inputs.Input] = deque()
        self._stepping = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._due: dict[str, float] = {}
        """When each timer is really due, by the loop's clock: at the earliest when it fires."""
        self._carriers: dict[type, Callable[[Any], None]] = {
            effects.AppendToLog: lambda append: self._append(append.event),
            effects.Send: lambda send: self._link.send(send.event),
            effects.PlayAudio: self._play,
            effects.RunTool: lambda run: self._start(self._runner.run_tool(run)),
            effects.ConfigureAgent: lambda configure: self._start(self._runner.configure(configure)),
            effects.ResolveApproval: self._runner.approved,
            effects.RunGuardrails: self._runner.check,
            effects.RenewSession: lambda renew: self._link.renew(
                renew.reason, make_before_break=renew.make_before_break
            ),
            effects.KeepCallerAudio: lambda remember: self._link.remember(remember.turn_id, remember.since_ms),
            effects.ReleaseCallerAudio: lambda forget: self._link.forget(forget.turn_id, forget.until_ms),
            effects.SetTimer: self._wake_at,
            effects.EndCall: lambda _end: None,  # `_append` has seen to it
        }
        self._received_ms = 0.0
        self._received_frames = 0
        self.log.subscribe(self._show)
        if (traced := tracing(content=metrics.trace_content)) is not None:
            self.log.subscribe(traced.read)
        self._carry_out(self._machine.begin(self._now_ms()))

    # Its life -------------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Runs the call until it ends. Never raises but when cancelled: what fails ends this call and no other."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                own = [tasks.create_task(self._link.run()), tasks.create_task(self._count_every_second())]
                await self._over.wait()
                for task in own:
                    task.cancel()
                raise _OverError
        except* _OverError:
            pass
        except* Exception as group:
            logger.error("call %s failed", self.call_id, exc_info=group)
            self._fail()
        finally:
            self._tasks = None
            self.hang_up("the server is stopping")
            self._give_up_media()
            await self._hang_up_media()

    def hang_up(self, reason: str = "hung up") -> None:
        """Ends the call from outside. Harmless when it is over."""
        self._feed(inputs.StopRequested(reason))

    @property
    def is_over(self) -> bool:
        """Whether the call has ended; its log can still be read."""
        return self._over.is_set()

    @property
    def at_rest(self) -> bool:
        """Whether the next move is the caller's: nothing is being answered, owed an answer, or waited for."""
        return self._machine.at_rest

    @property
    def state(self) -> Any:
        """What the scenario's `state` made for this call; None without one."""
        return self._runner.state

    def _finish(self) -> None:
        """The call is over: nothing more is logged, and whoever reads is told."""
        self._over.set()
        self.ended_at = self._loop.time()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._inputs.clear()
        for page in self._pages:
            page.close(CloseCode.OVER, "the call is over")

    def _fail(self) -> None:
        message = "Something inside Trunkline failed; the server's log has the details."
        self._append(CallError(message=message, code="internal"))
        self._append(CallEnded(reason="internal error"))

    # The caller's side ----------------------------------------------------------------------------------------------
    @property
    def pages(self) -> int:
        """How many pages' sockets are open."""
        return len(self._pages)

    def join(
        self, leg_id: str | None, transport: Transport, *, take_over: bool = False, codec: Codec | None = None
    ) -> Grant:
        """A page asks to be in the call: as its caller if it was that before, if nobody is, or if it takes over.

        Args:
            codec: another codec from now on; over the relay, the model's session is made anew for it.
        """
        if leg_id is not None and leg_id == self.leg.leg_id:
            self._choose(codec)
            self._travel_by(transport)
            return Grant("caller", leg_id)
        if self.leg.page is not None and not take_over:
            return Grant("viewer", None)
        former = self.leg
        self.leg = Leg(new_id("leg"), transport)
        if former.page is not None:
            former.page.close(CloseCode.TAKEN_OVER, "taken over by another page")
            self._leave(former, "taken over by another page")
        self._choose(codec)
        self._travel_by(transport)
        return Grant("caller", self.leg.leg_id)

    def _choose(self, codec: Codec | None) -> None:
        if codec is not None:
            self._feed(inputs.CodecChosen(codec))

    def _travel_by(self, transport: Transport) -> None:
        """The caller's sound comes this way from now on; a WebRTC call is given up for the relay."""
        self.leg.transport = transport
        if transport == "websocket" and (self._rtc_id is not None or not self._link.has_route):
            self._give_up_media()
            self._link.take(Route(self._connect))

    async def answer_offer(self, sdp: str) -> str:
        """Answers the page's SDP offer: sound then flows between it and the model, and the link is the sideband.

        Raises:
            ProviderError: the provider refuses, or there is no WebRTC.
        """
        leg = self.leg
        if self.scenario.hold:
            message = f"The scenario {self.scenario.name!r} holds back what is not checked yet, so its sound passes us."
            raise ProviderError(message, retry=False)
        async with self._dialling:
            session = {**await self._session_to_dial(), "model": self._model}
            answer = await self._provider.start_webrtc_call(sdp, session)
            if self.is_over or self.leg is not leg or leg.transport != "webrtc":
                self._given_up.add(answer.rtc_call_id)  # the caller has come another way meanwhile, or is gone
                await self._hang_up_media()
                return answer.sdp
            self._give_up_media()
            self._rtc_id = answer.rtc_call_id
            self._link.take(Route(lambda: self._provider.connect(self._model, answer.rtc_call_id), resumes=True))
            return answer.sdp

    async def _session_to_dial(self) -> dict[str, Any]:
        agent = self._machine.agent
        try:
            return await self._runner.session(effects.ConfigureAgent(agent, effects.Connecting(0)))
        except Exception as error:
            logger.warning("call %s: agent %s could not be set up", self.call_id, agent, exc_info=True)
            message = f"The agent {agent!r} could not be set up: {type(error).__name__}: {error}"
            raise ProviderError(message, hint="Look at its instructions, tools and handoffs.", retry=False) from error

    def _give_up_media(self) -> None:
        """The WebRTC call is not used any more; it is hung up soon, and at the latest when this call ends."""
        if self._rtc_id is not None:
            self._given_up.add(self._rtc_id)
            self._rtc_id = None
            self._start(self._hang_up_media())

    async def _hang_up_media(self) -> None:
        for rtc_id in list(self._given_up):
            try:
                await self._provider.hang_up(rtc_id)
            except ProviderError as error:
                logger.warning("call %s: its WebRTC call could not be ended: %s", self.call_id, error)
            self._given_up.discard(rtc_id)

    def attach(self, page: Page, leg_id: str | None, after: int) -> None:
        """A page's socket is open: it gets the log beyond `after`, then what is new, and sound if it is the caller."""
        is_caller = leg_id == self.leg.leg_id or (leg_id is None and self.leg.page is None)
        page.role = "caller" if is_caller and not self.is_over else "viewer"
        role = frame_of(LegRoleSet(role=page.role), 0, round(self._now_ms()))
        page.begin([role, *(entry.frame() for entry in self.log.since(after))])
        if self.is_over:
            page.close(CloseCode.OVER, "the call is over")
            return
        self._pages.add(page)
        if page.role == "caller":
            former, self.leg.page = self.leg.page, page
            if former is not None:
                former.close(CloseCode.TAKEN_OVER, "taken over by another page")
                self._feed(inputs.CallerLeft(self.leg.leg_id, "replaced by a new connection"))
            if self.leg.transport == "websocket":  # over WebRTC the page says when sound flows
                self._feed(inputs.CallerJoined(self.leg.leg_id, "websocket", self.leg.reason))

    def detach(self, page: Page, reason: str) -> None:
        """A page's socket is closed."""
        self._pages.discard(page)
        if self.leg.page is page:
            self._leave(self.leg, reason)

    def _leave(self, leg: Leg, reason: str) -> None:
        leg.page = None
        self._link.drop_caller_audio()
        self._feed(inputs.CallerLeft(leg.leg_id, reason))

    def command(self, page: Page, frame: str) -> None:
        """A text frame from a page. What is wrong with it is told to that page alone."""
        try:
            command = commands.parse(frame)
        except commands.CommandError as error:
            self._tell(page, CallError(message=str(error), code="bad_command", source="command"))
            return
        if page.role != "caller" or self.leg.page is not page:
            message = "Another page has this call. Join with take_over to speak."
            self._tell(page, CallError(message=message, code="not_the_caller", source="command"))
            return
        if isinstance(command, commands.MediaReady):
            self._feed(inputs.CallerJoined(self.leg.leg_id, self.leg.transport, self.leg.reason))
        else:
            self._feed(inputs.CommandReceived(command))

    def receive_audio(self, page: Page, pcm: bytes) -> None:
        """Sound from a page: PCM16 little-endian, mono, 24 kHz."""
        if self.leg.page is not page or self.leg.transport != "websocket" or self._over.is_set():
            return
        if len(pcm) % 2 or not pcm:
            message = "A binary frame holds PCM16 little-endian mono 24 kHz: an even number of bytes."
            self._tell(page, CallError(message=message, code="bad_sound", source="command"))
            return
        self._link.send_audio(pcm)

    def _tell(self, page: Page, event: LogEvent) -> None:
        page.push(frame_of(event, 0, round(self._now_ms())))

    def _show(self, entry: Entry) -> None:
        if isinstance(entry.event, AudioCleared) and self.leg.page is not None:
            self.leg.page.drop_audio()
        readers = [page for page in self._pages if page.reads_log]
        if readers:
            frame = entry.frame()
            for page in readers:
                page.push(frame)

    # Effects --------------------------------------------------------------------------------------------------------
    def _feed(self, given: inputs.Input) -> None:
        """Steps the machine. An input that comes while effects are carried out waits until they are."""
        if self._over.is_set():
            return
        self._inputs.append(given)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inputs and not self._over.is_set():
                self._step(self._inputs.popleft())
        except Exception:
            logger.exception("call %s failed", self.call_id)
            self._fail()
        finally:
            self._stepping = False

    def _step(self, given: inputs.Input) -> None:
        if isinstance(given, inputs.AudioReceived):
            self._received_ms += given.ms
            self._received_frames += 1
        self._carry_out(self._machine.step(given, self._now_ms()))

    def _append(self, event: LogEventUnion) -> None:
        """Everything that is logged comes by here. `call.ended` is the last."""
        if self._over.is_set():
            return
        if isinstance(event, CallEnded):
            self._count_sound()
        measured = self._meters.read(self.log.append(event))
        if isinstance(event, CallEnded):
            self._finish()
        elif measured:
            self._append_all(measured)

    def _append_all(self, events: Iterable[LogEventUnion]) -> None:
        for event in events:
            self._append(event)

    def _carry_out(self, effects: list[effects.Effect]) -> None:
        for effect in effects:
            self._carriers[type(effect)](effect)

    def _play(self, play: effects.PlayAudio) -> None:
        if self.leg.page is not None and self.leg.transport == "websocket":
            self.leg.page.push(play.pcm)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks is None:
            work.close()
            return
        self._tasks.create_task(work)

    def _wake_at(self, effect: effects.SetTimer) -> None:
        timer = self._timers.get(effect.key)
        if effect.at_ms is None:
            if timer is not None:
                timer.cancel()
                del self._timers[effect.key]
            return
        self._due[effect.key] = when = self._began + effect.at_ms / 1000
        # Some are put off with each event and each frame of sound: their timer stays, and looks again when it fires.
        if timer is None or timer.when() > when:
            if timer is not None:
                timer.cancel()
            self._timers[effect.key] = self._loop.call_at(when, self._wake, effect.key)

    def _wake(self, key: str) -> None:
        due = self._due[key]
        if due - self._loop.time() > _ROUNDING_S:
            self._timers[key] = self._loop.call_at(due, self._wake, key)
            return
        del self._timers[key]
        self._feed(inputs.TimerFired(key))

    async def _connect(self) -> Connection:
        return await self._provider.connect(self._model)

    async def _count_every_second(self) -> None:
        while True:
            await asyncio.sleep(AUDIO_STATS_EVERY_S)
            self._count_sound()

    def _count_sound(self) -> None:
        if not (self._link.sent_frames or self._received_frames):
            return
        self._append(
            AudioStats(
                sent_ms=round(self._link.sent_ms),
                sent_frames=self._link.sent_frames,
                received_ms=round(self._received_ms),
                received_frames=self._received_frames,
            )
        )
        self._link.sent_ms = self._received_ms = 0.0
        self._link.sent_frames = self._received_frames = 0

    # What it is made of ---------------------------------------------------------------------------------------------
    def _plan(self, transport: Transport, codec: Codec) -> CallPlan:
        scenario, time_limits = self.scenario, self._time_limits
        return CallPlan(
            call_id=self.call_id,
            scenario=scenario.name,
            first_agent=self._first_agent,
            agents=[agent.name for agent in scenario.agents],
            transfers={agent.name: scenario.transfers(agent.name) for agent in scenario.agents},
            tools={agent.name: [tool.name for tool in agent.tools] for agent in scenario.agents},
            transport=transport,
            provider=self._provider.name,
            model=self._model,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            caller_wait_ms=time_limits.caller_wait_s * 1000,
            turn_detection=scenario.turn_detection,
            codec=codec,
            guardrails=self._runner.guardrails(),
            hold=scenario.hold,
            session_limit_ms=_in_ms(time_limits.session_limit_s),
            max_call_ms=_in_ms(time_limits.max_call_s),
            idle_timeout_ms=_in_ms(time_limits.idle_timeout_s),
            notices=[
                Notice(message=notice.message, code=notice.code, hint=notice.hint)
                for notice in self._provider.notices()
            ],
        )

    def _now_ms(self) -> float:
        return (self._loop.time() - self._began) * 1000


class _OverError(Exception):
    """Ends the call's task group: tools that still run are cancelled with it."""


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000

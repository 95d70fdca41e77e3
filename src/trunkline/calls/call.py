"""One call: the shell around its machine, which carries out effects and turns events into inputs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import assert_never

from trunkline.calls import commands
from trunkline.calls.agents.mcp_servers import McpServers
from trunkline.calls.call_parts import CallParts
from trunkline.calls.filler_audio import FillerAudio
from trunkline.calls.grants import Credentials, Grant
from trunkline.calls.live_record import LiveRecord, TakenOverCall, seconds_since
from trunkline.calls.log import Log, LogBudget, LogReaderFactory
from trunkline.calls.log_events import (
    CallEnded,
    CallError,
    Codec,
    LegReofferRequested,
    Notice,
    StoreDegraded,
    StoreRestored,
    Transport,
)
from trunkline.calls.machine import effects, inputs
from trunkline.calls.metrics.config import DEFAULT_METRICS, MetricsConfig
from trunkline.calls.metrics.cost_limits import DayBudget
from trunkline.calls.pages import CloseCode, JoinedCall, Leg, Page
from trunkline.calls.recording import Recording
from trunkline.calls.send_gate import SendGate
from trunkline.calls.take_over import restored_call, take_over_events
from trunkline.calls.time_limits import DEFAULT_TIME_LIMITS, CallTimeLimits
from trunkline.engine.speech import ProbingStt
from trunkline.providers import Provider
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.realtime.ids import new_id
from trunkline.scenario.fillers import FillerKind
from trunkline.scenario.scenario import AnyScenario

logger = logging.getLogger(__name__)
ELSEWHERE = (CloseCode.ANOTHER_SERVER, "another server runs this call: connect again")
OVER = (CloseCode.CALL_OVER, "the call is over")
AUDIO_STATS_EVERY_S = 1.0
FILLER_FRAME_BYTES = 100 * BYTES_PER_MS
MAX_IMAGES = 10
"""Images that a caller may show in a call: each is in the log, and is paid for again with each answer."""


class UnsupportedScenarioError(Exception):
    """The provider cannot run a scenario. The message has the reason and the fix."""


class Call:
    """A conversation between a caller and a scenario.

    Args:
        scenario: the agents, with their settings.
        provider: the service that runs the model.
        first_agent: the name of the agent that answers; the scenario's first agent by default.
        transport: the transport of the caller's audio.
        codec: the codec over the relay; `pcmu` and `pcma` give the model telephone audio. Over WebRTC the page chooses.
        caller_id: the caller's id in the app that authenticates callers; for tools.
        time_limits: the call's time limits.
        metrics: prices, and the content of traces.
        filler_audio: the audio of fillers; recordings by default.
        word_stt: the recogniser of this machine that hears the caller on the relay while they speak over the agent;
            without one, the service's transcripts have the words.
        metadata: pairs of the client, for the log and `CallContext.metadata`.
        log_budget: the size of logs.
        readers: make the readers of the call's log, which get each entry from the first.
        mcp_servers: the connections to the agents' MCP servers; by default the call has its own.
        recording: records the call's audio; None without a store of calls.
        day_budget: the usage of all calls of the day, with the limits of cost; by default those of `metrics`.
        client: the client that started the call.
        taken_over: the call that another server ran, and that continues here.

    Raises:
        LookupError: the scenario has no agent of that name.
        ScenarioError: the scenario cannot work, since its agents have changed after it was made.
        UnsupportedScenarioError: the provider cannot run the scenario.
        StateError: the scenario's `state` factory failed.
    """

    def __init__(
        self,
        scenario: AnyScenario,
        provider: Provider,
        *,
        first_agent: str | None = None,
        transport: Transport = "websocket",
        codec: Codec = "pcm16",
        caller_id: str | None = None,
        time_limits: CallTimeLimits = DEFAULT_TIME_LIMITS,
        metrics: MetricsConfig = DEFAULT_METRICS,
        filler_audio: FillerAudio | None = None,
        word_stt: ProbingStt | None = None,
        metadata: Mapping[str, str] | None = None,
        log_budget: LogBudget | None = None,
        readers: Sequence[LogReaderFactory] = (),
        mcp_servers: McpServers | None = None,
        day_budget: DayBudget | None = None,
        recording: Recording | None = None,
        client: str = "",
        taken_over: TakenOverCall | None = None,
    ) -> None:
        scenario.check_handoffs()
        if (problem := provider.scenario_problem(scenario)) is not None:
            raise UnsupportedScenarioError(problem)
        former = None if taken_over is None else taken_over.record
        self.call_id = new_id("call") if former is None else former.call_id
        self.caller_key = new_id("key") if former is None else former.caller_key
        """Secret of the client that started the call. It is never in the log."""
        self.scenario = scenario
        self.metadata = dict(metadata or {})
        self._images = 0 if former is None else former.images
        self.ended_at: float | None = None
        self.is_elsewhere = False
        """True if the call has stopped here without an end: another server runs it, or will."""
        self.stopped = asyncio.Event()
        """Set when the call has ended, or has stopped here; then its pages stay until `send_pages_away`."""
        self.gate = SendGate()
        """While it is closed, the server may have lost the call, which then does nothing."""
        self.commit: Callable[[], Awaitable[bool]] | None = None
        """Waits until the log so far is in the live record, and returns whether it is; None without a record."""
        self._provider = provider
        self._recording = recording
        self._filler_audio = filler_audio or FillerAudio()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time() - (0.0 if former is None else seconds_since(former.started_at))
        self._caller_id, self._client = caller_id, client
        self._first_agent = scenario.agent(first_agent or scenario.first_agent.name).name
        self.log = Log(self._now_ms, log_budget)
        if taken_over is not None:
            self.log.restore(taken_over.entries, taken_over.last_seq)  # before its readers, which may want it
        self._own_mcp_servers = McpServers() if mcp_servers is None else None
        parts = CallParts(
            self.call_id,
            self.caller_key,
            scenario,
            provider,
            first_agent=self._first_agent,
            transport=transport,
            codec=codec,
            caller_id=caller_id,
            time_limits=time_limits,
            metrics=metrics,
            word_stt=word_stt,
            metadata=self.metadata,
            mcp_servers=mcp_servers or self._own_mcp_servers or McpServers(),
            day_budget=day_budget,
            recording=recording,
            readers=readers,
            taken_over=taken_over,
            log=self.log,
            gate=self.gate,
            now_ms=self._now_ms,
            perform=self._perform,
            on_failure=self._on_failure,
            on_ended=self._finish,
        )
        self._started_at = parts.machine.plan.started_at if former is None else former.started_at
        self._agents = parts.agents
        self._tools = parts.tools
        self._machine = parts.machine
        self._runner = parts.runner
        self._metered_log = parts.log
        self._append = parts.log.append
        self._link = parts.link
        self._words = parts.words
        self._media = parts.media
        self._relayed = parts.relayed
        self._pages = parts.pages
        self._caller = parts.caller
        self.receive_audio = parts.caller.receive_audio
        """Sends a page's audio to the model; see `CallerLeg.receive_audio`."""
        self._tools_at_start: list[effects.RunTool] = []
        """Tools that ask for the caller's approval again, after a take-over."""
        if taken_over is None:
            for effect in self._machine.begin(self._now_ms()):
                self._perform(effect)
        else:
            self._continue(taken_over)
        if recording is not None and (notice := recording.notice) is not None:
            noticed = () if taken_over is None else (entry.event for entry in taken_over.entries)
            if not any(isinstance(event, Notice) and event.code == notice.code for event in noticed):
                self._append(notice)

    def _continue(self, taken_over: TakenOverCall) -> None:
        """Continue the call of a server that has gone: with its log, and with a note of the part that is lost."""
        record = taken_over.record
        self._metered_log.restore(taken_over.entries)
        self._pages.restore(taken_over.entries)
        if record.state is not None:
            self._agents.restore_state(record.state)
        restored = restored_call(taken_over, new_id)
        self._metered_log.append_all(take_over_events(taken_over, restored.agent))
        session = self._media.continue_call(record, taken_over.entries)
        if record.transport == "webrtc" and session is None:
            self._append(LegReofferRequested(reason="another server runs the call"))
        for effect in self._machine.resume(restored, self._now_ms(), session):
            if isinstance(effect, effects.RunTool):
                self._tools_at_start.append(effect)
            else:
                self._perform(effect)

    def live_record(self) -> LiveRecord:
        """Return the facts that another server needs beside the log, to take the call over."""
        return LiveRecord(
            call_id=self.call_id,
            caller_key=self.caller_key,
            scenario=self.scenario.name,
            first_agent=self._first_agent,
            model=self._media.model,
            started_at=self._started_at,
            transport=self.leg.transport,
            codec=self._caller.codec,
            leg_id=self.leg.leg_id,
            legs=self._caller.number,
            leg_reason=self.leg.reason,
            caller_id=self._caller_id,
            client=self._client,
            metadata=self.metadata,
            images=self._images,
            rtc_call_id=self._media.rtc_call_id,
            state=self._agents.saved_state(),
            audio_position=self._relayed.understood,
        )

    # Lifecycle ------------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Run the call until it ends. Only cancelling raises: a failure ends this call and no other."""
        try:
            await self._runner.run(
                self._link.run(),
                self._report_audio_periodically(),
                self._agents.hooks.run(),
                *(self._tools.run(effect, self.commit) for effect in self._tools_at_start),
                last=inputs.StopRequested("the server is stopping"),
            )
        finally:
            self._agents.close()
            if self._own_mcp_servers is not None:
                await self._own_mcp_servers.close()
            if not self.is_elsewhere:
                if self._media.rtc_call_id is not None and self.commit is not None:
                    await self.commit()  # shows if another server has the call by now, and with it the WebRTC call
                self._media.drop()
            await self._media.hang_up()

    def hang_up(self, reason: str = "hung up") -> None:
        """End the call from outside. Do nothing if it has ended."""
        self._runner.post(inputs.StopRequested(reason))

    def say_goodbye(self, reason: str) -> None:
        """Let the agent say goodbye, and end the call after it; at once if its caller is not connected."""
        goodbye = inputs.StopRequested(reason) if self.leg.page is None else inputs.HangUpRequested(reason)
        self._runner.post(goodbye)

    def hand_over(self, moment: inputs.HandOverMoment) -> None:
        """Stop without an end at this moment, for another server; then `stopped` is set."""
        self._runner.post(inputs.HandOverRequested(moment))

    def abandon(self) -> None:
        """Stop without an end: another server runs the call. Nothing more is sent; its pages connect again.

        A WebRTC call continues at the provider, with its audio; only the sideband is closed.
        """
        self.gate.shut()
        self._media.release()
        if not self.is_over:
            self._stop_here()
            self._pages.clear()
            self.send_pages_away()

    def send_pages_away(self) -> None:
        """Close the pages of a call that another server runs, or will: they connect again."""
        self._pages.close(*ELSEWHERE)

    def _stop_here(self) -> None:
        self.is_elsewhere = True  # the record of a hand-over names the WebRTC call in use, so it is kept
        self._stop()
        if self._recording is not None:
            self._recording.stop(self._now_ms())

    def _stop(self) -> None:
        self._runner.stop()
        self.ended_at = self._loop.time()
        self.stopped.set()

    def announce(self, message: str, code: str) -> None:
        """Append a notice to the log, for the pages of the call."""
        self._append(Notice(message=message, code=code))

    def report_store(self, event: StoreDegraded | StoreRestored) -> None:
        """Append a change of the store's state to the log."""
        self._append(event)

    def reopen(self) -> None:
        """Continue after the gate was closed."""
        self.gate.reopened()
        self._runner.resume()

    @property
    def is_over(self) -> bool:
        """True once the call has ended; its log can still be read."""
        return self._runner.is_stopped

    @property
    def state(self) -> object:
        """The value that the scenario's `state` factory made for this call; None without a factory."""
        return self._agents.state

    def _finish(self) -> None:
        """End the call: log nothing more, and close the pages."""
        self._stop()
        self._pages.close(*OVER)

    def _on_failure(self, error: Exception) -> None:
        logger.error("call %s failed", self.call_id, exc_info=error)
        message = "An internal error ended the call. The server's log has the details."
        self._append(CallError(message=message, code="internal"))
        self._append(CallEnded(reason="internal error", failed=True))

    # The caller's side ----------------------------------------------------------------------------------------------
    @property
    def page_count(self) -> int:
        """The number of pages with an open socket."""
        return len(self._pages)

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait to be sent to its pages."""
        return self._pages.queued_bytes

    @property
    def leg(self) -> Leg:
        """The caller's present leg."""
        return self._caller.leg

    def grants(self, shown: Credentials) -> Grant:
        """Return the grants of a client that knows the call's id."""
        return self._caller.grants(shown)

    def join(
        self,
        shown: Credentials,
        transport: Transport,
        *,
        take_over: bool = False,
        codec: Codec | None = None,
        reason: str | None = None,
    ) -> JoinedCall:
        """Give a page a role: caller if it may speak and has the leg, no caller is connected, or it takes over.

        Args:
            shown: the page's secrets.
            transport: the transport of the page's audio.
            take_over: True replaces a connected caller.
            codec: another codec from now on; over the relay the model's session is opened again for it.
            reason: the page's reason for a transport that was not its first choice.

        Raises:
            NotGrantedError: the page wants to take over and may not speak.
        """
        return self._caller.join(shown, transport, take_over=take_over, codec=codec, reason=reason)

    async def answer_offer(self, sdp: str) -> str:
        """Answer the page's SDP offer. Audio then flows between page and provider, and the link is the sideband.

        Returns:
            The SDP answer.

        Raises:
            ProviderError: the provider refuses, offers no WebRTC, or the scenario holds answers back.
        """
        leg = self.leg
        return await self._media.answer_offer(
            sdp, lambda: not self.is_over and self.leg is leg and leg.transport == "webrtc"
        )

    @property
    def page_records(self) -> bool:
        """True if the caller's page records the call, and sends its recording as binary frames."""
        return self._media.page_records

    def attach(self, page: Page, leg_id: str | None, after: int) -> None:
        """Connect a page: push the log beyond `after` and each new event, and audio if it is the caller's page.

        Args:
            leg_id: the secret of the leg, which makes the page the caller's; with another value it is a viewer.
        """
        ended = ELSEWHERE if self.is_elsewhere else OVER if self.is_over else None
        self._caller.attach(page, leg_id, after, ended)

    def detach(self, page: Page, reason: str) -> None:
        """Disconnect a page, since its socket is closed."""
        self._caller.detach(page, reason)

    def command(self, page: Page, frame: str) -> None:
        """Obey a text frame from a page. Errors about it go to that page alone."""
        try:
            command = commands.parse(frame)
        except commands.CommandError as error:
            self._pages.push_error(page, str(error), "bad_command")
            return
        if self.leg.page is not page:
            self._pages.push_error(
                page,
                "This page only watches the call. Join the call with its leg_id or take_over to speak.",
                "not_the_caller",
            )
            return
        match command:  # the most frequent commands first
            case commands.Played():
                self._relayed.on_played(command)
            case commands.AudioReport():
                self._relayed.on_report(command)
            case commands.AudioFrom():
                self._relayed.number(command)
                return
            case commands.MediaReady():
                self._caller.on_joined()
                return
            case commands.ShowImage():
                if (problem := self._image_problem()) is not None:
                    self._pages.push_error(page, problem, "no_images")
                    return
            case (
                commands.Say()
                | commands.Dtmf()
                | commands.Interrupt()
                | commands.HangUp()
                | commands.PushToTalk()
                | commands.Press()
                | commands.Release()
                | commands.VoiceEnded()
                | commands.AgentAudio()
                | commands.CallerAudio()
                | commands.Voice()
                | commands.Approve()
            ):
                pass  # these concern the machine alone
            case _:
                assert_never(command)
        self._runner.post(inputs.CommandReceived(command))

    def _image_problem(self) -> str | None:
        """Return the reason why the call takes no other image of the caller; None if it does, which counts it."""
        if (problem := self._provider.image_problem()) is not None:
            return problem
        if self._images == MAX_IMAGES:
            return f"This call has {MAX_IMAGES} images already, which is the limit."
        self._images += 1
        return None

    # Inputs and effects ---------------------------------------------------------------------------------------------
    def _perform(self, effect: effects.Effect) -> None:  # noqa: C901 - one case for each effect
        match effect:  # the most frequent effects first
            case effects.AppendToLog():
                self._append(effect.event)
            case effects.PlayAudio():
                self._play(effect.pcm)
            case effects.SetTimer():
                self._runner.set_timer(effect.timer, effect.at_ms)
            case effects.Send():
                self._link.send(effect.event)
            case effects.DropQueuedAudio():
                self._drop_queued_audio()
            case effects.FetchFiller(kind):
                self._runner.spawn(self._fetch_filler(kind))
            case effects.PlayFiller(pcm):
                self._play_filler(pcm)
            case effects.RunTool():
                self._runner.spawn(self._tools.run(effect, self.commit))
            case effects.RefreshTools(agent):
                self._agents.start_refresh(agent)
            case effects.ConfigureAgent():
                self._runner.spawn(self._agents.configure_agent(effect))
            case effects.ResolveApproval():
                self._agents.resolve_approval(effect)
            case effects.RunGuardrails():
                self._agents.run_guardrails(effect)
            case effects.RunInputGuardrails():
                self._agents.run_input_guardrails(effect)
            case effects.RenewSession(reason, make_before_break):
                self._link.renew(reason, make_before_break=make_before_break)
            case effects.ChangeModel(model):
                self._media.change_model(model)
            case effects.KeepCallerAudio(turn_id, since_ms):
                self._link.keep_turn(turn_id, since_ms)
            case effects.ReleaseCallerAudio(turn_id, until_ms):
                self._relayed.release_turn(turn_id, until_ms)
            case effects.WatchCallerAudio(on):
                self._relayed.watch(on)
            case effects.ListenForWords(speech_id):
                if self._words is not None:
                    self._words.listen(speech_id)
            case effects.SendSilence(ms):
                self._link.send_audio(bytes(round(ms) * BYTES_PER_MS))
            case effects.HandOver():
                self._stop_here()
            case effects.EndCall():
                pass  # the `call.ended` event has ended the call, in `_append`
            case _:
                assert_never(effect)

    def _play(self, pcm: bytes) -> None:
        leg = self._caller.leg
        if leg.page is not None and leg.transport == "websocket":
            leg.page.push(pcm)
            if self._relayed.reads_agent:
                self._relayed.on_agent_audio(pcm)

    def _play_filler(self, pcm: bytes) -> None:
        if (page := self.leg.page) is not None:
            for start in range(0, len(pcm), FILLER_FRAME_BYTES):
                page.push(pcm[start : start + FILLER_FRAME_BYTES])
            self._relayed.on_agent_audio(pcm)

    def _drop_queued_audio(self) -> None:
        if self.leg.page is not None:
            self.leg.page.drop_audio()
        self._relayed.on_dropped()

    async def _fetch_filler(self, kind: FillerKind) -> None:
        fillers = self.scenario.fillers
        assert fillers is not None  # noqa: S101 - without fillers the machine fetches none
        text, pcm = await self._filler_audio.get(fillers, kind, self.scenario.voice)
        self._runner.post(inputs.FillerFetched(text, pcm, len(pcm) / BYTES_PER_MS))

    async def _report_audio_periodically(self) -> None:
        while True:
            await asyncio.sleep(AUDIO_STATS_EVERY_S)
            self._metered_log.append_audio_stats()
            await self._caller.acknowledge_audio(self.commit)

    def _now_ms(self) -> float:
        return (self._loop.time() - self._began) * 1000

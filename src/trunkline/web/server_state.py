"""State that the routes share: the running calls, the scenarios and the provider, created once by the lifespan."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from trunkline.calls.agents.runner import StateError
from trunkline.calls.agents.tool_threads import TOOL_THREADS
from trunkline.calls.call import Call, UnsupportedScenarioError
from trunkline.calls.filler_audio import FillerAudio
from trunkline.calls.log import Log, LogReaderFactory, ReaderOfKinds
from trunkline.calls.log_events import StoreDegraded, StoreRestored
from trunkline.calls.metrics import operator_lines
from trunkline.calls.metrics.config import metrics_config_from
from trunkline.calls.metrics.operator_lines import OperatorLines
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import time_limits_from
from trunkline.cluster.node import ClusterNode
from trunkline.descriptors import open_descriptors, soft_limit
from trunkline.engine.speech import Tts
from trunkline.engine.speech.factory import EngineParts, engine_parts, speech_problem
from trunkline.garbage_collection import freeze_startup_objects
from trunkline.listener.client_address import address_of
from trunkline.listener.connection_gate import ConnectionGate
from trunkline.listener.refusals import Refusals
from trunkline.loop_watch import LoopWatch
from trunkline.providers import Provider, ProviderError
from trunkline.providers.factory import MODEL_FIX, choose_provider_name, create_provider, missing_model
from trunkline.providers.remote_engine import RemoteEngineProvider
from trunkline.providers.word_recogniser import WordRecogniser
from trunkline.realtime.ids import new_id
from trunkline.scenario.loading import LoadedScenarios, Problem, Target, load
from trunkline.scenario.scenario import ScenarioError
from trunkline.settings import Settings
from trunkline.store.audio.redaction_judge import RedactionJudge
from trunkline.store.call_store import CallStore
from trunkline.store.redaction import CallRedactor, policy_of
from trunkline.structured_log import log_event
from trunkline.web import prometheus
from trunkline.web.caller_cookie import CallerCookies
from trunkline.web.capacity import capacity_of
from trunkline.web.errors import ApiError
from trunkline.web.filler_voice import FillerVoice
from trunkline.web.log_redaction import redact_logs
from trunkline.web.prometheus import Reading, ServerMetrics
from trunkline.web.rate_limit import ALL_CLIENTS, RateLimiter, client_of
from trunkline.web.shared_limits import DeploymentLimits

if TYPE_CHECKING:  # SQLAlchemy takes long to import
    from trunkline.cluster.live_calls import Ownership
    from trunkline.cluster.live_recorder import LiveRecorder
    from trunkline.cluster.usage_exchange import UsageExchange
    from trunkline.store.call_archive import CallArchive

TOTAL_RATE_FACTOR = 10
"""The ratio between the limit of all clients together and that of one, for the client API and stored calls."""
STORED_CALLS_PER_MINUTE = 600
"""Requests for stored calls that one client may send in a minute."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartupResult:
    """Result of the slow steps at the start: the imported scenarios and the connected provider."""

    scenarios: LoadedScenarios
    provider: Provider | None
    provider_problem: str | None = None


class RequestLimits:
    """Requests allowed in a minute: for each client, and for all clients together.

    Args:
        refusals: counts and logs the refused clients.
    """

    def __init__(self, of_each: int, of_all: int, refusals: Refusals) -> None:
        self._refusals = refusals
        self.of_client = RateLimiter(of_each)
        """The requests by the client."""
        self._all = RateLimiter(of_all)

    def take(self, request: HTTPConnection, what: str) -> None:
        """Count a request, or refuse it.

        Args:
            what: the complaint for people.

        Raises:
            ApiError: 429, with the time to wait.
        """
        try:
            self.of_client.take(client_of(request.scope), what)
            self._all.take(ALL_CLIENTS, what)
        except ApiError:
            self._refusals.add("rate", address_of(request.scope), what)
            raise


class ServerState:
    """State of the server.

    Args:
        targets: the users' scenarios, and the files, folders and modules with scenarios.

    Raises:
        PriceError: the table of prices is invalid.
    """

    def __init__(self, settings: Settings, targets: Sequence[Target]) -> None:
        self.settings = settings
        self._metrics = metrics_config_from(settings)
        self.provider_name = choose_provider_name(settings)
        calls = settings.client_calls_per_minute, settings.calls_per_minute
        self.refusals = Refusals()
        self.starting, self.joining = RequestLimits(*calls, self.refusals), RequestLimits(*calls, self.refusals)
        self.caller_cookies = CallerCookies(settings.max_call_s)
        asked = settings.client_api_per_minute
        self.client_api = {
            what: RequestLimits(asked, TOTAL_RATE_FACTOR * asked, self.refusals) for what in ("session", "responses")
        }
        self.stored_call_requests = RequestLimits(
            STORED_CALLS_PER_MINUTE, TOTAL_RATE_FACTOR * STORED_CALLS_PER_MINUTE, self.refusals
        )
        self.limits = DeploymentLimits()
        """The limits of a client on all servers."""
        for name, limits in {
            "start": self.starting, "join": self.joining, "stored": self.stored_call_requests, **self.client_api,
        }.items():  # fmt: skip
            self.limits.add_limiter(name, limits.of_client)
        self._archive: CallArchive | None = None
        self._targets = targets
        self.capacity = capacity_of(settings)
        self.loop_watch: LoopWatch | None = None
        self.gate: ConnectionGate | None = None
        """The admission of connections, if this server listens by itself."""
        self.is_draining = False
        self.reloads = False
        """True if the server restarts with each saved file."""
        self.owns_process = False
        """True if nothing else runs in this process, so that its objects may be excluded from garbage collection."""
        self.live: LiveRecorder | None = None
        """The recorder of running calls; None if no other process can take them over."""
        self.cluster: ClusterNode | None = None
        """The other servers; None for a server that runs alone."""
        self.store = self._store_for(settings)
        """The store of calls; None if nothing is stored."""
        self.metrics = ServerMetrics(tuple(self._readings()))
        self._registry: CallRegistry | None = None
        self._ready: asyncio.Future[StartupResult] | None = None

    def join_cluster(self, cluster: ClusterNode) -> None:
        """Run among other servers. Call this before the start."""
        self.cluster = cluster
        self.caller_cookies = CallerCookies(self.settings.max_call_s, cluster.key.get_secret_value())

    def runs(self, call_id: str) -> bool:
        """Return whether this server has a call, or the log of one that ended recently here."""
        call = None if self._registry is None else self._registry.find(call_id)
        return call is not None and not call.gate.is_shut

    def has_lost(self, call_id: str) -> bool:
        """Return whether another server runs a call that was here."""
        call = None if self._registry is None else self._registry.find(call_id)
        return call is not None and call.gate.is_shut

    async def reaches_database(self) -> bool:
        """Return whether this server can write live records now."""
        return self.live is not None and await self.live.reaches_database()

    async def until_sure(self, call_id: str) -> None:
        """Wait while this server does not know if it still owns a call that it runs."""
        if self._registry is not None and (call := self._registry.find(call_id)) is not None:
            await call.gate.wait()

    def is_over(self, call_id: str) -> bool:
        """Return whether a call has ended. An unknown one may run on another server, if there are any."""
        return self.registry.is_over(call_id) if self.cluster is None or self.runs(call_id) else False

    @property
    def registry(self) -> CallRegistry:
        """The running calls.

        Raises:
            ApiError: the app's lifespan has not been run.
        """
        if self._registry is None:
            raise _not_started()
        return self._registry

    async def drain(self) -> None:
        """Accept no new calls. Hand the running ones over to another server; without one, wait for them.

        The wait lasts at most for the drain time and a goodbye.
        """
        self.is_draining = True
        if (registry := self._registry) is None:
            return
        began = asyncio.get_running_loop().time()
        if self.live is not None:
            from trunkline.cluster.hand_over import HandOver

            await HandOver(self.live, registry.running_calls, self._flush_store, self.settings.drain_s).run()
        passed_s = asyncio.get_running_loop().time() - began
        await registry.drain(max(0.0, self.settings.drain_s - passed_s))

    async def _flush_store(self) -> None:
        """Wait until the stored calls have all events so far: another server writes the next ones."""
        if self.store is not None:
            await self.store.writer.flush()

    def use_gate(self, gate: ConnectionGate) -> None:
        """Show the connections of a listener in the metrics."""
        self.gate = gate

    def unready_reasons(self) -> list[str]:
        """Return the reasons why a new call would be refused or get no answer.

        They are `starting`, `draining`, `no_provider`, `no_engine` and `full`.
        """
        if self._registry is None or self._ready is None or not self._ready.done():
            return ["starting"]
        reasons = ["draining"] if self.is_draining else []
        if self._ready.exception() is not None or self._ready.result().provider is None:
            reasons.append("no_provider")
        elif self.engine_problem is not None:
            reasons.append("no_engine")
        if self._registry.running >= self.capacity.calls:
            reasons.append("full")
        return reasons

    def _operator_reader(self, _log: Log) -> ReaderOfKinds:
        return ReaderOfKinds(OperatorLines(content=self.settings.log_content).read, operator_lines.READ_KINDS)

    def _metrics_reader(self, _log: Log) -> ReaderOfKinds:
        return ReaderOfKinds(self.metrics.read, prometheus.READ_KINDS)

    def _store_for(self, settings: Settings) -> CallStore | None:
        if settings.store is None or settings.store == "off":
            return None

        def tell(call_id: str, event: StoreDegraded | StoreRestored) -> None:
            if self._registry is not None:
                self._registry.report_store(call_id, event)

        return CallStore(settings, settings.store, tell, make_redactor=self._redactor_for, make_judge=self._judge)

    def _judge(self) -> RedactionJudge:
        return RedactionJudge(self._redactor_for)

    def _redactor_for(self, scenario: str) -> CallRedactor:
        """Return the redactor of a call; the scenario runs, so it has been loaded."""
        ready = self._ready
        loaded = ready.result().scenarios.by_name if ready is not None and ready.done() else {}
        return CallRedactor(policy_of(loaded.get(scenario), self.settings.redact))

    def _readings(self) -> Iterator[Reading]:
        def registry(read: Callable[[CallRegistry], float]) -> Callable[[], float | None]:
            return lambda: None if self._registry is None else read(self._registry)

        def watch(read: Callable[[LoopWatch], float]) -> Callable[[], float | None]:
            return lambda: None if self.loop_watch is None else read(self.loop_watch)

        def threads() -> dict[str, float]:
            return {"running": TOOL_THREADS.running, "left_over": TOOL_THREADS.left_over}

        def refused() -> dict[str, float]:
            return {str(reason): count for reason, count in self.refusals.counts.items()}

        yield Reading("trunkline_calls_running", "Running calls.", registry(lambda calls: calls.running))
        yield Reading("trunkline_calls_limit", "Calls that may run at once.", lambda: self.capacity.calls)
        yield Reading(
            "trunkline_ready", "1 if a new call would be accepted.", lambda: float(not self.unready_reasons())
        )
        yield Reading(
            "trunkline_loop_delay_seconds", "Latest delay of the event loop.", watch(lambda w: w.last_delay_s)
        )
        yield Reading("trunkline_loop_blocks_total", "Blocks of the event loop.", watch(lambda w: w.blocks))
        yield Reading("trunkline_open_descriptors", "Open file descriptors.", open_descriptors)
        yield Reading("trunkline_descriptors_limit", "Descriptors that the process may open.", soft_limit)
        yield Reading(
            "trunkline_connections", "Open connections.", lambda: None if self.gate is None else self.gate.open
        )
        yield Reading("trunkline_tool_threads", "Threads of tools, by state.", threads, "state")
        yield Reading(
            "trunkline_queued_bytes", "Bytes that wait for pages.", registry(lambda calls: calls.queued_bytes)
        )
        yield Reading("trunkline_logs_bytes", "Size of all logs.", registry(lambda calls: calls.log_budget.used_bytes))
        if self.store is not None:
            writer = self.store.writer
            yield Reading(
                "trunkline_store_queued_events", "Events that wait for the database.", lambda: writer.queued_events
            )
            yield Reading("trunkline_store_queued_bytes", "Size of these events.", lambda: writer.queued_bytes)
            yield Reading("trunkline_store_written_total", "Events stored.", lambda: writer.written_events)
            yield Reading("trunkline_store_lost_total", "Events that were not stored.", lambda: writer.lost_events)
            yield Reading(
                "trunkline_store_degraded",
                "1 while the database cannot be written.",
                lambda: float(writer.is_degraded),
            )
        yield Reading("trunkline_refused_total", "Refused clients.", refused, "reason")

    @property
    def engine(self) -> EngineParts | None:
        """The engine's parts; None for a hosted provider, and before an engine elsewhere has described them."""
        if self.provider_name != "local":
            return None
        if not self.settings.engine_urls:
            return self._own_engine
        remote = self._remote_engine
        if remote is None or not remote.abilities.stt:
            return None
        return EngineParts(remote.abilities.stt, remote.abilities.tts, remote.abilities.chat_model, ())

    @cached_property
    def _own_engine(self) -> EngineParts:
        return engine_parts(self.settings)

    @property
    def engine_problem(self) -> str | None:
        """The reason why no engine elsewhere takes a session, with the fix; None if one does, or none is configured."""
        return None if self._remote_engine is None else self._remote_engine.problem

    @property
    def _remote_engine(self) -> RemoteEngineProvider | None:
        if self._ready is None or not self._ready.done() or self._ready.exception() is not None:
            return None
        provider = self._ready.result().provider
        return provider if isinstance(provider, RemoteEngineProvider) else None

    async def ready(self) -> StartupResult:
        """Return scenarios and provider, after the start has finished."""
        if self._ready is None:
            raise _not_started()
        return await asyncio.shield(self._ready)

    async def archive(self) -> CallArchive:
        """Return the stored calls, for reads and deletions.

        Raises:
            StoreError: the address of the database is invalid, or its driver is not installed.
        """
        if self._registry is None:
            raise _not_started()
        module = await asyncio.to_thread(importlib.import_module, "trunkline.store.call_archive")
        if self._archive is None:
            self._archive = module.CallArchive(self.settings, module.recordings_of(self.settings))
        return self._archive

    async def _close_archive(self) -> None:
        archive, self._archive = self._archive, None
        if archive is not None:
            await archive.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the server's calls inside the `with` block."""
        time_limits = time_limits_from(self.settings)
        async with AsyncExitStack() as stack:
            stack.enter_context(redact_logs(log_content=self.settings.log_content))
            providers = await stack.enter_async_context(AsyncExitStack())
            stack.push_async_callback(self._close_archive)
            voice = FillerVoice(self.settings)
            stack.push_async_callback(voice.aclose)
            words = WordRecogniser(self.settings)
            stack.push_async_callback(words.aclose)
            readers: list[LogReaderFactory] = [self._operator_reader, self._metrics_reader]
            if self.store is not None:
                await stack.enter_async_context(self.store.running())
                readers.append(self.store.writer.reader)
            registry = CallRegistry(
                time_limits=time_limits,
                max_calls=self.capacity.calls,
                ended_call_ttl_s=self.settings.ended_call_ttl_s,
                metrics=self._metrics,
                filler_audio=FillerAudio(lambda: self._filler_voice(voice)),
                word_stt=words.get,
                max_log_bytes=self.settings.max_log_bytes,
                max_logs_bytes=self.settings.max_all_logs_bytes,
                readers=readers,
                new_recording=(lambda: None) if self.store is None else self.store.audio.new_recording,
            )
            self.loop_watch = stack.enter_context(LoopWatch())
            if (recorder := await self._live_recorder()) is not None:
                await stack.enter_async_context(recorder.running())
                self.live = recorder
                if self.cluster is not None:
                    await stack.enter_async_context(self._usage_exchange(recorder).running())
            self._registry = await stack.enter_async_context(registry)
            self.limits.use_registry(registry)
            self._ready = asyncio.get_running_loop().create_future()
            preparing = asyncio.create_task(self._prepare(providers))
            try:
                yield
            finally:
                preparing.cancel()
                await asyncio.gather(preparing, return_exceptions=True)
                if not self._ready.done():
                    self._ready.set_exception(_stopping())
                self._ready.exception()  # retrieved, also if nobody waited for it
                self._registry, self._ready, self.live = None, None, None
                self.limits.use_registry(None)

    async def _live_recorder(self) -> LiveRecorder | None:
        """Return the recorder of running calls, if they may be taken over by another process."""
        if (self.settings.take_over or ("off" if self.cluster is None else "on")) == "off":
            return None
        # SQLAlchemy takes a part of a second to import: outside of the event loop.
        module = await asyncio.to_thread(importlib.import_module, "trunkline.cluster.live_recorder")
        database = (await asyncio.to_thread(importlib.import_module, "trunkline.store.database")).Database
        recorder: LiveRecorder = module.LiveRecorder(
            database.from_settings(self.settings),
            new_id("server"),
            self.cluster,
            self.settings.caller_wait_s,
            *(() if self.store is None else (self.store.writer.forget,)),
        )
        return recorder

    def _usage_exchange(self, recorder: LiveRecorder) -> UsageExchange:
        from trunkline.cluster.usage_exchange import UsageExchange
        from trunkline.cluster.usage_table import UsageTable

        table = UsageTable(recorder.database, recorder.server_id)
        return UsageExchange(table, self.limits, lambda: recorder.is_open)

    def record(self, call: Call) -> None:
        """Record a new call, if another process may take it over."""
        if self.live is not None:
            self.live.follow(call)

    async def take_over(self, call_id: str, owner: Ownership, seen: int) -> None:
        """Continue a call of a server that has gone, if this one is the first to claim it.

        Args:
            seen: the number of the last event that the caller's page has seen.
        """
        assert self.live is not None  # noqa: S101 - without records nobody knows an owner
        ready = await self.ready()
        claimed = await self.live.claim(call_id, owner, seen)
        if claimed is None:
            return
        taken_over, epoch = claimed
        scenario = ready.scenarios.by_name.get(taken_over.record.scenario)
        try:
            if scenario is None or ready.provider is None:
                raise LookupError(f"the scenario {taken_over.record.scenario!r} or the provider is missing here")
            call = self.registry.take_over(scenario, ready.provider, taken_over)
        except (LookupError, ScenarioError, UnsupportedScenarioError, StateError) as error:
            log_event(logger, logging.ERROR, "call.take_over_failed", call=call_id, reason=str(error))
            await self.live.give_up(call_id, epoch)
            return
        self.live.follow(call, epoch=epoch, committed=taken_over.committed)
        log_event(
            logger,
            logging.INFO if taken_over.handed_over else logging.WARNING,
            "call.taken_over",
            call=call_id,
            cause="handed_over" if taken_over.handed_over else "lost",
            lost_events=taken_over.last_seq - taken_over.committed,
        )

    def _filler_voice(self, voice: FillerVoice) -> Tts | None:
        if self._ready is None or not self._ready.done() or (provider := self._ready.result().provider) is None:
            return None
        return voice.get(provider)

    async def _prepare(self, stack: AsyncExitStack) -> None:
        assert self._ready is not None  # noqa: S101 - set just before this task was made
        try:
            self._ready.set_result(await self._start_up(stack))
        except Exception as error:
            logger.exception("the scenarios could not be loaded")
            self._ready.set_exception(error)

    async def _start_up(self, stack: AsyncExitStack) -> StartupResult:
        # The Agents SDK takes two seconds to import: in a thread, so that the server can answer meanwhile.
        scenarios = await asyncio.to_thread(load, self._targets)
        for problem in scenarios.problems:
            logger.error("%s", problem)
        provider, provider_problem = None, None
        try:
            provider = await create_provider(self.settings, scenarios)
            stack.push_async_callback(provider.aclose)
            for scenario in scenarios.by_name.values():
                if (unsupported := provider.scenario_problem(scenario)) is not None:
                    where = scenario.location
                    scenarios.problems.append(Problem(unsupported, where.file, where.line))
                    logger.warning("%s", scenarios.problems[-1])
                if (missing := missing_model(scenario, self.settings)) is not None:
                    logger.warning("%s %s", missing, MODEL_FIX)
            if isinstance(provider, RemoteEngineProvider):
                provider_problem = provider.abilities.speech_problem
            elif self.provider_name == "local":
                provider_problem = speech_problem(self.settings)
            if provider_problem:
                logger.warning("%s", provider_problem)
        except ProviderError as error:
            provider_problem = error.full_message
            logger.error("%s", provider_problem)
        if self.owns_process:
            freeze_startup_objects()
        return StartupResult(scenarios, provider, provider_problem)


def server_state_of(connection: HTTPConnection) -> ServerState:
    """Return the state of the app that received a request."""
    server = connection.app.state.server
    assert isinstance(server, ServerState)  # noqa: S101 - `create_app` sets it
    return server


def _stopping() -> ApiError:
    return ApiError(503, "stopping", "The server is stopping.")


def _not_started() -> ApiError:
    message = (
        "Trunkline has not been started: an app that mounts it must run its lifespan "
        "(`async with trunkline.web.lifespan(app): …` in its own)."
    )
    return ApiError(503, "not_started", message)

"""All calls of a server: start them, find them, and remove ended ones after a while."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType

from trunkline.calls.agents.mcp_servers import McpServers
from trunkline.calls.agents.tool_threads import divide_threads
from trunkline.calls.call import Call
from trunkline.calls.filler_audio import FillerAudio
from trunkline.calls.live_record import TakenOverCall
from trunkline.calls.log import MAX_LOG_BYTES, LogBudget, LogReaderFactory
from trunkline.calls.log_events import Codec, StoreDegraded, StoreRestored, Transport
from trunkline.calls.metrics.config import DEFAULT_METRICS, MetricsConfig
from trunkline.calls.metrics.cost_limits import DayBudget
from trunkline.calls.recording import Recording
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.engine.speech import ProbingStt
from trunkline.providers import Provider
from trunkline.scenario.scenario import AnyScenario

MAX_ENDED_CALLS = 200
"""The number of ended calls that keep their logs."""
GOODBYE_S = 20.0
"""The time in s that a draining server gives the goodbyes."""
MAX_LOGS_BYTES = 256 << 20
"""The size of all logs, as JSON text."""


class TooManyCallsError(Exception):
    """The server runs as many calls as it may."""


class BudgetSpentError(Exception):
    """The cost limit of the day is reached.

    Attributes:
        seconds_left: the time until the next day begins, in seconds.
    """

    def __init__(self, seconds_left: float) -> None:
        super().__init__("The cost limit of the day is reached. Calls can be started again after midnight (UTC).")
        self.seconds_left = seconds_left


class CallRegistry:
    """Runs calls, each in a task. Use it as an async context manager, which ends all calls when it exits.

    Args:
        time_limits: the time limits of each call.
        max_calls: the number of calls that may run at once.
        ended_call_ttl_s: the time for which the log of an ended call can be read, in seconds.
        metrics: prices, and the content of traces.
        filler_audio: the audio of fillers; recordings by default.
        word_stt: returns the recogniser that hears callers on the relay beside a provider, None without one.
        max_log_bytes: the size of each call's log, as JSON text; beyond it, the oldest events are dropped.
        max_logs_bytes: the size of all logs. Beyond it, the calls that ended first are dropped, then the oldest events
            of the longest log.
        readers: make the readers of each call's log.
        new_recording: makes the recording of each call; None records nothing.
    """

    def __init__(
        self,
        *,
        time_limits: CallTimeLimits,
        max_calls: int = 100,
        ended_call_ttl_s: float = 3600.0,
        metrics: MetricsConfig = DEFAULT_METRICS,
        filler_audio: FillerAudio | None = None,
        word_stt: Callable[[Provider], ProbingStt | None] = lambda _provider: None,
        max_log_bytes: int = MAX_LOG_BYTES,
        max_logs_bytes: int = MAX_LOGS_BYTES,
        readers: Sequence[LogReaderFactory] = (),
        new_recording: Callable[[], Recording | None] = lambda: None,
    ) -> None:
        self._readers = readers
        self._new_recording = new_recording
        self._word_stt = word_stt
        self._filler_audio = filler_audio
        self._time_limits = time_limits
        self._metrics = metrics
        self._max_calls = max_calls
        self._ended_call_ttl_s = ended_call_ttl_s
        self._max_logs_bytes = max_logs_bytes
        self.log_budget = LogBudget(max_log_bytes, max_logs_bytes, self._bound_logs)
        self._mcp_servers = McpServers()
        self.day_budget = DayBudget(metrics.cost_limits)
        """The usage of the day."""
        self._calls: dict[str, Call] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._clients: Counter[str] = Counter()
        """Running calls by the client that started them."""

    async def __aenter__(self) -> CallRegistry:
        divide_threads(asyncio.get_running_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._mcp_servers.close()

    def start(
        self,
        scenario: AnyScenario,
        provider: Provider,
        *,
        agent: str | None,
        transport: Transport,
        codec: Codec = "pcm16",
        metadata: Mapping[str, str] | None = None,
        caller_id: str | None = None,
        client: str = "",
    ) -> Call:
        """Start a call.

        Args:
            agent: the name of the agent that answers; None is the scenario's first.
            metadata: pairs of the client, for the log and `CallContext.metadata`.
            caller_id: the caller's id in the app that authenticates callers.
            client: the client that starts the call, for the number of its running calls.

        Raises:
            TooManyCallsError: the limit is reached.
            BudgetSpentError: the cost limit of the day is reached.
            LookupError: the scenario has no such agent.
            ScenarioError: the scenario cannot work, since its agents have changed after it was made.
            UnsupportedScenarioError: the provider cannot run the scenario.
            StateError: the scenario's `state` factory failed.
        """
        self._remove_expired()
        if self.day_budget.is_spent:
            raise BudgetSpentError(self.day_budget.seconds_left)
        if len(self._running) >= self._max_calls:
            raise TooManyCallsError(f"{self._max_calls} calls are running, which is the limit. Try again later.")
        call = Call(
            scenario,
            provider,
            first_agent=agent,
            transport=transport,
            codec=codec,
            caller_id=caller_id,
            time_limits=self._time_limits,
            metrics=self._metrics,
            filler_audio=self._filler_audio,
            word_stt=self._word_stt(provider),
            metadata=metadata,
            log_budget=self.log_budget,
            readers=self._readers,
            mcp_servers=self._mcp_servers,
            day_budget=self.day_budget,
            recording=self._new_recording(),
            client=client,
        )
        self._run(call, client)
        return call

    def take_over(self, scenario: AnyScenario, provider: Provider, taken_over: TakenOverCall) -> Call:
        """Continue a call of a server that has gone. The limit of calls does not apply: it has been accepted.

        Raises:
            LookupError: the scenario has no such agent any more.
            ScenarioError: the scenario cannot work, since its agents have changed after it was made.
            UnsupportedScenarioError: the provider cannot run the scenario.
            StateError: the scenario's `state` factory failed.
        """
        record = taken_over.record
        call = Call(
            scenario,
            provider,
            first_agent=record.first_agent,
            transport=record.transport,
            codec=record.codec,
            caller_id=record.caller_id,
            time_limits=self._time_limits,
            metrics=self._metrics,
            filler_audio=self._filler_audio,
            word_stt=self._word_stt(provider),
            metadata=record.metadata,
            log_budget=self.log_budget,
            readers=self._readers,
            mcp_servers=self._mcp_servers,
            day_budget=self.day_budget,
            recording=self._new_recording(),
            client=record.client,
            taken_over=taken_over,
        )
        self._run(call, record.client)
        return call

    def _run(self, call: Call, client: str) -> None:
        if (former := self._calls.get(call.call_id)) is not None:  # this server gave the call up before
            self._remove(former)
        self._calls[call.call_id] = call
        task = asyncio.create_task(call.run(), name=f"call {call.call_id}")
        self._running[call.call_id] = task
        self._clients[client] += 1
        task.add_done_callback(lambda done: self._on_task_done(done, call, client))

    def _on_task_done(self, task: asyncio.Task[None], call: Call, client: str) -> None:
        self._clients[client] -= 1
        if self._clients[client] == 0:
            del self._clients[client]
        if self._running.get(call.call_id) is task:
            del self._running[call.call_id]
        call.hang_up("the server is stopping")  # for a task that was cancelled before its first step
        if call.is_elsewhere and self._calls.get(call.call_id) is call:  # nobody here answers for it any more
            self._remove(call)

    def find(self, call_id: str) -> Call | None:
        """Return the running or recently ended call with this id, None if it is unknown."""
        return self._calls.get(call_id)

    def report_store(self, call_id: str, event: StoreDegraded | StoreRestored) -> None:
        """Append a change of the store's state to the log of a call; nothing happens for an unknown call."""
        if (call := self._calls.get(call_id)) is not None:
            call.report_store(event)

    def is_over(self, call_id: str) -> bool:
        """Return whether a call has ended, or is unknown."""
        call = self._calls.get(call_id)
        return call is None or call.is_over

    async def drain(self, time_limit_s: float) -> None:
        """Wait until no call runs. Calls that run after `time_limit_s` say goodbye and end."""
        seconds = f"{math.ceil(time_limit_s - 0.001)} s"
        for call in self.running_calls():
            call.announce(f"The server is about to stop: this call can continue for {seconds}.", "server_draining")
        await self._wait_for_end(time_limit_s)
        for call in self.running_calls():
            call.say_goodbye("the server is stopping")
        await self._wait_for_end(GOODBYE_S)

    def running_calls(self) -> list[Call]:
        """Return the calls that run."""
        return [self._calls[call_id] for call_id in self._running if call_id in self._calls]

    async def _wait_for_end(self, time_limit_s: float) -> None:
        """Wait until no call runs, also none that came meanwhile, for a limited time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(time_limit_s):
                while self._running:
                    await asyncio.wait(self._running.values())

    def running_of(self, client: str) -> int:
        """Return the number of running calls that a client has started."""
        return self._clients[client]

    @property
    def running_by_client(self) -> dict[str, int]:
        """The running calls by the client that started them."""
        return dict(self._clients)

    @property
    def queued_bytes(self) -> int:
        """The bytes that wait to be sent to pages."""
        return sum(call.queued_bytes for call in self._calls.values())

    @property
    def running(self) -> int:
        """The number of running calls."""
        return len(self._running)

    def _remove_expired(self) -> None:
        now = asyncio.get_running_loop().time()
        ended = self._ended()
        for index, call in enumerate(ended):
            expired = call.ended_at is not None and now - call.ended_at > self._ended_call_ttl_s
            if expired or len(ended) - index > MAX_ENDED_CALLS:
                self._remove(call)

    def _bound_logs(self) -> None:
        for call in self._ended():
            self._remove(call)
            if self.log_budget.used_bytes <= self._max_logs_bytes:
                return
        if self._calls:  # a call that is being constructed is not among them yet
            longest = max(self._calls.values(), key=lambda call: call.log.size_bytes)
            longest.log.drop_oldest(self.log_budget.used_bytes - self._max_logs_bytes + self._max_logs_bytes // 64)

    def _ended(self) -> list[Call]:
        return sorted(
            (call for call in self._calls.values() if call.ended_at is not None), key=lambda call: call.ended_at or 0.0
        )

    def _remove(self, call: Call) -> None:
        del self._calls[call.call_id]
        call.log.drop_all()

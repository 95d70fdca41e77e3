"""All the calls of a server: starting them, finding them again, and forgetting them when they have been read."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from trunkline.calls.call import Call, CallTimeLimits
from trunkline.calls.log_events import Codec, Transport
from trunkline.calls.metrics.config import DEFAULT_METRICS, MetricsConfig
from trunkline.providers import Provider
from trunkline.scenario.scenario import Scenario

MAX_ENDED_CALLS = 200


class TooManyCallsError(Exception):
    """The limit of calls at once is reached."""


class CallRegistry:
    """Runs calls, one supervised task each. Use it as an async context manager: leaving it ends all calls.

    Args:
        max_calls: calls at once.
        ended_call_ttl_s: how long the log of an ended call can be read, in seconds.
        metrics: prices, and what traces tell.
    """

    def __init__(
        self,
        *,
        time_limits: CallTimeLimits,
        max_calls: int = 100,
        ended_call_ttl_s: float = 3600.0,
        metrics: MetricsConfig = DEFAULT_METRICS,
    ) -> None:
        self._time_limits = time_limits
        self._metrics = metrics
        self._max_calls = max_calls
        self._ended_call_ttl_s = ended_call_ttl_s
        self._calls: dict[str, Call] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> CallRegistry:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def start(
        self,
        scenario: Scenario[Any],
        provider: Provider,
        *,
        agent: str | None,
        transport: Transport,
        codec: Codec = "pcm16",
    ) -> Call:
        """Starts a call.

        Raises:
            TooManyCallsError: the limit is reached.
            LookupError: the scenario has no such agent.
        StateError: the scenario's state could not be made.
        """
        self._forget_old()
        if len(self._running) >= self._max_calls:
            raise TooManyCallsError(f"{self._max_calls} calls are running, which is the limit. Try again later.")
        call = Call(
            scenario,
            provider,
            first_agent=agent,
            transport=transport,
            codec=codec,
            time_limits=self._time_limits,
            metrics=self._metrics,
        )
        self._calls[call.call_id] = call
        task = asyncio.create_task(call.run(), name=f"call {call.call_id}")
        self._running[call.call_id] = task
        task.add_done_callback(lambda _done: self._ended(call))
        return call

    def _ended(self, call: Call) -> None:
        self._running.pop(call.call_id, None)
        call.hang_up("the server is stopping")  # if it was cancelled before it ran at all

    def find(self, call_id: str) -> Call | None:
        """The call of this id, running or lately ended."""
        return self._calls.get(call_id)

    @property
    def running(self) -> int:
        """How many calls are going on."""
        return len(self._running)

    def _forget_old(self) -> None:
        now = asyncio.get_running_loop().time()
        ended = [call for call in self._calls.values() if call.ended_at is not None]
        for place, call in enumerate(ended):
            too_old = call.ended_at is not None and now - call.ended_at > self._ended_call_ttl_s
            if too_old or len(ended) - place > MAX_ENDED_CALLS:
                del self._calls[call.call_id]

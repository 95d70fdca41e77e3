"""All the calls of a server: starting them, finding them again, and forgetting them when they have been read."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from trunkline.calls.call import Call, CallTimes
from trunkline.calls.log_events import Codec, Transport
from trunkline.calls.metrics.config import AS_LISTED, Measuring
from trunkline.providers import Provider
from trunkline.scenario.scenario import Scenario

MAX_ENDED_KEPT = 200


class TooManyCallsError(Exception):
    """The limit of calls at once is reached."""


class Exchange:
    """Runs calls, one supervised task each. Use it as an async context manager: leaving it ends all calls.

    Args:
        most: calls at once.
        kept_s: how long the log of an ended call can be read, in seconds.
        measuring: prices, and what traces tell.
    """

    def __init__(
        self, *, times: CallTimes, most: int = 100, kept_s: float = 3600.0, measuring: Measuring = AS_LISTED
    ) -> None:
        self._times = times
        self._measuring = measuring
        self._most = most
        self._kept_s = kept_s
        self._calls: dict[str, Call] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Exchange:
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
        if len(self._running) >= self._most:
            raise TooManyCallsError(f"{self._most} calls are running, which is the limit. Try again later.")
        call = Call(
            scenario,
            provider,
            first_agent=agent,
            transport=transport,
            codec=codec,
            times=self._times,
            measuring=self._measuring,
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
            too_old = call.ended_at is not None and now - call.ended_at > self._kept_s
            if too_old or len(ended) - place > MAX_ENDED_KEPT:
                del self._calls[call.call_id]

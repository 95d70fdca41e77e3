"""Hand-over of a stopping server's calls: others continue them, without a gap in their logs.

A call stops between two turns, all of its events and its record are committed, and it is marked as released. Then its
pages connect again, and the first server that they reach takes the call over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from trunkline.calls.call import Call
from trunkline.calls.machine.inputs import HandOverMoment
from trunkline.cluster.live_recorder import LiveRecorder, Successor
from trunkline.structured_log import log_event

NOTICE_SHARE = 0.1
"""The share of the drain time in which load balancers learn that this server is not ready. Its other workers, which
stop at the same time, are known as draining by then."""
MAX_NOTICE_S = 3.0
MIN_NOTICE_S = 0.5
PACE_S = 0.05
PACE_SHARE = 0.25
"""The pause between two calls, so that the next server takes one after the other over; and the most that all pauses
together may take of the drain time."""
SUCCESSOR_SHARE = 0.3
"""The share of the drain time in which a server that is late with its heartbeat may still become the next one."""
SUCCESSOR_RETRY_S = 0.25
TURN_SHARE = 0.5
"""The share of the drain time in which a call waits for a pause between two turns."""

logger = logging.getLogger(__name__)


class HandOver:
    """Hand-over of all calls of this server.

    Args:
        live: the live records of the calls.
        running_calls: returns the calls that run.
        flush: waits until the stored calls have all events so far, for a limited time.
        drain_s: the time in s in which all calls are handed over.
    """

    def __init__(
        self,
        live: LiveRecorder,
        running_calls: Callable[[], Sequence[Call]],
        flush: Callable[[], Awaitable[None]],
        drain_s: float,
    ) -> None:
        self._live = live
        self._running_calls = running_calls
        self._flush = flush
        self._drain_s = drain_s

    async def run(self) -> None:
        """Hand the calls over. A call without a record, or without a server for it, still runs afterwards."""
        await self._live.begin_to_drain()
        if not self._recorded():
            return
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(min(MAX_NOTICE_S, max(MIN_NOTICE_S, NOTICE_SHARE * self._drain_s)))
        if not await self._has_successor(began + SUCCESSOR_SHARE * self._drain_s):
            return
        moments = {
            HandOverMoment.BETWEEN_TURNS: began + TURN_SHARE * self._drain_s,
            HandOverMoment.NO_TOOL: began + self._drain_s,
            HandOverMoment.NOW: None,
        }
        calls = self._recorded()
        pause_s = min(PACE_S, PACE_SHARE * self._drain_s / max(1, len(calls)))
        await asyncio.gather(*(self._hand_over(call, number * pause_s, moments) for number, call in enumerate(calls)))

    async def _has_successor(self, until: float) -> bool:
        """Return whether another server can take calls over. Wait for one that is late, up to a time in s."""
        while (found := await self._live.find_successor()) is Successor.LATE:
            if asyncio.get_running_loop().time() > until:
                return False
            await asyncio.sleep(SUCCESSOR_RETRY_S)
        return found is Successor.READY

    def _recorded(self) -> list[Call]:
        return [call for call in self._running_calls() if self._live.records(call.call_id)]

    async def _hand_over(self, call: Call, pause_s: float, moments: Mapping[HandOverMoment, float | None]) -> None:
        """Hand a call over, unless it ends first.

        Args:
            pause_s: the time in s before its turn comes.
            moments: the moments to wait for, each with the time at which the wait for it ends.
        """
        await asyncio.sleep(pause_s)
        for moment, until in moments.items():
            call.hand_over(moment)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await call.stopped.wait()
            if call.stopped.is_set():
                break
        if not call.is_elsewhere:
            return
        await self._flush()
        is_released = await self._live.release(call.call_id)
        call.send_pages_away()
        level = logging.INFO if is_released else logging.ERROR
        log_event(logger, level, "call.handed_over", call=call.call_id, released=is_released)

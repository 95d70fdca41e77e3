"""Work with a time limit that holds, also if the work is slow to be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")
CLOSE_S = 1.0


class BoundedWork:
    """Tasks of one owner. The driver of a database that does not answer takes seconds to give a statement up."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self, work: Coroutine[object, None, T]) -> asyncio.Task[T]:
        """Run a coroutine in a task, until `aclose`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    async def run(self, work: Coroutine[object, None, T], limit_s: float) -> T:
        """Return the result of a coroutine. Beyond the limit, it is cancelled in the background.

        Raises:
            TimeoutError: there is no result in time.
        """
        task = self.start(work)
        await asyncio.wait({task}, timeout=limit_s)
        if not task.done():
            task.cancel()
            raise TimeoutError(f"no answer within {limit_s:g} s")
        return task.result()

    def _on_done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, also if nobody waits for it any more

    async def aclose(self) -> None:
        """Wait for all that runs, for a short time; then cancel it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

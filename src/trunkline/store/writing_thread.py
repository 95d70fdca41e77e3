"""The thread of a process that writes to a file of SQLite: one hop from the event loop for a whole transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")


class WritingThread:
    """Thread for transactions that write. It starts with the first one; each waits for the one before it.

    Args:
        engine: a synchronous engine, whose transactions wait for other writers at their begin.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction, and return its result."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "store")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    async def close(self) -> None:
        """Close the connections after the last transaction. A later one opens them again."""
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.get_running_loop().run_in_executor(executor, self.engine.dispose)
            executor.shutdown(wait=False)

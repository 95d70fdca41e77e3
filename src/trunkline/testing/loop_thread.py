"""An event loop in a thread, for parts that tests on other loops share."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any


class LoopThread:
    """A thread with an event loop, for parts that tests on other loops share."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        """Run a coroutine on the loop, and return its result."""
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return done.result(60)

    def close(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

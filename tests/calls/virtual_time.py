"""An asyncio event loop whose clock jumps: when nothing is left to do, it is the time of the next timer.

An hour of waiting takes no time, and what happens at which millisecond is exact. Sockets and threads work, but time
does not wait for them: whatever waits for both a timer and a socket belongs on an ordinary loop.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec

P = ParamSpec("P")
STUCK_AFTER_S = 5.0
"""Real seconds without a timer, a ready socket or a thread's answer after which the loop gives up."""


class StuckError(RuntimeError):
    """Everything waits for something that will never come."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at time 0."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        """Seconds since the loop was made, on its own clock."""
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.BaseSelector):
    """Looks at the sockets without waiting, and tells how long would have been waited."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None and timeout > 0:
            self._jump(timeout)
            return []
        ready = self._real.select(STUCK_AFTER_S)
        if not ready:
            raise StuckError("nothing will ever happen: no timer is set and no socket is ready")
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs an `async def` test on a loop of its own in virtual time; fails it if it leaves a task behind."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(_alone(test(*args, **kwargs)))

    return run


async def _alone(test: Coroutine[Any, Any, None]) -> None:
    await test
    await asyncio.sleep(2)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"the test left tasks running: {left}"

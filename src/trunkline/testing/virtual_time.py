"""An asyncio event loop whose clock jumps: when nothing is left to do, it is the time of the next timer.

An hour of waiting takes no time, and what happens at which millisecond is exact. Unless the loop is `patient`, time
does not wait for sockets and threads: whatever waits for both a timer and a socket then belongs on an ordinary loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
STUCK_AFTER_S = 5.0
"""Real seconds without a timer, a ready socket or a thread's answer after which the loop gives up."""


class StuckError(RuntimeError):
    """Everything waits for something that will never come."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at time 0.

    Args:
        patient: while a thread of `run_in_executor` works, or a socket is open, time passes as it does in reality, so
            that a time limit on such work is a real one.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self._now = 0.0
        self._patient = patient
        self._working: set[asyncio.Future[Any]] = set()
        self._jumping = _JumpingSelector(self._pass, self._must_wait)
        super().__init__(self._jumping)
        self._own_files = len(self._jumping.get_map())

    def time(self) -> float:
        """Seconds since the loop was made, on its own clock."""
        return self._now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As any loop does. A patient loop remembers that a thread works."""
        work: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return work

    def _must_wait(self) -> bool:
        return self._patient and (bool(self._working) or len(self._jumping.get_map()) > self._own_files)

    def _pass(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.BaseSelector):
    """Looks at the sockets without waiting, and tells how long would have been waited."""

    def __init__(self, jump: Callable[[float], None], must_wait: Callable[[], bool]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump
        self._must_wait = must_wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if self._must_wait():
            began = time.monotonic()
            ready = self._real.select(timeout)
            self._jump(time.monotonic() - began)
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
        return self._real.get_map() or {}


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a patient virtual loop of its own, as `asyncio.run` does on an ordinary one."""
    with asyncio.Runner(loop_factory=functools.partial(VirtualTimeLoop, patient=True)) as runner:
        return runner.run(work, context=contextvars.copy_context())


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
    if left:
        raise AssertionError(f"the test left tasks running: {left}")

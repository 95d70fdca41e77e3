"""Asyncio event loop with a clock that jumps: when the loop is idle, time advances to the next timer.

An hour of waiting takes no real time, and every event happens at an exact millisecond. Unless the loop is `patient`,
time does not wait for sockets and threads: code that waits for a timer and a socket at once needs an ordinary loop.
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


class StuckError(RuntimeError):
    """Deadlock: every task waits for an event that will never come."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time, which starts at 0.

    Args:
        patient: lets real time pass while a thread of `run_in_executor` works or a socket is open, so that a time limit
            on such work is a real one.
        stuck_after_s: the real time without a timer, a ready socket or a thread's result, after which the loop gives
            up.
    """

    def __init__(self, *, patient: bool = False, stuck_after_s: float = STUCK_AFTER_S) -> None:
        self._now = 0.0
        self._patient = patient
        self._working: set[asyncio.Future[Any]] = set()
        self._jumping = _JumpingSelector(self._pass, self._must_wait, stuck_after_s)
        super().__init__(self._jumping)
        self._own_files = len(self._jumping.get_map())

    def time(self) -> float:
        """Return the seconds since the loop was created, on its virtual clock."""
        return self._now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """See the base class. Record that a thread works, for a patient loop."""
        work: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return work

    def _must_wait(self) -> bool:
        return self._patient and (bool(self._working) or len(self._jumping.get_map()) > self._own_files)

    def _pass(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.BaseSelector):
    """Selector that polls the sockets without waiting, and reports the skipped time to the loop."""

    def __init__(self, jump: Callable[[float], None], must_wait: Callable[[], bool], stuck_after_s: float) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump
        self._must_wait = must_wait
        self._stuck_after_s = stuck_after_s

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
        ready = self._real.select(self._stuck_after_s)
        if not ready:
            raise StuckError("the loop waits forever: no timer is set and no socket is ready")
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map() or {}


def run_in_virtual_time(work: Coroutine[object, None, T]) -> T:
    """Run a coroutine on a new patient virtual loop, as `asyncio.run` does on an ordinary one."""
    with asyncio.Runner(loop_factory=functools.partial(VirtualTimeLoop, patient=True)) as runner:
        return runner.run(work, context=contextvars.copy_context())


def in_virtual_time(test: Callable[P, Coroutine[object, None, None]]) -> Callable[P, None]:
    """Run an `async def` test on a new loop in virtual time; fail it if a task remains."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(_alone(test(*args, **kwargs)))

    return run


async def _alone(test: Coroutine[object, None, None]) -> None:
    await test
    await asyncio.sleep(2)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        raise AssertionError(f"the test left tasks running: {left}")

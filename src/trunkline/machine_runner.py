"""Runner of a pure state machine: its inputs, effects, timers and tasks.

A machine is a function `step(input, now_ms) -> effects` without clock and tasks. The shells of calls and of the
engine's sessions each own one runner, which keeps the order of inputs and ends everything that belongs to the machine.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Generic, TypeVar

InputT = TypeVar("InputT")
EffectT = TypeVar("EffectT")
TimerT = TypeVar("TimerT", bound=Hashable)

Work = Coroutine[object, None, None]
_TIMER_TOLERANCE_MS = 1.0
"""The time by which a timer may fire too early, since clocks are rounded."""
_LATE_S = 0.1
"""The delay of a timer that shows that the event loop was blocked."""
_GRACE_S = 0.05
"""The time for input that has waited in sockets meanwhile. It goes first, and may postpone or cancel a late timer."""


class MachineRunner(Generic[InputT, EffectT, TimerT]):
    """Runner of one machine. Only `run` waits; make it in a running event loop.

    A failure of a step, an effect or a task stops the runner. Nothing reaches the machine after `stop`.

    Args:
        step: gives the machine an input at a time in ms, and returns the effects.
        perform: carries out one effect. Inputs that it posts wait until all effects of the step are carried out.
        timer_fired: makes the input of a due timer.
        now_ms: returns the time of the machine's clock, in ms. It must advance as fast as the event loop's clock.
        on_failure: handles the error that stops the runner, before it stops. It is called once.
        may_step: returns whether the machine may be stepped; while it may not, inputs wait for `resume`.
    """

    def __init__(
        self,
        *,
        step: Callable[[InputT, float], Iterable[EffectT]],
        perform: Callable[[EffectT], object],
        timer_fired: Callable[[TimerT], InputT],
        now_ms: Callable[[], float],
        on_failure: Callable[[Exception], object],
        may_step: Callable[[], bool] | None = None,
    ) -> None:
        self._step = step
        self._perform = perform
        self._timer_fired = timer_fired
        self._now_ms = now_ms
        self._on_failure = on_failure
        self._may_step = may_step
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[InputT] = deque()
        self._stepping = False
        self._stopped = asyncio.Event()
        self.is_stopped = False  # an attribute, since every input and every frame of audio asks
        """True once `stop` was called, or something failed."""
        self._failed = False
        self._group: asyncio.TaskGroup | None = None
        self._spawned: set[asyncio.Task[None]] = set()
        """The tasks that run."""
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        """The tasks that `cancel` has cancelled, until they have ended."""
        self._timers: dict[TimerT, asyncio.TimerHandle] = {}
        self._fires_ms: dict[TimerT, float] = {}
        """The time at which each handle fires."""
        self._due_ms: dict[TimerT, float] = {}
        """The due time of each timer, which may be later; a timer that was cancelled has none."""
        self._deferred: set[TimerT] = set()
        """Late timers that wait for input."""

    async def run(self, *work: Work, first: InputT | None = None, last: InputT | None = None) -> None:
        """Run tasks until `stop`. All of them have ended when this returns, also if it is cancelled.

        Args:
            work: coroutines that run from the start.
            first: an input to post before they run.
            last: an input to post at the end, if the runner was not stopped by then: it was cancelled.
        """
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                try:
                    if first is not None:
                        self.post(first)
                    for coroutine in work:
                        self.spawn(coroutine)
                    await self._stopped.wait()
                finally:
                    self._group = None
                # An exception that ends the group would refer to the frames of all tasks, and they to it.
                for task in self._spawned:
                    task.cancel()
        finally:
            if last is not None:
                self.post(last)
            self.stop()

    def stop(self) -> None:
        """Drop the inputs that wait, cancel the timers, and end `run`. A second call has no effect."""
        self.is_stopped = True
        self._stopped.set()
        self._inbox.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._fires_ms.clear()
        self._due_ms.clear()
        self._deferred.clear()

    def post(self, given: InputT) -> None:
        """Step the machine and carry out the effects. An input that arrives meanwhile waits for them."""
        if self.is_stopped:
            return
        self._inbox.append(given)
        if not self._stepping:
            self.resume()

    def resume(self) -> None:
        """Handle the inputs that wait."""
        if self._stepping or (self._may_step is not None and not self._may_step()):
            return
        self._stepping = True
        try:
            while self._inbox and not self.is_stopped:
                for effect in self._step(self._inbox.popleft(), self._now_ms()):
                    self._perform(effect)
        except Exception as error:  # noqa: BLE001 - the owner handles any failure of its machine
            self._fail(error)
        finally:
            self._stepping = False

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            try:
                self._on_failure(error)
            finally:
                self.stop()

    # Tasks ----------------------------------------------------------------------------------------------------------
    def spawn(self, work: Work, key: Hashable | None = None) -> None:
        """Run a coroutine in a task of `run`. Close it unless `run` is active.

        Args:
            work: the coroutine. An error that it raises stops the runner.
            key: lets `cancel` find the task; it finds the latest of a key.
        """
        if self._group is None or self.is_stopped:
            work.close()
            return
        task = self._group.create_task(self._guarded(work))
        self._spawned.add(task)
        if key is not None:
            self._tasks[key] = task

        def on_done(done: asyncio.Task[None]) -> None:
            work.close()  # the task may be cancelled before it begins
            self._spawned.discard(done)
            self._cancelled.discard(done)
            if key is not None and self._tasks.get(key) is done:
                del self._tasks[key]

        task.add_done_callback(on_done)

    async def _guarded(self, work: Work) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - as in `post`
            self._fail(error)
        except asyncio.CancelledError:
            if not (self.is_stopped or self._group is None or asyncio.current_task() in self._cancelled):
                self._fail(RuntimeError("a task was cancelled by the code that it runs"))
            raise

    def cancel(self, key: Hashable) -> None:
        """Cancel the task of this key, if it runs."""
        if task := self._tasks.pop(key, None):
            self._cancelled.add(task)
            task.cancel()

    # Timers ---------------------------------------------------------------------------------------------------------
    def set_timer(self, timer: TimerT, at_ms: float | None) -> None:
        """Set a timer to `at_ms` of the machine's clock, in place of its former time; None cancels it."""
        handle = self._timers.get(timer)
        self._deferred.discard(timer)
        if at_ms is None or self.is_stopped:
            self._due_ms.pop(timer, None)
            return
        self._due_ms[timer] = at_ms
        # Each frame of audio postpones some timers, and each turn cancels and sets others. Their handle stays, and
        # `_on_timer` checks the due time.
        if handle is not None:
            if self._fires_ms[timer] <= at_ms:
                return
            handle.cancel()
        now_ms = self._now_ms()
        self._fires_ms[timer] = self._due_ms[timer] = at_ms = max(at_ms, now_ms)
        self._timers[timer] = self._loop.call_later((at_ms - now_ms) / 1000, self._on_timer, timer)

    def _on_timer(self, timer: TimerT) -> None:
        del self._timers[timer], self._fires_ms[timer]
        due_ms = self._due_ms.pop(timer, None)
        if due_ms is None:
            return  # it was cancelled
        late_ms = self._now_ms() - due_ms
        if late_ms < -_TIMER_TOLERANCE_MS:
            self.set_timer(timer, due_ms)
            return
        if late_ms > _LATE_S * 1000 and timer not in self._deferred:
            self._deferred.add(timer)
            self._due_ms[timer] = due_ms
            self._fires_ms[timer] = self._now_ms() + _GRACE_S * 1000
            self._timers[timer] = self._loop.call_later(_GRACE_S, self._on_timer, timer)
            return
        self._deferred.discard(timer)
        self.post(self._timer_fired(timer))

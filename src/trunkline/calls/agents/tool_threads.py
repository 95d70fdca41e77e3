"""Threads of tools: bounded for each call and in all, apart from DNS and from everything else that a loop runs.

A plain `def` tool runs in a thread, and Python cannot stop a thread. So a tool that hangs keeps its thread, also after
its time limit and after its call. These threads are daemons: they delay neither other calls nor the end of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

from trunkline.calls.agents.containment import contained

P = ParamSpec("P")
T = TypeVar("T")
MAX_THREADS_PER_CALL = 4
MAX_THREADS = 64
MAX_DNS_THREADS = 8


class NoThreadError(Exception):
    """Too many threads of tools are running, so that the work was not begun."""


class ThreadBudget:
    """The number of threads that the tools of all calls may have at once."""

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self._max = max_threads
        self._lock = threading.Lock()
        self.running = 0
        """Threads that run now."""
        self.left_over = 0
        """Threads of calls that have ended."""

    def start(self, call: CallThreads, work: Callable[[], None]) -> None:
        """Run `work` in a thread of the call.

        Raises:
            NoThreadError: the call, or all calls together, have as many threads as they may.
        """
        with self._lock:
            if call.running >= call.max_threads:
                raise NoThreadError(
                    f"{call.running} tools of this call are still running, which is the limit. Wait for one of them"
                )
            if self.running >= self._max:
                raise NoThreadError(
                    f"{self.running} tools are running on this server, which is the limit. Try again later"
                )
            self.running += 1
            call.running += 1
        thread = threading.Thread(target=self._run, args=(call, work), name=f"tool of {call.call_id}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the operating system gives no thread
            self._count_end(call)
            raise NoThreadError(f"This server cannot start a thread ({error}). Try again later") from error

    def _run(self, call: CallThreads, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._count_end(call)

    def _count_end(self, call: CallThreads) -> None:
        with self._lock:
            self.running -= 1
            call.running -= 1
            if call.has_ended:
                self.left_over -= 1

    def close(self, call: CallThreads) -> None:
        """Count the threads of a call that has ended as left over."""
        with self._lock:
            if not call.has_ended:
                call.has_ended = True
                self.left_over += call.running


TOOL_THREADS = ThreadBudget()
"""The threads of this process."""


class CallThreads:
    """Threads of one call's tools.

    Args:
        call_id: the call's id, for the names of the threads.
        budget: the threads of all calls.
        max_threads: the number of threads that this call may have at once.
    """

    def __init__(
        self, call_id: str, budget: ThreadBudget = TOOL_THREADS, max_threads: int = MAX_THREADS_PER_CALL
    ) -> None:
        self.call_id = call_id
        self.max_threads = max_threads
        self.running = 0
        self.has_ended = False
        self._budget = budget

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Run the threads that the block asks its event loop for as threads of this call."""
        token = _threads.set(self)
        try:
            yield
        finally:
            _threads.reset(token)

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread.

        Raises:
            NoThreadError: the call, or all calls together, have as many threads as they may.
        """
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                with contained():
                    result = function(*args, **kwargs)
            except StopIteration as error:  # asyncio's futures refuse it
                future.set_exception(RuntimeError(f"StopIteration: {error}"))
            except Exception as error:  # noqa: BLE001 - it goes to the caller of the function
                future.set_exception(error)
            else:
                future.set_result(result)

        self._budget.start(self, work)
        return future

    def close(self) -> None:
        """Declare the call ended. Its threads continue, and count as left over."""
        self._budget.close(self)


_threads: ContextVar[CallThreads | None] = ContextVar("threads", default=None)
"""The threads of the call whose tool runs in this task."""


class DividedExecutor(ThreadPoolExecutor):
    """Default executor of an event loop: tools, DNS and all other work have threads of their own.

    `asyncio.to_thread` and the loop's name resolution use the default executor. With a single pool, a few tools that
    hang would stop both for every call.
    """

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="asyncio")
        self._dns = ThreadPoolExecutor(MAX_DNS_THREADS, thread_name_prefix="dns")

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread of its kind. See `CallThreads.submit` for tools."""
        if getattr(function, "__name__", "") in _RESOLVERS:
            return self._dns.submit(function, *args, **kwargs)
        threads = _threads.get()
        if threads is not None:
            return threads.submit(function, *args, **kwargs)
        return super().submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See the base class. Threads of tools are not awaited."""
        self._dns.shutdown(wait, cancel_futures=cancel_futures)
        super().shutdown(wait, cancel_futures=cancel_futures)


_RESOLVERS = ("getaddrinfo", "getnameinfo", "_getaddrinfo_debug")
"""Names of the functions with which asyncio's loops resolve names."""
_divided: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def divide_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Give a loop a `DividedExecutor`, and keep the exits of tools' tasks inside. Do nothing the second time."""
    if loop in _divided:
        return
    _divided.add(loop)
    loop.set_default_executor(DividedExecutor())
    if loop.get_task_factory() is None:
        loop.set_task_factory(_make_task)


def _make_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    """Make a task. An exit in a task that a tool makes is an error: asyncio would end the event loop."""
    context: contextvars.Context | None = options.get("context")
    threads = _threads.get() if context is None else context.get(_threads)
    if threads is None:
        return asyncio.Task(work, loop=loop, **options)
    task = asyncio.Task(_contained(work), loop=loop, **options)
    task.add_done_callback(lambda _done: work.close())  # the task may be cancelled before it begins
    return task


async def _contained(work: Coroutine[object, None, T]) -> T:
    with contained(with_cancellation=False):  # tasks of a tool may cancel each other
        return await work

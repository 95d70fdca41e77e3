"""Supervisor of a server's processes: it starts them, starts one that died again, and passes signals on."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext, SpawnProcess

from trunkline.cluster.restart_backoff import RestartBackoff
from trunkline.fork_server import server_context
from trunkline.structured_log import log_event

END_TIMEOUT_S = 10.0
"""The time in s that the processes without calls have to end, before they are killed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessPlan:
    """A process that should always run.

    Attributes:
        name: its name in the log, such as "worker 1".
        target: the function that it runs in a new interpreter. Its last argument is a `Connection`, to which it sends
            something once it has started.
        arguments: the arguments before that.
        serves_calls: True for a process with calls: it gets the signals, and ends by itself. The others end after it.
    """

    name: str
    target: Callable[..., None]
    arguments: tuple[object, ...]
    serves_calls: bool = True


class Supervisor:
    """Keeps processes running until a signal ends them.

    The first start must succeed: a process that ends before it has started ends all. Later, a process that dies is
    started again, after a pause. SIGTERM and SIGINT are passed on, each time.

    Args:
        plans: the processes.
        on_started: called once, when all have started.
    """

    def __init__(self, plans: Sequence[ProcessPlan], on_started: Callable[[], None] = lambda: None) -> None:
        context = server_context()
        self._children = [_Child(plan, context) for plan in plans]
        self._on_started = on_started
        self._stopping = asyncio.Event()
        self._failed = False
        self._first_signal: signal.Signals | None = None

    async def run(self) -> signal.Signals | None:
        """Run the processes, and return the signal that ended them; None if one could not be started."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children:
                    child.task = group.create_task(self._keep_running(child), name=child.plan.name)
                await self._stopping.wait()
                await self._end()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return None if self._failed else self._first_signal

    def _on_signal(self, number: signal.Signals) -> None:
        self._first_signal = self._first_signal or number
        self._stopping.set()
        for child in self._children:
            if child.plan.serves_calls:
                child.send(number)

    async def _keep_running(self, child: _Child) -> None:
        loop = asyncio.get_running_loop()
        backoff = RestartBackoff()
        while not self._stopping.is_set():
            began = loop.time()
            await child.run(self._on_child_started)
            if self._stopping.is_set():
                return
            if not child.has_started:
                self._failed = True
                self._on_signal(signal.SIGINT)
                return
            pause_s = backoff.pause_s(loop.time() - began)
            log_event(
                logger,
                logging.ERROR,
                "process.died",
                process=child.plan.name,
                exit_code=child.exit_code,
                restart_in_s=pause_s,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    def _on_child_started(self) -> None:
        if all(child.has_started for child in self._children):
            on_started, self._on_started = self._on_started, lambda: None
            on_started()

    async def _end(self) -> None:
        """Wait for the processes with calls, then end the others."""
        await asyncio.wait([child.task for child in self._children if child.plan.serves_calls and child.task])
        others = [child for child in self._children if not child.plan.serves_calls]
        for child in others:
            child.send(signal.SIGTERM)
        if waiting := [child.task for child in others if child.task]:
            await asyncio.wait(waiting, timeout=END_TIMEOUT_S)
        for child in others:
            child.send(signal.SIGKILL)


class _Child:
    """One process at a time, of a plan."""

    def __init__(self, plan: ProcessPlan, context: ForkServerContext | SpawnContext) -> None:
        self.plan = plan
        self._context = context
        self.task: asyncio.Task[None] | None = None
        self.has_started = False
        self.exit_code: int | None = None
        self._process: SpawnProcess | ForkServerProcess | None = None
        self._pid: int | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None and self._process.pid is not None:
            os.kill(self._process.pid, number)  # it is collected in `run` only, so the id is still its own

    async def run(self, on_started: Callable[[], None]) -> None:
        """Start a process, and wait until it has ended."""
        reports, sender = multiprocessing.Pipe(duplex=False)
        process = self._context.Process(
            target=self.plan.target, args=(*self.plan.arguments, sender), name=self.plan.name
        )
        process.start()
        sender.close()
        self._process, self._pid = process, process.pid
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_reader(process.sentinel, _set, ended)
        loop.add_reader(reports.fileno(), self._on_report, reports, on_started)
        try:
            await ended
        finally:
            loop.remove_reader(process.sentinel)
            loop.remove_reader(reports.fileno())
            reports.close()
            self._process = None
            if not ended.done():
                process.kill()
            process.join()
            self.exit_code = process.exitcode
            process.close()

    def _on_report(self, reports: Connection, on_started: Callable[[], None]) -> None:
        asyncio.get_running_loop().remove_reader(reports.fileno())
        try:
            reports.recv()
        except EOFError:
            return
        self.has_started = True
        log_event(logger, logging.INFO, "process.started", process=self.plan.name, pid=self._pid)
        on_started()


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

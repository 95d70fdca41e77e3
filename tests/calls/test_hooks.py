"""Hooks of agents: their order, and the tasks that run them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from agents import RunContextWrapper
from agents.realtime import RealtimeAgent, RealtimeAgentHooks

from trunkline import Scenario
from trunkline.calls.agents import hooks
from trunkline.calls.agents.hooks import HookRunner
from trunkline.calls.log import Entry
from trunkline.calls.log_events import AgentChanged, CallError, LogEventUnion


class Slow(RealtimeAgentHooks[Any]):
    """Hooks that note their agent, and wait until they may return."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.may_return = asyncio.Event()

    async def on_start(self, context: Any, agent: Any) -> None:
        self.started.append(agent.name)
        await self.may_return.wait()


class Call:
    """The hooks of a call's two agents, with the tasks that the call spawned for them."""

    def __init__(self, agent_hooks: RealtimeAgentHooks[Any] | None) -> None:
        host: RealtimeAgent[Any] = RealtimeAgent(name="host", hooks=agent_hooks)
        poet: RealtimeAgent[Any] = RealtimeAgent(name="poet", hooks=agent_hooks)
        self.log: list[LogEventUnion] = []
        self.spawned: list[asyncio.Task[None]] = []
        played = Scenario("bench", agents=[host, poet])
        self.hooks = HookRunner(played, self._spawn, self.log.append, _context, timeout_s=60)

    def answered_by(self, agent: str) -> None:
        self.hooks.read(Entry(1, 0, AgentChanged(agent=agent, previous=None)))

    def _spawn(self, work: Coroutine[object, None, None]) -> None:
        self.spawned.append(asyncio.ensure_future(_task(work)))


async def _task(work: Coroutine[object, None, None]) -> None:
    await work


async def _context() -> RunContextWrapper:
    return RunContextWrapper(context=None)


async def _settled(until: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not until():  # noqa: ASYNC110 - a spy has no event to wait for
            await asyncio.sleep(0)


async def test_hooks_from_before_the_start_run_with_the_call() -> None:
    slow = Slow()
    slow.may_return.set()
    call = Call(slow)
    call.answered_by("host")
    assert slow.started == []
    await call.hooks.run()
    assert slow.started == ["host"]
    assert call.spawned == []


async def test_no_task_waits_for_hooks() -> None:
    call = Call(None)
    call.answered_by("host")
    await asyncio.wait_for(call.hooks.run(), 10)
    call.answered_by("poet")
    assert call.spawned == []


async def test_later_hooks_run_one_after_the_other_in_one_task() -> None:
    slow = Slow()
    call = Call(slow)
    await call.hooks.run()
    call.answered_by("host")
    call.answered_by("poet")
    await _settled(lambda: slow.started == ["host"])
    slow.may_return.set()
    await asyncio.gather(*call.spawned)
    assert slow.started == ["host", "poet"]
    assert len(call.spawned) == 1
    call.answered_by("host")
    await asyncio.gather(*call.spawned)
    assert slow.started == ["host", "poet", "host"]


async def test_hooks_beyond_the_limit_are_dropped_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MAX_WAITING_HOOKS", 1)
    slow = Slow()
    slow.may_return.set()
    call = Call(slow)
    call.answered_by("host")
    call.answered_by("poet")
    assert [event.code for event in call.log if isinstance(event, CallError)] == ["hook_failed"]
    await call.hooks.run()
    assert slow.started == ["host"]

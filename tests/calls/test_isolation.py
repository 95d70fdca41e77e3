"""Isolation of calls from each other's tools: threads, exits, and what the model gets when no thread is left."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agents import function_tool, output_guardrail
from agents.realtime import RealtimeAgent

from tests.calls.call_harness import calling, scenario
from tests.calls.model_fake import Calls, FakeModel
from trunkline import CallContext, Scenario
from trunkline.calls import log_events
from trunkline.calls.agents import tool_threads
from trunkline.calls.agents.containment import contained
from trunkline.calls.agents.runner import StateError
from trunkline.calls.agents.tool_threads import CallThreads, NoThreadError, ThreadBudget, divide_threads
from trunkline.calls.agents.tools import ToolOutcome, run_tool


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Event that hanging tools wait for."""
    event = threading.Event()
    yield event
    event.set()


def hanging(released: threading.Event) -> Any:
    """Make a plain `def` tool that hangs."""

    @function_tool
    def hang() -> str:
        """Hang."""
        released.wait(20)
        return "done"

    return hang


async def run(tool: Any, threads: CallThreads, timeout_s: float = 30.0) -> ToolOutcome:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="host", tools=[tool])
    context: CallContext[Any] = CallContext(call_id="call_1", scenario="test", state=None)
    return await run_tool(
        tool, "{}", tool_call_id="fc_1", agent=agent, context=context, timeout_s=timeout_s, threads=threads
    )


async def started(threads: CallThreads, count: int) -> None:
    """Wait until `count` threads run."""
    async with asyncio.timeout(5):
        while threads.running < count:  # noqa: ASYNC110 - threads have no event
            await asyncio.sleep(0.001)


async def test_a_call_whose_tools_hang_gets_no_further_thread(released: threading.Event) -> None:
    divide_threads(asyncio.get_running_loop())
    threads = CallThreads("call_1", ThreadBudget())
    tool = hanging(released)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run(tool, threads)) for _ in range(4)]
        await started(threads, 4)
        refused = await run(tool, threads)
        released.set()
    assert "4 tools of this call are still running" in refused.output
    assert refused.error
    assert "4 tools of this call" in refused.error
    assert [task.result().output for task in running] == ["done"] * 4
    assert (await run(tool, threads)).output == "done"


async def test_hanging_tools_of_some_calls_do_not_delay_the_tools_of_another(released: threading.Event) -> None:
    @function_tool
    def weigh() -> int:
        """Weigh."""
        return 3

    divide_threads(asyncio.get_running_loop())
    budget = ThreadBudget()
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(run(hanging(released), CallThreads(f"call_{number}", budget)))
        outcome = await run(weigh, CallThreads("another", budget))
        released.set()
    assert outcome.result == 3


async def test_hanging_tools_do_not_delay_dns(released: threading.Event) -> None:
    divide_threads(asyncio.get_running_loop())
    budget = ThreadBudget()
    async with asyncio.TaskGroup() as group:
        for number in range(16):
            group.create_task(run(hanging(released), CallThreads(f"call_{number}", budget)))
        async with asyncio.timeout(5):
            # A numeric address would need no thread.
            await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
        released.set()


async def test_dns_has_threads_even_if_all_others_are_busy(released: threading.Event) -> None:
    divide_threads(asyncio.get_running_loop())
    busy = [asyncio.create_task(asyncio.to_thread(released.wait, 20)) for _ in range(64)]
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    released.set()
    await asyncio.gather(*busy)


async def test_an_async_tools_own_thread_counts_too(released: threading.Event) -> None:
    @function_tool
    async def hang() -> str:
        """Hang."""
        await asyncio.to_thread(released.wait, 20)
        return "done"

    divide_threads(asyncio.get_running_loop())
    threads = CallThreads("call_1", ThreadBudget(), max_threads=1)
    async with asyncio.TaskGroup() as group:
        group.create_task(run(hang, threads))
        await started(threads, 1)
        refused = await run(hang, threads)
        released.set()
    assert "1 tools of this call" in refused.output


def test_all_calls_together_have_a_limit_of_threads(released: threading.Event) -> None:
    budget = ThreadBudget(max_threads=2)
    for number in range(2):
        CallThreads(f"call_{number}", budget).submit(released.wait, 20)
    with pytest.raises(NoThreadError, match="2 tools are running on this server"):
        CallThreads("third", budget).submit(released.wait, 20)


def test_threads_that_outlive_their_call_are_counted_until_they_end(released: threading.Event) -> None:
    budget = ThreadBudget()
    threads = CallThreads("call_1", budget)
    works = [threads.submit(released.wait, 20) for _ in range(3)]
    assert (budget.running, budget.left_over) == (3, 0)
    threads.close()
    threads.close()
    assert (budget.running, budget.left_over) == (3, 3)
    released.set()
    for work in works:
        work.result(5)
    for thread in threading.enumerate():
        if thread.name == "tool of call_1":
            thread.join(5)
    assert (budget.running, budget.left_over) == (0, 0)


async def test_a_hung_up_calls_threads_are_left_over(
    released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = ThreadBudget()
    monkeypatch.setattr(tool_threads.CallThreads.__init__, "__defaults__", (budget, 4))
    tool = hanging(released)
    async with calling(FakeModel(script=lambda _items: [Calls("hang")]), scenario(tools=[tool])) as caller:
        caller.joins()
        await caller.until(lambda: budget.running == 1)
        caller.command(type="hang_up")
        await caller.until(lambda: budget.left_over == 1)


# Exits --------------------------------------------------------------------------------------------------------------
def _raise(error: BaseException) -> Any:
    raise error


class Unusual(BaseException):
    """Neither an `Exception` nor one of Python's exits."""


EXITS = [KeyboardInterrupt("stop"), SystemExit(3), Unusual("odd"), StopIteration("over"), GeneratorExit("closed"),
         asyncio.CancelledError("not asked")]  # fmt: skip


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", ["plain", "async", "subtask", "generator"])
async def test_no_exception_of_a_tool_ends_the_process(error: BaseException, kind: str) -> None:
    def plain() -> str:
        """Fail."""
        return str(_raise(error))

    async def coroutine() -> str:
        """Fail."""
        return str(_raise(error))

    async def subtask() -> str:
        """Fail."""
        return await asyncio.create_task(coroutine())

    def generator() -> Iterator[str]:
        """Fail."""
        yield str(_raise(error))

    functions: dict[str, Callable[[], Any]] = {
        "plain": plain, "async": coroutine, "subtask": subtask, "generator": generator
    }  # fmt: skip
    divide_threads(asyncio.get_running_loop())
    outcome = await run(function_tool(functions[kind]), CallThreads("call_1", ThreadBudget()), timeout_s=5)
    assert outcome.error
    assert type(error).__name__ in outcome.error


async def test_a_tool_that_cancels_its_own_task_fails_at_once() -> None:
    @function_tool
    async def giving_up() -> str:
        """Cancel the task that runs."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(30)
        return "never"

    outcome = await run(giving_up, CallThreads("call_1", ThreadBudget()), timeout_s=5)
    assert outcome.error is not None
    assert outcome.error.startswith("CancelledError")


async def test_a_cancelled_tool_is_cancelled_and_has_no_outcome() -> None:
    waits = asyncio.Event()
    was_cancelled = asyncio.Event()

    @function_tool
    async def waiting() -> str:
        """Wait."""
        waits.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            was_cancelled.set()
            raise
        return "never"

    running = asyncio.create_task(run(waiting, CallThreads("call_1", ThreadBudget())))
    await waits.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert was_cancelled.is_set()


async def test_a_closed_coroutine_is_not_an_error_of_users_code() -> None:
    async def waiting() -> None:
        with contained():
            await asyncio.sleep(0)

    async def begin() -> None:
        work.send(None)

    work = waiting()
    await asyncio.create_task(begin())
    work.close()


async def _cancelled(*_arguments: object) -> Any:
    raise asyncio.CancelledError


async def test_a_guardrail_that_raises_a_cancellation_has_an_outcome() -> None:
    played = scenario(guardrails=[output_guardrail(name="cancelled")(_cancelled)])
    async with calling(FakeModel(), played) as caller:
        caller.joins()
        await caller.until(lambda: [one for one in caller.logged(log_events.GuardrailChecked) if one.status == "error"])


def _leave(*_arguments: object) -> str:
    sys.exit("bye")


async def _leave_later(*_arguments: object) -> Any:
    _leave()


async def test_an_exit_in_a_state_factory_does_not_end_the_process() -> None:
    with pytest.raises(StateError, match="SystemExit: bye"):
        async with calling(FakeModel(), scenario(state=_leave)):
            pass


async def test_an_exit_in_instructions_does_not_end_the_process() -> None:
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", instructions=_leave)
    async with calling(FakeModel(), Scenario("leaving", agents=[host])) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over)
        (error,) = caller.logged(log_events.CallError)
    assert "SystemExit: bye" in error.message


async def test_an_exit_in_a_guardrail_does_not_end_the_process() -> None:
    played = scenario(guardrails=[output_guardrail(name="leaving")(_leave_later)])
    async with calling(FakeModel(), played) as caller:
        caller.joins()
        await caller.until(lambda: [one for one in caller.logged(log_events.GuardrailChecked) if one.status == "error"])
        assert not caller.call.is_over

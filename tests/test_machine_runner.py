"""The machine runner: the order of inputs, failures, and the end of timers and tasks."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import weakref
from collections.abc import Callable, Iterable

import pytest

from trunkline.machine_runner import MachineRunner
from trunkline.testing.virtual_time import in_virtual_time


class Rig:
    """A runner whose inputs and effects are texts: `inputs` has those that were stepped, with their times in ms."""

    def __init__(
        self,
        step: Callable[[str], Iterable[str]] = lambda _given: (),
        perform: Callable[[str], object] = lambda _effect: None,
    ) -> None:
        self.inputs: list[tuple[str, float]] = []
        self.performed: list[str] = []
        self.errors: list[Exception] = []
        self._effects_of = step
        self._then = perform
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.runner: MachineRunner[str, str, str] = MachineRunner(
            step=self._step,
            perform=self._perform,
            timer_fired=lambda timer: f"timer {timer}",
            now_ms=lambda: (loop.time() - began) * 1000,
            on_failure=self.errors.append,
        )

    @property
    def given(self) -> list[str]:
        return [given for given, _ in self.inputs]

    def _step(self, given: str, now_ms: float) -> Iterable[str]:
        self.inputs.append((given, now_ms))
        return self._effects_of(given)

    def _perform(self, effect: str) -> None:
        self.performed.append(effect)
        self._then(effect)


async def run_until_cancelled(cancelled: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.set()
        raise


# Inputs and effects -------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_effects_are_performed_in_order() -> None:
    rig = Rig(step=lambda given: [f"{given} 1", f"{given} 2"])
    rig.runner.post("a")
    rig.runner.post("b")
    assert rig.performed == ["a 1", "a 2", "b 1", "b 2"]


@in_virtual_time
async def test_an_input_posted_by_an_effect_waits_for_the_other_effects_of_the_step() -> None:
    rig = Rig(
        step=lambda given: [f"{given} 1", f"{given} 2"] if given == "a" else [given],
        perform=lambda effect: rig.runner.post("b") if effect == "a 1" else None,
    )
    rig.runner.post("a")
    assert rig.performed == ["a 1", "a 2", "b"]


@in_virtual_time
async def test_a_step_gets_the_time_of_the_clock() -> None:
    rig = Rig()
    await asyncio.sleep(1.5)
    rig.runner.post("a")
    assert rig.inputs == [("a", 1500.0)]


@in_virtual_time
async def test_a_stopped_runner_steps_nothing() -> None:
    rig = Rig()
    rig.runner.stop()
    rig.runner.post("a")
    assert rig.given == []


@in_virtual_time
async def test_stopping_drops_the_inputs_that_wait() -> None:
    def stop(_effect: str) -> None:
        rig.runner.post("b")
        rig.runner.stop()

    rig = Rig(step=lambda given: [given], perform=stop)
    rig.runner.post("a")
    assert rig.given == ["a"]


# Failures -----------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_failed_effect_is_reported_and_stops_the_runner() -> None:
    def fail(_effect: str) -> None:
        raise ValueError("broken")

    rig = Rig(step=lambda given: [given], perform=fail)
    rig.runner.post("a")
    assert [str(error) for error in rig.errors] == ["broken"]
    assert rig.runner.is_stopped


@in_virtual_time
async def test_a_failed_task_is_reported_and_ends_the_run() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    rig = Rig()
    await rig.runner.run(fail())
    assert [str(error) for error in rig.errors] == ["broken"]


@in_virtual_time
async def test_only_the_first_failure_is_reported() -> None:
    async def fail(message: str) -> None:
        raise ValueError(message)

    rig = Rig()
    await rig.runner.run(fail("first"), fail("second"))
    assert [str(error) for error in rig.errors] == ["first"]


@in_virtual_time
async def test_the_failure_handler_can_still_post() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    rig = Rig()
    rig.runner._on_failure = lambda _error: rig.runner.post("farewell")
    await rig.runner.run(fail())
    assert rig.given == ["farewell"]


@in_virtual_time
async def test_a_failure_handler_that_fails_stops_the_runner_and_raises() -> None:
    def fail(_error: object) -> None:
        raise RuntimeError("the handler is broken too")

    rig = Rig(step=lambda given: [given], perform=fail)
    rig.runner._on_failure = fail
    with pytest.raises(RuntimeError, match="handler"):
        rig.runner.post("a")
    assert rig.runner.is_stopped


# Running ------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_the_first_input_comes_before_the_tasks() -> None:
    async def work() -> None:
        rig.runner.post("work")
        rig.runner.stop()

    rig = Rig()
    await rig.runner.run(work(), first="first")
    assert rig.given == ["first", "work"]


@in_virtual_time
async def test_stopping_ends_all_tasks_before_the_run_returns() -> None:
    rig, ended = Rig(), asyncio.Event()
    running = asyncio.create_task(rig.runner.run(run_until_cancelled(ended)))
    await asyncio.sleep(0.1)
    rig.runner.stop()
    await running
    assert ended.is_set()


@in_virtual_time
async def test_an_ended_run_is_freed_without_a_garbage_collection() -> None:
    async def hold() -> None:
        await asyncio.Event().wait()

    rig, work = Rig(), hold()
    held = weakref.ref(work)
    gc.disable()
    try:
        running = asyncio.create_task(rig.runner.run(work))
        del work
        await asyncio.sleep(0.1)
        assert held() is not None
        rig.runner.stop()
        await running
        assert held() is None
    finally:
        gc.enable()


@in_virtual_time
async def test_a_cancelled_run_ends_its_tasks_and_posts_the_last_input() -> None:
    rig, ended = Rig(), asyncio.Event()
    running = asyncio.create_task(rig.runner.run(run_until_cancelled(ended), last="last"))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    assert rig.given == ["last"]
    assert rig.runner.is_stopped


@in_virtual_time
async def test_a_stopped_run_posts_no_last_input() -> None:
    async def stop() -> None:
        rig.runner.stop()

    rig = Rig()
    await rig.runner.run(stop(), last="last")
    assert rig.given == []


# Tasks --------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_task_is_refused_before_the_run() -> None:
    rig, ended = Rig(), asyncio.Event()
    work = run_until_cancelled(ended)
    rig.runner.spawn(work)
    with pytest.raises(RuntimeError, match="cannot reuse"):
        await work


@in_virtual_time
async def test_a_task_that_is_spawned_during_the_end_is_refused() -> None:
    async def spawn_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            rig.runner.spawn(run_until_cancelled(late))

    rig, late = Rig(), asyncio.Event()
    running = asyncio.create_task(rig.runner.run(spawn_at_the_end()))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not late.is_set()
    assert rig.errors == []


@in_virtual_time
async def test_a_task_is_cancelled_by_its_key() -> None:
    rig, one, two = Rig(), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(rig.runner.run())
    await asyncio.sleep(0)
    rig.runner.spawn(run_until_cancelled(one), "one")
    rig.runner.spawn(run_until_cancelled(two), "two")
    await asyncio.sleep(0.1)
    rig.runner.cancel("one")
    await asyncio.sleep(0.1)
    assert one.is_set()
    assert not two.is_set()
    rig.runner.stop()
    await running


@in_virtual_time
async def test_a_task_that_is_cancelled_before_it_begins_leaves_no_warning() -> None:
    rig, ended = Rig(), asyncio.Event()
    running = asyncio.create_task(rig.runner.run())
    await asyncio.sleep(0)
    rig.runner.spawn(run_until_cancelled(ended), "one")
    rig.runner.cancel("one")  # the coroutine has not begun: unless it is closed, Python warns
    rig.runner.stop()
    await running
    assert not ended.is_set()


# Timers -------------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_timer_fires_at_its_time() -> None:
    rig = Rig()
    rig.runner.set_timer("idle", 250.0)
    await asyncio.sleep(1)
    assert rig.inputs == [("timer idle", 250.0)]


@in_virtual_time
async def test_a_postponed_timer_fires_once_at_the_later_time() -> None:
    rig = Rig()
    rig.runner.set_timer("idle", 250.0)
    rig.runner.set_timer("idle", 400.0)
    await asyncio.sleep(1)
    assert rig.given == ["timer idle"]
    assert rig.inputs[0][1] == pytest.approx(400.0)


@in_virtual_time
async def test_a_timer_that_is_set_earlier_fires_once_at_the_earlier_time() -> None:
    rig = Rig()
    rig.runner.set_timer("idle", 400.0)
    rig.runner.set_timer("idle", 250.0)
    await asyncio.sleep(1)
    assert rig.inputs == [("timer idle", 250.0)]


@in_virtual_time
async def test_a_cancelled_timer_does_not_fire() -> None:
    rig = Rig()
    rig.runner.set_timer("idle", 250.0)
    rig.runner.set_timer("idle", None)
    await asyncio.sleep(1)
    assert rig.inputs == []


@in_virtual_time
async def test_a_timer_that_is_cancelled_after_it_was_postponed_does_not_fire() -> None:
    rig = Rig()
    rig.runner.set_timer("idle", 250.0)
    rig.runner.set_timer("idle", 400.0)
    await asyncio.sleep(0.3)
    rig.runner.set_timer("idle", None)
    await asyncio.sleep(1)
    assert rig.inputs == []


@in_virtual_time
async def test_a_timer_that_is_set_again_after_it_was_cancelled_fires_once_at_its_new_time() -> None:
    rig = Rig()
    for before, after in ((250.0, 400.0), (1_000.0, 600.0)):  # later, and earlier
        rig.runner.set_timer("idle", before)
        rig.runner.set_timer("idle", None)
        rig.runner.set_timer("idle", after)
        await asyncio.sleep(0.5)
    await asyncio.sleep(1)
    assert rig.inputs == [("timer idle", 400.0), ("timer idle", 600.0)]


async def test_after_a_blocked_loop_input_that_has_waited_goes_before_a_late_timer() -> None:
    rig = Rig(perform=lambda _effect: rig.runner.set_timer("stall", None), step=lambda _given: ["the event came"])
    (reader, own), (_reader, writer) = await connected()
    reading = asyncio.create_task(post_lines(reader, rig))
    await asyncio.sleep(0)
    rig.runner.set_timer("stall", 50.0)
    writer.write(b"event\n")
    time.sleep(0.3)  # noqa: ASYNC251 - blocks the loop, as a tool may
    await asyncio.sleep(0.2)
    assert rig.given == ["event"]
    writer.close()
    await reading
    own.close()


async def test_a_late_timer_fires_if_no_input_has_waited() -> None:
    rig = Rig()
    rig.runner.set_timer("stall", 50.0)
    time.sleep(0.3)  # noqa: ASYNC251 - as above
    await asyncio.sleep(0.2)
    assert rig.given == ["timer stall"]


async def connected() -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Return both ends of a connection."""
    return [await asyncio.open_connection(sock=end) for end in socket.socketpair()]


async def post_lines(reader: asyncio.StreamReader, rig: Rig) -> None:
    """Post each line that arrives."""
    while line := await reader.readline():
        rig.runner.post(line.decode().strip())


@in_virtual_time
async def test_no_timer_outlives_the_runner() -> None:
    rig = Rig()
    rig.runner.set_timer("before", 250.0)
    rig.runner.stop()
    rig.runner.set_timer("after", 250.0)
    await asyncio.sleep(1)
    assert rig.inputs == []
    assert rig.runner._timers == {}


@in_virtual_time
async def test_a_task_that_its_own_code_cancels_stops_the_runner() -> None:
    rig = Rig()

    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    await rig.runner.run(cancels_itself())
    (error,) = rig.errors
    assert "cancelled by the code" in str(error)


@in_virtual_time
async def test_a_task_that_the_machine_cancels_is_no_failure() -> None:
    rig, cancelled = Rig(), asyncio.Event()

    async def cancels_the_other() -> None:
        rig.runner.spawn(run_until_cancelled(cancelled), key="tool")
        await asyncio.sleep(0.1)
        rig.runner.cancel("tool")
        await cancelled.wait()
        rig.runner.stop()

    await rig.runner.run(cancels_the_other())
    assert not rig.errors

"""Virtual clock that jumps; a patient one waits for threads and sockets."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from trunkline.testing import VirtualTimeLoop, run_in_virtual_time, typed_call
from trunkline.testing.virtual_time import StuckError


def run(work: Coroutine[Any, Any, None], *, patient: bool) -> None:
    with asyncio.Runner(loop_factory=functools.partial(VirtualTimeLoop, patient=patient)) as runner:
        runner.run(work)


def test_an_hour_takes_no_time_and_is_exact() -> None:
    async def wait() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run_in_virtual_time(wait()) == 3600
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("named", ["simpleHandoff", "trunkline.builtin_scenarios.simple_handoff"])
def test_a_typed_call_takes_the_name_of_a_scenario_or_a_module(named: str) -> None:
    async def talk() -> str:
        async with typed_call(named) as call:
            await call.hears("haiku")
            return (await call.say("yes please")).handed_to or ""

    assert run_in_virtual_time(talk()) == "haikuWriter"


def test_a_typed_call_of_an_unknown_scenario_suggests_the_nearest_name() -> None:
    async def talk() -> None:
        async with typed_call("simplehandof"):
            pass

    with pytest.raises(LookupError, match="Did you mean 'simpleHandoff'"):
        run_in_virtual_time(talk())


def test_things_happen_in_the_order_of_their_times() -> None:
    order: list[int] = []

    async def at(seconds: int) -> None:
        await asyncio.sleep(seconds)
        order.append(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(at(3), at(1), at(2))

    run_in_virtual_time(all_of_them())
    assert order == [1, 2, 3]


def test_a_deadlock_is_an_error() -> None:
    loop = VirtualTimeLoop(stuck_after_s=0.05)
    with pytest.raises(StuckError):
        loop.run_until_complete(_for_ever())
    loop.close()


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_patient_clock_waits_for_a_thread() -> None:
    async def work() -> None:
        async with asyncio.timeout(5):
            await asyncio.to_thread(time.sleep, 0.1)
        assert 0.05 < asyncio.get_running_loop().time() < 5

    run(work(), patient=True)


def test_an_impatient_clock_does_not() -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.to_thread(time.sleep, 0.1)

    run(work(), patient=False)


def test_a_patient_clock_gives_up_on_a_thread_in_real_time() -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(time.sleep, 0.2)

    run(work(), patient=True)


def test_a_patient_clock_waits_while_a_socket_is_open_and_jumps_again_afterwards() -> None:
    async def work() -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.05)
            writer.write(b"late")
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            async with asyncio.timeout(5):
                assert await reader.read() == b"late"
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(3600)

    began = time.monotonic()
    run(work(), patient=True)
    assert time.monotonic() - began < 2

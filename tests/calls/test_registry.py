"""The registry: the limit of calls, stopping, ended calls."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.call_harness import Caller, queued_frames, scenario
from tests.calls.model_fake import FakeModel
from trunkline.calls import log_events
from trunkline.calls.call import Call
from trunkline.calls.pages import CloseCode
from trunkline.calls.registry import CallRegistry, TooManyCallsError
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.send_queue import CloseFrame
from trunkline.testing.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_call_beyond_the_limit_is_refused() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(), max_calls=2) as registry:
        for _ in range(2):
            registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        with pytest.raises(TooManyCallsError):
            registry.start(scenario(), FakeModel(), agent=None, transport="websocket")


@in_virtual_time
async def test_stopping_also_ends_calls_before_their_first_step() -> None:
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        page = Caller(call, FakeModel()).joins()
    await asyncio.sleep(0)
    assert call.is_over
    assert queued_frames(page)[-1] == CloseFrame(CloseCode.CALL_OVER, "the call is over")


@in_virtual_time
async def test_ended_calls_are_kept_for_a_while() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(caller_wait_s=1), ended_call_ttl_s=100) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        await asyncio.sleep(50)
        assert call.is_over
        assert registry.running == 0
        assert registry.find(call.call_id) is call
        await asyncio.sleep(60)
        registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        assert registry.find(call.call_id) is None


@in_virtual_time
async def test_the_log_of_a_removed_call_is_gone_at_once() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(caller_wait_s=1), ended_call_ttl_s=100) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        await asyncio.sleep(110)
        assert call.log.frames_since(0)
        running = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        assert call.log.frames_since(0) == []
        assert registry.log_budget.used_bytes == running.log.size_bytes


# Size of logs -------------------------------------------------------------------------------------------------------
def _fills(call: Call, size: int) -> None:
    for _ in range(size // 10_000):
        call.log.append(log_events.Notice(message="x" * 10_000, code="filler"))


@in_virtual_time
async def test_a_calls_log_is_bounded_in_bytes() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(), max_log_bytes=100_000) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        _fills(call, 500_000)
        assert call.log.size_bytes <= 100_000
        entries = call.log.since(0)
        assert sum(len(entry.frame()) for entry in entries) == call.log.size_bytes == registry.log_budget.used_bytes
        assert entries[-1].seq == call.log.last_seq


@in_virtual_time
async def test_ended_calls_make_room_for_the_logs_of_running_ones() -> None:
    limits = CallTimeLimits(caller_wait_s=1)
    async with CallRegistry(time_limits=limits, max_logs_bytes=250_000) as registry:
        ended = []
        for _ in range(2):
            ended.append(registry.start(scenario(), FakeModel(), agent=None, transport="websocket"))
            _fills(ended[-1], 100_000)
            await asyncio.sleep(2)
        running = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        _fills(running, 100_000)
        assert registry.find(ended[0].call_id) is None
        assert registry.find(ended[1].call_id) is ended[1]
        assert running.log.since(0)[0].seq == 1
        assert registry.log_budget.used_bytes <= 250_000


@in_virtual_time
async def test_without_ended_calls_the_longest_log_drops_its_oldest_events() -> None:
    async with CallRegistry(time_limits=CallTimeLimits(), max_logs_bytes=250_000) as registry:
        short, long = (registry.start(scenario(), FakeModel(), agent=None, transport="websocket") for _ in range(2))
        _fills(short, 50_000)
        _fills(long, 400_000)
        assert registry.log_budget.used_bytes <= 250_000
        assert short.log.since(0)[0].seq == 1
        assert long.log.since(0)[0].seq > 1


# Draining -----------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_calls_say_goodbye_when_the_time_for_draining_is_over() -> None:
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        model = FakeModel()
        call = registry.start(scenario(), model, agent=None, transport="websocket")
        caller = Caller(call, model)
        await caller.greeted()
        began = asyncio.get_running_loop().time()
        draining = asyncio.create_task(registry.drain(30))
        await asyncio.sleep(29)
        assert registry.running == 1
        await draining
        assert registry.running == 0
        assert 30 < asyncio.get_running_loop().time() - began < 50
    (ended,) = caller.logged(log_events.CallEnded)
    assert ended.reason == "the server is stopping"
    assert len(caller.answers()) == 2, "no goodbye was spoken"


@in_virtual_time
async def test_draining_ends_with_the_last_call() -> None:
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        draining = asyncio.create_task(registry.drain(30))
        await asyncio.sleep(5)
        call.hang_up()
        async with asyncio.timeout(1):
            await draining


@in_virtual_time
async def test_a_call_without_its_caller_ends_without_a_goodbye() -> None:
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        call = registry.start(scenario(), FakeModel(), agent=None, transport="websocket")
        async with asyncio.timeout(1):
            await registry.drain(0)
        assert call.is_over

"""The registry: the limit of calls, stopping, ended calls."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.call_harness import Caller, queued_frames, scenario
from tests.calls.model_fake import FakeModel
from trunkline.calls.pages import CloseCode
from trunkline.calls.registry import CallRegistry, TooManyCallsError
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.realtime.send_queue import CloseFrame
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

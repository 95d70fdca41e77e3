"""A call over WebRTC changes its server: the former one leaves the media alone, and the next one attaches to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.calls.call_harness import Caller, scenario
from tests.calls.test_webrtc_offers import FakeMedia, calling, greeted
from trunkline.calls import log_events
from trunkline.calls.live_record import TakenOverCall
from trunkline.calls.machine.inputs import HandOverMoment
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.testing.virtual_time import in_virtual_time


@contextlib.asynccontextmanager
async def taking_over(former: Caller, model: FakeMedia) -> AsyncIterator[Caller]:
    """Run the call on another server, and yield its caller, whose page connects again."""
    former.call.abandon()
    taken_over = TakenOverCall(former.call.live_record(), former.call.log.since(0))
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        caller = Caller(registry.take_over(scenario(), model, taken_over), model)
        caller.joins()
        caller.command(type="media_ready")
        yield caller


@in_virtual_time
async def test_a_server_that_gives_a_call_away_closes_its_sideband_and_does_not_hang_up() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        caller.call.abandon()
        await asyncio.sleep(5)
        assert model.now.closed
        assert model.open == {"rtc_1"}
    assert model.open == {"rtc_1"}


@in_virtual_time
async def test_another_server_attaches_to_the_same_session_and_answers() -> None:
    model = FakeMedia()
    async with calling(model) as former:
        await greeted(former)
        async with taking_over(former, model) as caller:
            await caller.until(lambda: len(model.connections) == 2)
            caller.types("hello")
            assert await caller.heard(2) == "You said: hello."
            assert model.sidebands == ["rtc_1", "rtc_1"]
            assert caller.logged(log_events.LegReofferRequested) == []
            assert "hi" not in str(model.now.items)
            caller.command(type="hang_up")
            await caller.until(lambda: not model.open)


@in_virtual_time
async def test_a_call_that_is_handed_over_keeps_its_session_and_its_webrtc_call() -> None:
    model = FakeMedia()
    async with calling(model) as former:
        await greeted(former)
        former.call.hand_over(HandOverMoment.BETWEEN_TURNS)
        await former.call.stopped.wait()
        record, entries = former.call.live_record(), former.call.log.since(0)
        assert isinstance(entries[-1].event, log_events.CallHandedOver)
        former.call.send_pages_away()
        await asyncio.sleep(5)
        assert model.open == {"rtc_1"}
        async with CallRegistry(time_limits=CallTimeLimits()) as registry:
            taken_over = TakenOverCall(record, entries, server="server_2", handed_over=True)
            caller = Caller(registry.take_over(scenario(), model, taken_over), model)
            caller.joins()
            caller.command(type="media_ready")
            await caller.until(lambda: len(model.connections) == 2)
            caller.types("hello")
            assert await caller.heard(2) == "You said: hello."
            assert model.sidebands == ["rtc_1", "rtc_1"]
            (event,) = caller.logged(log_events.CallTakenOver)
            assert (event.cause, event.server) == ("handed_over", "server_2")
            assert caller.logged(log_events.LegReofferRequested) == caller.logged(log_events.LogGap) == []


@in_virtual_time
async def test_another_server_asks_for_an_offer_if_the_webrtc_call_is_over() -> None:
    model = FakeMedia()
    async with calling(model) as former:
        await greeted(former)
        model.open.clear()
        async with taking_over(former, model) as caller:
            await caller.until(lambda: caller.logged(log_events.LegReofferRequested))
            await caller.call.answer_offer("another offer")
            caller.command(type="media_ready")
            caller.types("hello")
            await caller.until(lambda: "You said: hello." in caller.answers())
            assert "hi" in str(model.now.items)


@in_virtual_time
async def test_a_call_is_handed_over_in_the_middle_of_an_answer() -> None:
    model = FakeMedia(pace_s=0.2)
    async with calling(model) as former:
        await greeted(former)
        former.types("hello")
        await former.until(lambda: any(event.text for event in former.logged(log_events.MessageDelta)[1:]))
        former.call.hand_over(HandOverMoment.BETWEEN_TURNS)
        assert former.call.is_elsewhere
        async with taking_over(former, model) as caller:
            await caller.until(lambda: len(model.connections) == 2)
            assert model.sidebands == ["rtc_1", "rtc_1"]
    assert former.logged(log_events.AudioCleared, log_events.CallEnded) == []


@in_virtual_time
async def test_a_server_that_lost_the_call_unnoticed_does_not_hang_up_at_its_end() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)

        async def commit() -> bool:
            caller.call.abandon()  # as the recorder does if another server has raised the epoch
            return False

        caller.call.commit = commit
        caller.call.hang_up("the caller did not come back")
        await asyncio.sleep(5)
        assert model.open == {"rtc_1"}

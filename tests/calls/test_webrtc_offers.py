"""SDP offers of a call: the sideband becomes the link, and every WebRTC call is hung up at the provider."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.calls.call_harness import Caller, scenario
from tests.calls.model_fake import FakeConnection, FakeModel
from trunkline.caller_audio.echo_canceller import create_echo_canceller
from trunkline.calls import log_events
from trunkline.calls.grants import Credentials
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.providers import ProviderError, WebRtcAnswer
from trunkline.testing.virtual_time import in_virtual_time


@dataclass
class FakeMedia(FakeModel):
    """A model with WebRTC. Attributes as `FakeModel`'s, and:

    Attributes:
        dial_takes_s: the time for the answer to an offer.
        refuses: the error that an offer raises.
        dialled: the sessions bound into WebRTC calls, by `rtc_call_id`.
        open: the WebRTC calls that are not hung up.
        sidebands: the `rtc_call_id` of each connection; None for one without a WebRTC call.
    """

    dial_takes_s: float = 0.01
    refuses: ProviderError | None = None
    dialled: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    sidebands: list[str | None] = field(default_factory=list)

    async def connect(self, model: str, rtc_call_id: str | None = None) -> FakeConnection:
        self.sidebands.append(rtc_call_id)
        if rtc_call_id is not None and rtc_call_id not in self.open:
            raise ProviderError("no such call", retry=False, code=404)
        return await super().connect(model, rtc_call_id)

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, Any]) -> WebRtcAnswer:
        await asyncio.sleep(self.dial_takes_s)
        if self.refuses is not None:
            raise self.refuses
        rtc_call_id = f"rtc_{len(self.dialled) + 1}"
        self.dialled[rtc_call_id] = session
        self.open.add(rtc_call_id)
        return WebRtcAnswer(f"answer to {sdp}", rtc_call_id)

    async def hang_up(self, rtc_call_id: str) -> None:
        await asyncio.sleep(0.01)
        self.open.discard(rtc_call_id)


@contextlib.asynccontextmanager
async def calling(model: FakeMedia) -> AsyncIterator[Caller]:
    """Run a call over WebRTC, before any offer, and yield its caller."""
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        call = registry.start(scenario(), model, agent=None, transport="webrtc")
        yield Caller(call, model)


async def greeted(caller: Caller) -> None:
    """Send an offer, and listen to the greeting."""
    await caller.call.answer_offer("offer")
    caller.joins()
    caller.command(type="media_ready")
    await caller.heard(1)
    received = [event.event for event in caller.logged(log_events.WireReceived)]
    response_id = next(event for event in received if event["type"] == "response.created")["response"]["id"]
    caller.model.now.emit("output_audio_buffer.started", response_id=response_id)
    await asyncio.sleep(2)
    caller.model.now.emit("output_audio_buffer.stopped", response_id=response_id)
    await asyncio.sleep(1)


@in_virtual_time
async def test_the_services_answer_is_returned_and_the_link_is_its_sideband() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        assert await caller.call.answer_offer("offer") == "answer to offer"
        await caller.until(lambda: model.connections)
    assert model.sidebands == ["rtc_1"]


@in_virtual_time
async def test_the_session_is_bound_in_before_the_caller_can_speak() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await caller.call.answer_offer("offer")
    session = model.dialled["rtc_1"]
    assert session["model"] == "model of bench"
    assert session["instructions"] == "Be a host."
    assert session["audio"]["input"]["turn_detection"]["create_response"] is True


@in_virtual_time
async def test_a_webrtc_call_does_not_connect_before_an_offer() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await asyncio.sleep(10)
        assert model.sidebands == []
        await greeted(caller)
    assert caller.answers()[0] == "You said: hi."


@in_virtual_time
async def test_the_greeting_waits_for_media_ready() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await caller.call.answer_offer("offer")
        caller.joins()
        await asyncio.sleep(5)
        assert caller.answers() == []
        caller.command(type="media_ready")
        await caller.heard(1)


@in_virtual_time
async def test_the_end_of_the_call_hangs_up_the_webrtc_call() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        caller.command(type="hang_up")
        await caller.until(lambda: not model.open)
        assert model.now.closed


@in_virtual_time
async def test_stopping_the_server_hangs_up_the_webrtc_call() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        assert model.open == {"rtc_1"}
    assert model.open == set()


@in_virtual_time
async def test_another_offer_hangs_up_the_former_webrtc_call_and_replays_the_conversation() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        caller.leaves()
        caller.call.join(Credentials(caller.call.leg.leg_id), "webrtc")
        await caller.call.answer_offer("another offer")
        caller.joins()
        caller.command(type="media_ready")
        await caller.until(lambda: model.open == {"rtc_2"} and len(model.connections) == 2)
        await asyncio.sleep(1)
        texts = [item["content"][0]["text"] for item in model.now.items]
        assert texts == ["hi", "You said: hi."]
        assert caller.answers() == ["You said: hi."]


@in_virtual_time
async def test_a_change_to_the_relay_hangs_up_the_webrtc_call() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await caller.call.answer_offer("offer")
        await caller.until(lambda: model.connections)
        caller.call.join(Credentials(caller.call.leg.leg_id), "websocket")
        caller.joins()
        await caller.heard(1)
        await asyncio.sleep(5)
        assert model.open == set()
        assert model.sidebands == ["rtc_1", None]
        greetings = [event for event in caller.logged(log_events.MessageAdded) if event.hidden]
        assert len(greetings) == 1
        caller.types("hello")
        assert await caller.heard(2) == "You said: hello."


@in_virtual_time
async def test_an_answer_after_a_change_to_the_relay_is_hung_up() -> None:
    model = FakeMedia(dial_takes_s=4.0)
    async with calling(model) as caller:
        dialling = asyncio.create_task(caller.call.answer_offer("offer"))
        await asyncio.sleep(3)
        caller.call.join(Credentials(caller.call.leg.leg_id), "websocket")
        caller.joins()
        await dialling
        await caller.heard(1)
        assert model.open == set()
        assert model.sidebands == [None]


@in_virtual_time
async def test_an_answer_after_a_take_over_is_hung_up() -> None:
    model = FakeMedia(dial_takes_s=2.0)
    async with calling(model) as caller:
        first = asyncio.create_task(caller.call.answer_offer("offer"))
        await asyncio.sleep(1)
        caller.call.join(Credentials(caller_key=caller.call.caller_key), "webrtc", take_over=True)
        second = asyncio.create_task(caller.call.answer_offer("another offer"))
        await asyncio.gather(first, second)
        await asyncio.sleep(1)
        assert model.open == {"rtc_2"}
        assert model.sidebands == ["rtc_2"]


@in_virtual_time
async def test_an_answer_after_the_end_is_hung_up() -> None:
    model = FakeMedia(dial_takes_s=4.0)
    async with calling(model) as caller:
        dialling = asyncio.create_task(caller.call.answer_offer("offer"))
        await asyncio.sleep(1)
        caller.call.hang_up()
        await dialling
        assert len(model.dialled) == 1
        assert model.open == set()


@in_virtual_time
async def test_an_offer_just_before_the_end_is_hung_up() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        await caller.call.answer_offer("another offer")
        caller.call.hang_up()
        await asyncio.sleep(1)
        assert model.open == set()


@in_virtual_time
async def test_a_refused_offer_raises_and_the_relay_still_works() -> None:
    model = FakeMedia(refuses=ProviderError("no WebRTC today", retry=False))
    async with calling(model) as caller:
        with pytest.raises(ProviderError, match="no WebRTC today"):
            await caller.call.answer_offer("offer")
        caller.call.join(Credentials(caller.call.leg.leg_id), "websocket")
        caller.joins()
        assert await caller.heard(1) == "You said: hi."


@in_virtual_time
async def test_a_lost_sideband_attaches_again_without_a_replay() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        model.now.breaks()
        await caller.until(lambda: len(model.connections) == 2)
        await asyncio.sleep(1)
        assert model.sidebands == ["rtc_1", "rtc_1"]
        assert model.now.types() == ["session.update"]
        caller.types("hello")
        assert await caller.heard(2) == "You said: hello."


@in_virtual_time
async def test_a_webrtc_call_that_has_ended_asks_the_page_for_another_offer() -> None:
    model = FakeMedia()
    async with calling(model) as caller:
        await greeted(caller)
        model.open.clear()
        model.now.breaks()
        await caller.until(lambda: caller.logged(log_events.LegReofferRequested))
        assert not caller.call.is_over
        await caller.call.answer_offer("another offer")
        caller.command(type="media_ready")
        caller.types("hello")
        await caller.until(lambda: "You said: hello." in caller.answers())


@in_virtual_time
async def test_a_scenario_that_holds_answers_back_refuses_offers() -> None:
    model = FakeMedia()
    held = scenario()
    held.hold = True
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        call = registry.start(held, model, agent=None, transport="webrtc")
        with pytest.raises(ProviderError, match="holds back"):
            await call.answer_offer("offer")
    assert model.dialled == {}


@in_virtual_time
@pytest.mark.parametrize("first_on_the_relay", [False, True])
async def test_a_leg_on_the_relay_has_an_echo_canceller_from_its_first_frame(first_on_the_relay: bool) -> None:
    if create_echo_canceller() is None:
        pytest.skip("pywebrtc-audio is not installed")
    async with calling(FakeMedia()) as caller:
        call = caller.call
        starter = Credentials(caller_key=call.caller_key)
        if first_on_the_relay:
            call.join(starter, "websocket", take_over=True)
            assert call._relayed._echo is not None
        call.join(starter, "webrtc", take_over=True)
        assert call._relayed._echo is None
        call.join(starter, "websocket", take_over=True)  # another page, which has not reported yet
        assert call._relayed._echo is not None

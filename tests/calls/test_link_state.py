"""States of the link, in virtual time against a model in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.calls.model_fake import FakeModel
from trunkline.calls.machine import inputs
from trunkline.calls.model_link.link import Link
from trunkline.calls.model_link.link_state import (
    BackingOff,
    Configuring,
    Connecting,
    GivenUp,
    Renewing,
    Route,
    Up,
    WaitingForRoute,
)
from trunkline.providers import ProviderError
from trunkline.realtime.client_events import SessionUpdate
from trunkline.testing.virtual_time import in_virtual_time

SESSION: SessionUpdate = {"type": "session.update", "session": {}}


class Rig(NamedTuple):
    model: FakeModel
    link: Link
    delivered: list[inputs.Input]
    running: asyncio.Task[None]

    def up(self) -> None:
        """Configure the session of the open connection."""
        self.link.send(SESSION)


@asynccontextmanager
async def running_link(model: FakeModel, *, with_route: bool = True, resumable: bool = False) -> AsyncIterator[Rig]:
    delivered: list[inputs.Input] = []
    route = Route(lambda: model.connect("m"), resumable) if with_route else None

    def deliver(given: inputs.Input) -> None:
        if not isinstance(given, inputs.WireEventReceived):
            delivered.append(given)

    link = Link(deliver, route)
    running = asyncio.create_task(link.run())
    await asyncio.sleep(0.1)
    try:
        yield Rig(model, link, delivered, running)
    finally:
        running.cancel()
        await asyncio.wait({running})


@in_virtual_time
async def test_a_link_without_a_route_waits_for_one() -> None:
    async with running_link(FakeModel(), with_route=False) as rig:
        assert isinstance(rig.link.state, WaitingForRoute)
        rig.link.set_route(Route(lambda: rig.model.connect("m")))
        await asyncio.sleep(0.1)
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_the_link_is_connecting_until_the_connection_is_open() -> None:
    async with running_link(FakeModel(connect_takes_s=1.0)) as rig:
        assert isinstance(rig.link.state, Connecting)
        await asyncio.sleep(1)
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_the_link_is_up_once_the_session_is_configured() -> None:
    async with running_link(FakeModel()) as rig:
        rig.link.send({"type": "response.create", "event_id": "event_1"})
        assert isinstance(rig.link.state, Configuring)
        rig.up()
        assert isinstance(rig.link.state, Up)


@in_virtual_time
async def test_a_refused_connection_is_tried_again_after_a_pause() -> None:
    async with running_link(FakeModel(failures=[ProviderError("busy", retry_after_s=2.0)])) as rig:
        state = rig.link.state
        assert isinstance(state, BackingOff)
        assert rig.delivered == [inputs.LinkDropped("busy", retry_in_ms=round(state.pause_s * 1000), failed=True)]
        await asyncio.sleep(state.pause_s)
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_another_route_ends_the_pause() -> None:
    async with running_link(FakeModel(failures=[ProviderError("busy", retry_after_s=20.0)])) as rig:
        rig.link.set_route(Route(lambda: rig.model.connect("m")))
        await asyncio.sleep(0.1)
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_the_link_gives_up_when_another_try_is_useless() -> None:
    async with running_link(FakeModel(failures=[ProviderError("no such model", retry=False)])) as rig:
        assert isinstance(rig.link.state, GivenUp)
        assert rig.delivered == [inputs.LinkDropped("no such model", failed=True)]
        await asyncio.sleep(100)
        assert isinstance(rig.link.state, GivenUp)


@in_virtual_time
async def test_another_route_revives_a_link_that_has_given_up() -> None:
    async with running_link(FakeModel(failures=[ProviderError("no such model", retry=False)])) as rig:
        rig.link.set_route(Route(lambda: rig.model.connect("another")))
        await asyncio.sleep(0.1)
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_a_lost_connection_is_opened_again_after_a_pause() -> None:
    async with running_link(FakeModel()) as rig:
        rig.up()
        rig.model.now.breaks()
        await asyncio.sleep(0.01)
        assert isinstance(rig.link.state, BackingOff)
        await asyncio.sleep(1)
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_a_renewed_session_must_be_configured_before_the_link_is_up() -> None:
    async with running_link(FakeModel()) as rig:
        rig.up()
        rig.model.connect_takes_s = 1.0
        rig.link.renew("the session is old", make_before_break=True)
        assert isinstance(rig.link.state, Renewing)
        await asyncio.sleep(1.1)
        assert isinstance(rig.link.state, Configuring)
        assert rig.delivered[-1] == inputs.LinkOpened(renewed=True)
        rig.up()
        assert isinstance(rig.link.state, Up)


@in_virtual_time
async def test_a_refused_renewal_keeps_the_session() -> None:
    async with running_link(FakeModel()) as rig:
        rig.up()
        rig.model.failures = [ProviderError("busy")]
        rig.link.renew("the session is old", make_before_break=True)
        await asyncio.sleep(0.1)
        assert isinstance(rig.link.state, Up)
        assert rig.delivered[-1] == inputs.RenewalFailed("busy")


@in_virtual_time
async def test_a_renewal_without_overlap_connects_again_at_once() -> None:
    async with running_link(FakeModel()) as rig:
        rig.up()
        rig.link.renew("the session only fails", make_before_break=False)
        await asyncio.sleep(0.1)
        assert rig.delivered[-2:] == [
            inputs.LinkDropped("the session only fails", retry_in_ms=0),
            inputs.LinkOpened(),
        ]
        assert isinstance(rig.link.state, Configuring)


@in_virtual_time
async def test_a_sideband_whose_call_is_over_waits_for_another_offer() -> None:
    async with running_link(FakeModel(), resumable=True) as rig:
        rig.up()
        rig.model.now.breaks(code=1000)
        await asyncio.sleep(0.1)
        assert isinstance(rig.link.state, WaitingForRoute)
        assert not rig.link.has_route
        assert isinstance(dropped := rig.delivered[-1], inputs.LinkDropped)
        assert dropped.needs_reoffer


@in_virtual_time
async def test_a_sideband_that_comes_back_resumes_its_session() -> None:
    async with running_link(FakeModel(), resumable=True) as rig:
        rig.up()
        rig.model.now.breaks()
        await asyncio.sleep(1)
        assert isinstance(opened := rig.delivered[-1], inputs.LinkOpened)
        assert opened.resumed

"""A link alone: what it keeps, and for how long."""

from __future__ import annotations

import asyncio
import sys

from tests.calls.model_fake import FakeModel
from trunkline.calls import steps
from trunkline.calls.link import Link, Route

SESSION = {"type": "session.update", "session": {}}


async def test_a_renewal_ends_with_the_connection_that_it_was_to_replace() -> None:
    model = FakeModel()
    arrived: asyncio.Queue[steps.Input] = asyncio.Queue()
    link = Link(arrived.put_nowait, Route(lambda: model.connect("m")))

    async def opened() -> None:
        while not isinstance(await arrived.get(), steps.LinkOpened):
            pass
        link.send(SESSION)

    running = asyncio.create_task(link.run())
    await opened()
    model.connect_takes_s = 0.05
    link.renew("its time is up", gently=True)
    await asyncio.sleep(0.01)
    model.now.breaks()
    await opened()

    sound = bytes(480)
    holders = sys.getrefcount(sound)
    link.hear(sound)
    while not model.now.sound:  # noqa: ASYNC110 - the model has no event for it
        await asyncio.sleep(0.01)
    assert sys.getrefcount(sound) == holders  # nothing is kept for a renewal that is no more
    assert len(model.connections) == 2
    running.cancel()
    await asyncio.wait({running})

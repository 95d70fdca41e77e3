"""The link without a call: kept audio, formats, order of frames."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.calls.model_fake import FakeConnection, FakeModel
from trunkline.calls.machine import inputs
from trunkline.calls.model_link.caller_audio_buffer import LOOKBACK_BYTES
from trunkline.calls.model_link.link import Link
from trunkline.calls.model_link.link_state import Route
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.realtime.client_events import SessionUpdate
from trunkline.realtime.events import decode
from trunkline.testing.virtual_time import in_virtual_time

SESSION: SessionUpdate = {"type": "session.update", "session": {}}


@in_virtual_time
async def test_a_lost_connection_also_ends_its_renewal() -> None:
    model = FakeModel()
    arrived: asyncio.Queue[inputs.Input] = asyncio.Queue()
    link = Link(arrived.put_nowait, Route(lambda: model.connect("m")))

    async def opened() -> None:
        while not isinstance(await arrived.get(), inputs.LinkOpened):
            pass
        link.send(SESSION)

    running = asyncio.create_task(link.run())
    await opened()
    model.connect_takes_s = 0.05
    link.renew("the session ends soon", make_before_break=True)
    await asyncio.sleep(0.01)
    model.now.breaks()
    await opened()

    audio = bytes(480)
    references = sys.getrefcount(audio)
    link.send_audio(audio)
    link.send_audio(bytes(LOOKBACK_BYTES))
    while len(model.now.audio) <= LOOKBACK_BYTES:  # noqa: ASYNC110 - the model has no event for it
        await asyncio.sleep(0.01)
    assert sys.getrefcount(audio) == references  # nothing keeps it for the cancelled renewal
    assert len(model.connections) == 2
    running.cancel()
    await asyncio.wait({running})


@pytest.mark.parametrize(("alive", "seconds"), [(True, 1), (False, 5)])
@in_virtual_time
async def test_audio_sent_to_a_dead_service_is_replayed_to_the_next_session(alive: bool, seconds: int) -> None:
    model = FakeModel()
    arrived: asyncio.Queue[inputs.Input] = asyncio.Queue()
    link = Link(arrived.put_nowait, Route(lambda: model.connect("m")))
    running = asyncio.create_task(link.run())
    while not isinstance(await arrived.get(), inputs.LinkOpened):
        pass
    link.send(SESSION)
    await asyncio.sleep(0)
    model.now.receive_count = 1
    for frame in range(250):
        if alive:
            model.now.receive_count += 1
        link.send_audio(bytes([frame]) * 20 * BYTES_PER_MS)
    model.now.breaks()
    while not isinstance(await arrived.get(), inputs.LinkOpened):
        pass
    link.send(SESSION)
    while not model.now.audio:  # noqa: ASYNC110 - the model has no event for it
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert len(model.now.audio) == pytest.approx(seconds * 1000 * BYTES_PER_MS, abs=20 * BYTES_PER_MS)
    assert model.now.audio[-1] == 249
    running.cancel()
    await asyncio.wait({running})


@in_virtual_time
async def test_audio_keeps_the_sessions_format_when_another_setting_changes() -> None:
    model = FakeModel()
    arrived: asyncio.Queue[inputs.Input] = asyncio.Queue()
    link = Link(arrived.put_nowait, Route(lambda: model.connect("m")))
    running = asyncio.create_task(link.run())
    assert isinstance(await arrived.get(), inputs.LinkOpened)
    link.send({"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}})
    link.send({"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}})
    link.send_audio(bytes(9600))
    await asyncio.sleep(0.05)
    assert 1500 < len(model.now.audio) <= 1600  # 8 kHz, a byte each; the resampler keeps a little for its filter
    running.cancel()
    await asyncio.wait({running})


class Busy(FakeConnection):
    """A connection that may be too busy to take a frame without waiting."""

    def __init__(self, model: FakeModel) -> None:
        super().__init__(model)
        self.free = asyncio.Event()
        self.sent: list[str] = []

    async def send(self, frame: str) -> None:
        await self.free.wait()
        self.sent.append(frame)

    def try_send(self, frame: str) -> bool:
        if self.free.is_set():
            self.sent.append(frame)
        return self.free.is_set()


@in_virtual_time
async def test_a_frame_does_not_overtake_queued_frames() -> None:
    arrived: asyncio.Queue[inputs.Input] = asyncio.Queue()
    connection = Busy(FakeModel())

    async def connect() -> Busy:
        return connection

    link = Link(arrived.put_nowait, Route(connect))
    running = asyncio.create_task(link.run())
    assert isinstance(await arrived.get(), inputs.LinkOpened)
    await asyncio.sleep(0)
    link.send({"type": "response.create", "event_id": "first"})
    connection.free.set()
    link.send({"type": "response.create", "event_id": "second"})
    await asyncio.sleep(0.01)
    link.send({"type": "response.create", "event_id": "third"})
    assert [decode(frame)["event_id"] for frame in connection.sent] == ["first", "second", "third"]
    running.cancel()
    await asyncio.wait({running})

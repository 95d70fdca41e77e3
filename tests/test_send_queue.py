"""The bounded send queue: order, the limit, back-pressure, the time limit of a frame."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.send_queue import CloseFrame, SendQueue, send_frames
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure

TOO_SLOW = CloseFrame(1013, "too slow")


class Client:
    """A client that takes each frame in `takes_s`."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.received: list[bytes | str | CloseFrame] = []

    async def send(self, frame: bytes | str | CloseFrame) -> None:
        await asyncio.sleep(self.takes_s)
        self.received.append(frame)


@in_virtual_time
async def test_frames_are_sent_in_order_and_the_close_is_last() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW)
    client = Client()
    sending = asyncio.create_task(send_frames(queue, client.send, 1.0))
    queue.push(b"a")
    await asyncio.sleep(1)
    queue.push(b"b")
    queue.close(1000, "over")
    queue.close(1011, "later")
    queue.push(b"c")
    await sending
    assert client.received == [b"a", b"b", CloseFrame(1000, "over")]


@in_virtual_time
async def test_a_full_queue_is_dropped_and_closed() -> None:
    queue: SendQueue[bytes] = SendQueue(10, TOO_SLOW)
    queue.push(b"12345")
    queue.push(b"123456")
    assert queue.is_closing
    client = Client()
    await send_frames(queue, client.send, 1.0)
    assert client.received == [TOO_SLOW]


@in_virtual_time
async def test_a_raised_limit_makes_room_for_more() -> None:
    queue: SendQueue[bytes] = SendQueue(10, TOO_SLOW)
    queue.raise_limit(10)
    queue.push(b"x" * 20)
    assert not queue.is_closing


@in_virtual_time
async def test_dropped_frames_are_not_sent_and_do_not_count() -> None:
    queue: SendQueue[str | bytes] = SendQueue(10, TOO_SLOW)
    for frame in ("text", b"audio", "more"):
        if frame == "more":
            queue.drop(lambda queued: isinstance(queued, bytes))
        queue.push(frame)
    queue.close(1000, "")
    client = Client()
    await send_frames(queue, client.send, 1.0)
    assert client.received[:-1] == ["text", "more"]


@in_virtual_time
async def test_a_writer_waits_until_the_queue_is_half_below_its_high_water_mark() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW, high_water_bytes=10)
    for _ in range(4):
        queue.push(b"1234")
    client = Client(takes_s=1.0)
    sending = asyncio.create_task(send_frames(queue, client.send, 5.0))
    await queue.wait_writable()
    assert len(client.received) == 3
    queue.close(1000, "")
    await sending


@in_virtual_time
async def test_closing_releases_a_writer_that_waits() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW, high_water_bytes=10)
    queue.push(b"x" * 20)
    waiting = asyncio.create_task(queue.wait_writable())
    await asyncio.sleep(0)
    queue.close(1000, "")
    await waiting


@in_virtual_time
async def test_a_client_that_takes_too_long_for_one_frame_times_out() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW)
    client = Client(takes_s=0.9)
    for _ in range(5):
        queue.push(b"in time")
    sending = asyncio.create_task(send_frames(queue, client.send, 1.0))
    await asyncio.sleep(5)
    assert len(client.received) == 5
    client.takes_s = 60.0
    began = asyncio.get_running_loop().time()
    queue.push(b"late")
    with pytest.raises(TimeoutError):
        await sending
    assert asyncio.get_running_loop().time() - began == pytest.approx(1.0, abs=0.01)


@in_virtual_time
async def test_a_pause_between_frames_does_not_count() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW)
    client = Client()
    sending = asyncio.create_task(send_frames(queue, client.send, 1.0))
    queue.push(b"a")
    await asyncio.sleep(30)
    queue.push(b"b")
    queue.close(1000, "")
    await sending
    assert client.received[:2] == [b"a", b"b"]


@in_virtual_time
async def test_a_frame_is_sent_at_once_only_after_all_earlier_ones() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW)
    client = Client(takes_s=1.0)

    def send_at_once(frame: bytes) -> bool:
        client.received.append(b"at once: " + frame)
        return True

    queue.try_send = send_at_once
    sending = asyncio.create_task(send_frames(queue, client.send, 10.0))
    queue.push(b"a")  # nothing reads the queue yet
    await asyncio.sleep(0.5)
    queue.push(b"b")  # "a" is on its way
    await asyncio.sleep(2)
    queue.push(b"c")
    queue.push(b"d")
    assert client.received == [b"a", b"b", b"at once: c", b"at once: d"]
    queue.close(1000, "over")
    queue.push(b"e")
    await sending
    assert client.received[4:] == [CloseFrame(1000, "over")]


@in_virtual_time
async def test_a_frame_that_cannot_be_sent_at_once_is_queued_and_not_overtaken() -> None:
    queue: SendQueue[bytes] = SendQueue(100, TOO_SLOW)
    client = Client()
    tried: list[bytes] = []

    def fail(frame: bytes) -> bool:
        tried.append(frame)
        return False

    queue.try_send = fail
    sending = asyncio.create_task(send_frames(queue, client.send, 10.0))
    await asyncio.sleep(1)
    queue.push(b"a")
    queue.push(b"b")
    queue.close(1000, "over")
    await sending
    assert tried == [b"a"]
    assert client.received == [b"a", b"b", CloseFrame(1000, "over")]

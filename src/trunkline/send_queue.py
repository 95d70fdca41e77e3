"""The bounded send queue of one WebSocket client, which closes a client that does not keep up.

The engine's sessions and the pages of calls share it. It knows no socket: `send_frames` gets the function that sends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

LEADING_SLICE = 100
"""Leading frames that are sent before other work of the event loop has its turn."""
FrameT = TypeVar("FrameT", bound=str | bytes)


@dataclass(frozen=True)
class CloseFrame:
    """The last frame to a client: the code and reason of the close."""

    code: int
    reason: str


class SendQueue(Generic[FrameT]):
    """Frames to one client, in order. Only `frames` and `wait_writable` wait.

    Args:
        max_bytes: the size of the queue beyond which the client is closed.
        too_slow: the close frame for that.
        high_water_bytes: the size beyond which `wait_writable` waits, until half of it is left; None turns that off.
    """

    def __init__(self, max_bytes: int, too_slow: CloseFrame, *, high_water_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._too_slow = too_slow
        self._high_water_bytes = max_bytes if high_water_bytes is None else high_water_bytes
        self._frames: deque[FrameT] = deque()
        self._queued_bytes = 0
        self._closing: CloseFrame | None = None
        self.try_send: Callable[[FrameT], bool] | None = None
        """Sends a frame at once if it can, and returns whether it has. Without it, all frames are queued."""
        self._is_idle = False
        """True while `frames` waits, since all frames so far are sent."""
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def is_closing(self) -> bool:
        """True once `close` was called, or too much was queued."""
        return self._closing is not None

    @property
    def queued_bytes(self) -> int:
        """The size of the queued frames, without leading ones."""
        return self._queued_bytes

    def push(self, frame: FrameT) -> None:
        """Send a frame at once, or queue it. If too much is queued, drop it all and close the client."""
        if self._closing is not None:
            return
        if self._is_idle and not self._frames and self.try_send is not None and self.try_send(frame):
            return
        self._frames.append(frame)
        self._queued_bytes = queued = self._queued_bytes + len(frame)
        self._changed.set()
        if queued > self._max_bytes:
            self.clear()
            self.close(self._too_slow.code, self._too_slow.reason)
        elif queued > self._high_water_bytes:
            self._writable.clear()

    def raise_limit(self, size: int) -> None:
        """Allow `size` more bytes in the queue."""
        self._max_bytes += size

    def drop(self, should_drop: Callable[[FrameT], bool]) -> None:
        """Drop the queued frames for which `should_drop` is true."""
        dropped = sum(len(frame) for frame in self._frames if should_drop(frame))
        self._frames = deque(frame for frame in self._frames if not should_drop(frame))
        self._count_as_sent(dropped)

    def clear(self) -> None:
        """Drop all queued frames."""
        self.drop(lambda _frame: True)

    def close(self, code: int, reason: str) -> None:
        """Close the client after the queued frames. The first reason counts."""
        if self._closing is None:
            self._closing = CloseFrame(code, reason)
            self._changed.set()
            self._writable.set()

    def leading_frames(self) -> Iterator[FrameT]:
        """Return the frames to send before those of the queue; none by default. They are made as they are sent."""
        return iter(())

    async def wait_writable(self) -> None:
        """Wait until the queue is well below its high-water mark, or closed."""
        await self._writable.wait()

    async def frames(self) -> AsyncGenerator[FrameT | CloseFrame]:
        """Yield the frames to send, as they arrive. End after a `CloseFrame`."""
        for number, leading in enumerate(self.leading_frames(), 1):
            yield leading
            if number % LEADING_SLICE == 0:
                await asyncio.sleep(0)
        while True:
            while self._frames:
                frame = self._frames.popleft()
                yield frame
                self._count_as_sent(len(frame))
            if self._closing is not None:
                yield self._closing
                return
            self._changed.clear()
            self._is_idle = True
            await self._changed.wait()
            self._is_idle = False

    def _count_as_sent(self, size: int) -> None:
        self._queued_bytes -= size
        if self._queued_bytes < self._high_water_bytes // 2:
            self._writable.set()


async def send_frames(
    queue: SendQueue[FrameT], send: Callable[[FrameT | CloseFrame], Awaitable[None]], timeout_s: float
) -> None:
    """Send the frames of a queue until it is closed.

    Raises:
        TimeoutError: sending one frame took longer than `timeout_s`.
    """
    loop = asyncio.get_running_loop()
    sending_since: float | None = None
    timer: asyncio.TimerHandle | None = None

    # Audio is fifty frames a second: one timer serves many frames, since a timer for each would cost too much.
    def check() -> None:
        nonlocal timer
        timer = None
        if sending_since is None:
            return
        if sending_since + timeout_s <= loop.time():
            limit.reschedule(loop.time())
        else:
            timer = loop.call_at(sending_since + timeout_s, check)

    async with asyncio.timeout(None) as limit, aclosing(queue.frames()) as frames:
        try:
            async for frame in frames:
                sending_since = loop.time()
                if timer is None:
                    timer = loop.call_at(sending_since + timeout_s, check)
                await send(frame)
                sending_since = None
        finally:
            if timer is not None:
                timer.cancel()

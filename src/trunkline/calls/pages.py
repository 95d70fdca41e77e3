"""The caller's side of a call: pages' sockets, and which of them the caller is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from trunkline.calls.log_events import Transport

LegRole = Literal["caller", "viewer"]
MAX_QUEUED_BYTES = 32 << 20
"""What a page that does not read may pile up before its socket is closed: minutes of sound, or the whole log."""


@dataclass(frozen=True)
class Grant:
    """What a page may be in a call. `leg_id` proves it when its socket opens; viewers have none."""

    role: LegRole
    leg_id: str | None


@dataclass(frozen=True)
class CloseFrame:
    """The last thing a page gets: why its socket is closed."""

    code: int
    reason: str


class CloseCode(IntEnum):
    """WebSocket close codes of a call's socket."""

    OVER = 1000
    TOO_SLOW = 1013
    BAD_REQUEST = 4400
    NO_SUCH_CALL = 4404
    TAKEN_OVER = 4409
    TOO_MANY_PAGES = 4429


class Page:
    """What goes down to one page, in order: text frames (`str`), sound (`bytes`), and at last a `CloseFrame`."""

    reads_log = True
    """Whether the log's events are pushed."""

    def __init__(self) -> None:
        self.role: LegRole = "viewer"
        self._frames: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._most = MAX_QUEUED_BYTES
        self._closing: CloseFrame | None = None
        self._changed = asyncio.Event()

    def begin(self, frames: Sequence[str]) -> None:
        """Queues what was there before the page came. However long it is, it does not count as being slow."""
        self._most += sum(map(len, frames))
        for frame in frames:
            self.push(frame)

    def push(self, frame: str | bytes) -> None:
        """Queues a frame. A page that does not keep up is closed with `TOO_SLOW`; it can come back with `after`."""
        if self._closing is not None:
            return
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        self._changed.set()
        if self._waiting_bytes > self._most:
            self._frames.clear()
            self.close(CloseCode.TOO_SLOW, "too slow: connect again with after=<the last seq>")

    def drop_audio(self) -> None:
        """Forgets sound that is not on its way yet."""
        self._frames = deque(frame for frame in self._frames if isinstance(frame, str))
        self._waiting_bytes = sum(map(len, self._frames))

    def close(self, code: int, reason: str) -> None:
        """Lets what is queued go out, then closes. The first reason counts."""
        if self._closing is None:
            self._closing = CloseFrame(code, reason)
            self._changed.set()

    async def frames(self) -> AsyncGenerator[str | bytes | CloseFrame]:
        """What to send, as it comes; ends after a `CloseFrame`."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                self._waiting_bytes -= len(frame)
                yield frame
            if self._closing is not None:
                yield self._closing
                return
            self._changed.clear()
            await self._changed.wait()


@dataclass
class Leg:
    """The caller's leg: whoever holds its id is the caller. `page` is their socket while it is open."""

    leg_id: str
    transport: Transport
    page: Page | None = None
    reason: str | None = None
    """Why this transport, where the page would rather have another."""

"""The caller's side of a call: the sockets of pages, and the leg that makes one of them the caller."""

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
"""Bytes queued for a page beyond which its socket is closed: minutes of audio, or a whole log."""


class CloseCode(IntEnum):
    """WebSocket close codes of a call's socket."""

    CALL_OVER = 1000
    TOO_SLOW = 1013
    BAD_REQUEST = 4400
    NO_SUCH_CALL = 4404
    TAKEN_OVER = 4409
    TOO_MANY_PAGES = 4429


@dataclass(frozen=True)
class Grant:
    """The role that a page has in a call. The caller's page proves it with `leg_id`; a viewer has none."""

    role: LegRole
    leg_id: str | None


@dataclass(frozen=True)
class CloseFrame:
    """The last frame to a page: the code and reason of the close."""

    code: int
    reason: str


class Page:
    """The frames to one page, in order: text frames (`str`), audio (`bytes`), and at last a `CloseFrame`."""

    reads_log = True
    """True if the call pushes its log events to the page."""

    def __init__(self) -> None:
        self.role: LegRole = "viewer"
        self._frames: deque[str | bytes] = deque()
        self._queued_bytes = 0
        self._max_queued_bytes = MAX_QUEUED_BYTES
        self._closing: CloseFrame | None = None
        self._changed = asyncio.Event()

    def push_history(self, frames: Sequence[str]) -> None:
        """Queue the frames from before the page connected. Their size does not count against the limit."""
        self._max_queued_bytes += sum(map(len, frames))
        for frame in frames:
            self.push(frame)

    def push(self, frame: str | bytes) -> None:
        """Queue a frame. Close the page with `TOO_SLOW` if too much is queued; it can connect again with `after`."""
        if self._closing is not None:
            return
        self._frames.append(frame)
        self._queued_bytes += len(frame)
        self._changed.set()
        if self._queued_bytes > self._max_queued_bytes:
            self._frames.clear()
            self.close(CloseCode.TOO_SLOW, "too slow: connect again with after=<the last seq>")

    def drop_audio(self) -> None:
        """Remove queued audio."""
        self._frames = deque(frame for frame in self._frames if isinstance(frame, str))
        self._queued_bytes = sum(map(len, self._frames))

    def close(self, code: int, reason: str) -> None:
        """Close the page after the queued frames. The first reason counts."""
        if self._closing is None:
            self._closing = CloseFrame(code, reason)
            self._changed.set()

    async def frames(self) -> AsyncGenerator[str | bytes | CloseFrame]:
        """Yield the frames to send, as they arrive. End after a `CloseFrame`."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                self._queued_bytes -= len(frame)
                yield frame
            if self._closing is not None:
                yield self._closing
                return
            self._changed.clear()
            await self._changed.wait()


@dataclass
class Leg:
    """The caller's leg: the page that holds its id is the caller. `page` is that page while its socket is open."""

    leg_id: str
    transport: Transport
    page: Page | None = None
    reason: str | None = None
    """The page's reason for a transport that was not its first choice."""

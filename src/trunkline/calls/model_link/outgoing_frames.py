"""Frames on their way to the model: sent at once if the connection allows it, else queued."""

from __future__ import annotations

import asyncio
from collections import deque

from trunkline.calls.model_link.unacked_items import UnackedItems
from trunkline.providers import Connection, ConnectionLostError
from trunkline.realtime.events import Event

MAX_QUEUED_FRAMES = 1_000
"""Frames queued for a slow link beyond which new audio is dropped: 20 to 40 s of audio. Events are always queued."""


class OutgoingFrames:
    """The frames of one link, in order. Only `write` waits."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._receive_count: int | None = None
        """The connection's `receive_count` at the latest look."""
        self._queue: deque[tuple[str, str | None]] = deque()
        """Frames that wait for the connection, each with the id of the item that it creates."""
        self._queued = asyncio.Event()
        self._unacked = UnackedItems()

    @property
    def is_full(self) -> bool:
        """True if the network is too slow for live audio."""
        return len(self._queue) >= MAX_QUEUED_FRAMES

    def begin_session(self) -> None:
        """Drop the frames for the former session, since the machine replays the conversation to the new one."""
        self._queue.clear()
        self._unacked.clear()

    def resume_session(self) -> None:
        """Queue the items first that the resumed session may not have received."""
        self._queue.extendleft(reversed(self._unacked.take_for_resend()))

    def attach(self, connection: Connection) -> None:
        """Send frames over this connection from now on."""
        self._connection = connection

    def detach(self) -> None:
        """Queue all frames from now on, since the connection has ended."""
        self._connection = None

    def put(self, frame: str, item_id: str | None = None) -> None:
        """Send or queue a frame.

        Args:
            item_id: the id of the item that the frame creates.
        """
        if not self._queue and self._connection is not None and self._connection.try_send(frame):
            if item_id is not None:
                self._unacked.on_sent(item_id, frame)
            return
        self._queue.append((frame, item_id))
        self._queued.set()

    def take_sign_of_life(self) -> bool:
        """Return whether the service has sent anything since the last call, or cannot disappear silently."""
        if self._connection is None:
            return False
        receive_count = self._connection.receive_count
        alive = receive_count is None or receive_count != self._receive_count
        self._receive_count = receive_count
        return alive

    def on_received(self, event: Event) -> bool:
        """Handle an event of the service, which may acknowledge an item.

        Returns:
            False if the event only says that an item was sent twice, so that nobody needs it.
        """
        if self._unacked.is_duplicate_error(event):
            return False
        self._unacked.on_received(event)
        return True

    async def write(self, connection: Connection) -> None:
        """Send the queued frames, until the connection is lost."""
        try:
            while True:
                while self._queue:
                    frame, item_id = self._queue[0]  # it stays queued until it is sent, for a sideband that resumes
                    await connection.send(frame)
                    self._queue.popleft()
                    if item_id is not None:
                        self._unacked.on_sent(item_id, frame)
                self._queued.clear()
                await self._queued.wait()
        except ConnectionLostError:
            return  # the reader gets the same error, and reports it

"""Frames on their way to the model: sent at once if the connection allows it, else queued.

Frames that create items are kept until the service acknowledges the items, so that a resumed session gets them again.
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from collections import deque

import msgspec

from trunkline.calls.machine.outbox import RESEND_PREFIX
from trunkline.calls.send_gate import SendGate
from trunkline.providers import Connection, ConnectionLostError
from trunkline.realtime.client_events import ClientEvent
from trunkline.realtime.events import Event, decode

MAX_QUEUED_FRAMES = 1_000
"""Frames queued for a slow link beyond which new audio is dropped: 20 to 40 s of audio. Events are always queued."""

MAX_UNACKED = 200
"""Items that are kept, for a service that acknowledges none."""
_ACKNOWLEDGEMENTS = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})
_encode = msgspec.json.Encoder().encode


class OutgoingFrames:
    """The frames of one link, in order. Only `write` waits.

    Args:
        gate: the gate of the call; frames wait while it is closed.
    """

    def __init__(self, gate: SendGate | None = None) -> None:
        self._gate = gate or SendGate()
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

    def put_event(self, event: ClientEvent) -> None:
        """Send or queue an event."""
        item_id = event["item"]["id"] if event["type"] == "conversation.item.create" else None
        self._put(_encode(event).decode(), item_id)

    def put_audio(self, audio: bytes) -> None:
        """Send or queue the caller's audio, in the session's input format."""
        encoded = b2a_base64(audio, newline=False).decode()
        self._put('{"type":"input_audio_buffer.append","audio":"' + encoded + '"}')

    def _put(self, frame: str, item_id: str | None = None) -> None:
        is_free = not self._queue and self._connection is not None and self._gate.is_open()
        if is_free and self._connection is not None and self._connection.try_send(frame):
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
        kind = event["type"]
        if kind in _ACKNOWLEDGEMENTS:
            self._unacked.on_received(event)
        return kind != "error" or not self._unacked.is_duplicate_error(event)

    async def write(self, connection: Connection) -> None:
        """Send the queued frames, until the connection is lost."""
        try:
            while True:
                while self._queue:
                    if not self._gate.is_open():
                        if not await self._gate.wait():
                            return  # another server owns the call
                        continue  # the queue may be another one by now
                    frame, item_id = self._queue[0]  # it stays queued until it is sent, for a sideband that resumes
                    await connection.send(frame)
                    self._queue.popleft()
                    if item_id is not None:
                        self._unacked.on_sent(item_id, frame)
                self._queued.clear()
                await self._queued.wait()
        except ConnectionLostError:
            return  # the reader gets the same error, and reports it


class UnackedItems:
    """Keeps the frames of `conversation.item.create` until the service acknowledges their items.

    A broken connection loses frames that the service has not read. If the session continues on another connection,
    they are sent again. The client chooses the items' ids, so the service refuses an item that it has already.
    """

    def __init__(self) -> None:
        self._frames: dict[str, str] = {}
        """The frame of each sent item, by item id."""

    def on_sent(self, item_id: str, frame: str) -> None:
        """Keep the frame that creates an item, now that the connection has taken it."""
        self._frames[item_id] = frame
        if len(self._frames) > MAX_UNACKED:
            del self._frames[next(iter(self._frames))]

    def on_received(self, event: Event) -> None:
        """Forget an item that the service's event acknowledges."""
        item = event.get("item")
        if isinstance(item, dict):
            self._frames.pop(str(item.get("id")), None)

    def take_for_resend(self) -> list[tuple[str, str]]:
        """Remove and return the frames to send first when a session resumes, each with its item id, in order."""
        frames = [(_with_resend_id(frame, item_id), item_id) for item_id, frame in self._frames.items()]
        self._frames.clear()
        return frames

    @staticmethod
    def is_duplicate_error(event: Event) -> bool:
        """Return whether an `error` event refuses an item that was sent again, because the service has it already."""
        error = event.get("error")
        event_id = error.get("event_id") if isinstance(error, dict) else None
        return isinstance(event_id, str) and event_id.startswith(RESEND_PREFIX)

    def clear(self) -> None:
        """Forget all items, since another session has begun."""
        self._frames.clear()


def _with_resend_id(frame: str, item_id: str) -> str:
    """Add an `event_id` to the frame, by which `is_duplicate_error` recognises an error about it."""
    return _encode({**decode(frame.encode()), "event_id": RESEND_PREFIX + item_id}).decode()

"""Uvicorn's WebSockets, tuned for audio: many small messages, each read at once."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import OP_BINARY, OP_TEXT, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from trunkline.uvicorn_websocket import RefusableSocketProtocol

CONNECTION = "trunkline.connection"
"""Extension of a WebSocket's scope: the `CallSocketProtocol`."""
MAX_QUEUED_MESSAGES = 32
"""Unread messages of a page at which the server stops reading from its socket."""
MAX_JOINED_CHARACTERS = 1 << 16
"""Text that waits for the end of the event loop's turn; more of it is written at once."""


_OPEN = State.OPEN  # a member of an enum is slow to read
_FINAL = 0x80
_pack_two_bytes = struct.Struct("!BBH").pack
_pack_eight_bytes = struct.Struct("!BBQ").pack


def frame_head(opcode: int, size: int) -> bytes:
    """Return the head of a server's frame with a whole message of `size` bytes: RFC 6455, section 5.2."""
    if size < 126:
        return bytes((_FINAL | opcode, size))
    if size < 1 << 16:
        return _pack_two_bytes(_FINAL | opcode, 126, size)
    return _pack_eight_bytes(_FINAL | opcode, 127, size)


class CallSocketProtocol(RefusableSocketProtocol):
    """WebSocket that pauses reading at `MAX_QUEUED_MESSAGES`, and not after each message, which costs two system calls.

    Memory stays bounded: by that number, and by the limit on the size of a message. The texts of one turn of the event
    loop are written together: a call logs several events at a time, and each write is a system call. Audio is written
    at once.

    A page's audio is most of the traffic. `try_send` and `take_audio` pass it on without a task of the event loop.
    """

    def handle_connect(self, event: Request) -> None:
        """Let the app find this connection, to pass it on."""
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]  # more than Uvicorn's own
            extensions[CONNECTION] = self

    @property
    def head(self) -> bytes:
        """The head of the request."""
        headers = (f"{name}: {value}" for name, value in self.request.headers.raw_items())
        return "\r\n".join([f"GET {self.request.path} HTTP/1.1", *headers, "", ""]).encode("ascii", "surrogateescape")

    def pass_on(self, passing: Callable[[socket.socket, bytes], bool]) -> bool:
        """Give the connection to another process before the handshake is answered. Return whether that took it.

        Args:
            passing: sends a socket with the head of its request to the process, and returns whether it takes them.
        """
        own = self.transport.get_extra_info("socket")
        if self.scheme == "wss" or self.handshake_complete or not passing(own, self.head):
            return False
        self.handshake_complete = True  # by the other process
        self.transport.abort()  # closes the descriptor of this process only
        return True

    _waiting_characters = 0
    """Length of the texts that are not written yet."""
    take_audio: Callable[[bytes], bool] | None = None
    """Takes a binary message at once, unless earlier messages wait. The message is queued for the app if it returns
    False.
    """

    def send_receive_event_to_app(self) -> None:
        """Pause reading only at a full queue. The base class pauses after each message."""
        if (
            self.take_audio is not None
            and self.curr_msg_data_type == "bytes"
            and len(self.frames) == 1
            and not self.close_sent
            and self.queue.empty()
            and self.take_audio(self.frames[0])
        ):
            self.frames = []
            return
        was_paused, self.read_paused = self.read_paused, True
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        # After the close, messages are discarded until the page closes its side.
        if not was_paused and not self.close_sent and self.queue.qsize() > MAX_QUEUED_MESSAGES:
            self.read_paused = True
            self.transport.pause_reading()

    async def send(self, message: Any) -> None:
        """See the base class, which writes to a closing transport: asyncio logs that each time."""
        if message["type"] != "websocket.send":
            await super().send(message)
        elif self.transport.is_closing() or self.close_sent:
            raise ClientDisconnected
        elif (text := message.get("text")) is not None and self.handshake_complete:
            await self._send_text(text)
        else:  # past the handshake, which the class between handles; this writes the texts that wait, too
            await WebSocketsSansIOProtocol.send(self, message)

    def try_send(self, message: str | bytes) -> bool:
        """Send a message of the app if the network takes it at once; return whether it has.

        A text is written with the others at the end of the event loop's turn.
        """
        if not self.writable.is_set() or self.conn.state is not _OPEN or self.transport.is_closing():
            return False
        if isinstance(message, bytes):
            self._add_frame(OP_BINARY, message)
            self.transport.write(b"".join(self.conn.data_to_send()))
        else:
            self._put_text(message)
        return True

    async def _send_text(self, text: str) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        try:
            self._put_text(text)
        except InvalidState:
            raise ClientDisconnected from None

    def _put_text(self, text: str) -> None:
        self._add_frame(OP_TEXT, text.encode())
        if not self._waiting_characters:
            self.loop.call_soon(self._write_texts)
        self._waiting_characters += len(text)
        if self._waiting_characters > MAX_JOINED_CHARACTERS:
            self._write_texts()

    def _add_frame(self, opcode: Opcode, payload: bytes) -> None:
        """Add the frame of a message to those that wait. websockets' own way takes five calls of functions for it."""
        if self.conn.extensions or self.conn.state is not _OPEN:
            send = self.conn.send_text if opcode is OP_TEXT else self.conn.send_binary
            send(payload)
        else:
            self.conn.writes.append(frame_head(opcode, len(payload)) + payload)

    def _write_texts(self) -> None:
        """Write the frames that wait, unless another message or the close has written them."""
        self._waiting_characters = 0
        if not self.transport.is_closing() and (waiting := b"".join(self.conn.data_to_send())):
            self.transport.write(waiting)

"""Uvicorn's WebSockets, tuned for audio: many small messages, each read at once."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from trunkline.uvicorn_websocket import RefusableSocketProtocol

MAX_QUEUED_MESSAGES = 32
"""Unread messages of a page at which the server stops reading from its socket."""


class CallSocketProtocol(RefusableSocketProtocol):
    """WebSocket that pauses reading at `MAX_QUEUED_MESSAGES`, and not after each message, which costs two system calls.

    Memory stays bounded: by that number, and by the limit on the size of a message.
    """

    def send_receive_event_to_app(self) -> None:
        """Close the socket for invalid UTF-8, and pause reading only at a full queue.

        The base class pauses after each message, and logs invalid text with a traceback.
        """
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.send_close(1007, "Text must be UTF-8.")  # RFC 6455, 8.1
            self.handle_parser_exception()
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
        elif self.transport.is_closing():
            raise ClientDisconnected
        else:  # past the handshake, which the class between handles
            await WebSocketsSansIOProtocol.send(self, message)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

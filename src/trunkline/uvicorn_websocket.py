"""Uvicorn's WebSockets with an HTTP answer for a refused handshake, for the web server and the engine."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class RefusableSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket protocol that takes the answer to a refused handshake for a complete one, and logs no client's fault.

    The base class (Uvicorn 0.54) sends the answer, and then logs an error for each refused client. It also logs invalid
    UTF-8, and each answer to a client whose malformed frame has closed the socket, with a traceback.
    """

    def send_receive_event_to_app(self) -> None:
        """Close the socket for invalid UTF-8."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.send_close(1007, "Text must be UTF-8.")  # RFC 6455, 8.1
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """Send a message of the app."""
        if message["type"] == "websocket.send" and (self.transport.is_closing() or self.close_sent):
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

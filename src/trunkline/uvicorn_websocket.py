"""Uvicorn's WebSockets with an HTTP answer for a refused handshake, for the web server and the engine."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class RefusableSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket protocol that takes the answer to a refused handshake for a complete one.

    The base class (Uvicorn 0.54) sends the answer, and then logs an error for each refused client.
    """

    async def send(self, message: Any) -> None:
        """Send a message of the app."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

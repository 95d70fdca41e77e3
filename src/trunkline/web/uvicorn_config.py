"""Uvicorn as `trunkline serve` runs it: with limits on connections and messages, and on the patience with clients."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from trunkline.settings import Settings
from trunkline.web.uvicorn_websocket import CallSocketProtocol

MAX_HEAD_BYTES = 32 << 10
"""Bytes of a request's head: the line and the headers."""
GRACE_S = 3
"""How long the server waits, when it stops, for requests that are being answered."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
    b"Too many connections are open.\n"
)
_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
    b"The request's head did not come in time.\n"
)


def server_config(app: ASGIApp, settings: Settings, **options: Any) -> uvicorn.Config:
    """How a Trunkline app is served.

    Args:
        options: of `uvicorn.Config`, beside those or in their place.
    """
    return uvicorn.Config(
        app,
        **{
            "lifespan": "on",
            "log_level": "debug" if settings.log_content and settings.log_level == "debug" else "warning",
            "access_log": False,
            "http": _http_protocol(settings),
            "ws": CallSocketProtocol,
            "ws_max_size": settings.max_frame_bytes,
            "ws_per_message_deflate": False,
            "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
            "timeout_graceful_shutdown": GRACE_S,
            "server_header": False,
            **options,
        },
    )


def _http_protocol(settings: Settings) -> type[H11Protocol]:
    class Protocol(_ImpatientProtocol):
        most_connections = settings.max_connections
        head_s = settings.body_timeout_s
        answer_s = settings.send_timeout_s

    return Protocol


class _ImpatientProtocol(H11Protocol):
    """Gives a client `head_s` seconds for each request's head, and `answer_s` to take some of what it is answered.

    Uvicorn waits for ever, and keeps what it has got.
    """

    most_connections: int
    head_s: float
    answer_s: float
    _deadline: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client has connected."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(_FULL)
        else:
            self._deadline = self.loop.call_later(self.head_s, self._refuse, _SLOW)

    def data_received(self, data: bytes) -> None:
        """Something came: the rest of a head, a body, or the next head."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self._calm()
        elif self._deadline is None and self.conn.their_state is h11.IDLE:
            self._deadline = self.loop.call_later(self.head_s, self._refuse, _SLOW)

    def on_response_complete(self) -> None:
        """The answer is out. A body that nobody wants any more may still come, so that the client reads the answer."""
        if self.conn.their_state is h11.SEND_BODY:
            self._calm()
            self._deadline = self.loop.call_later(self.head_s, self._refuse, b"")
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """The head was there, and asks for a WebSocket."""
        self._calm()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._calm()
        self._flows()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what it asked for."""
        super().pause_writing()
        self._patience = self.loop.call_later(self.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It goes on taking."""
        self._flows()
        super().resume_writing()

    def _flows(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _calm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, answer: bytes) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

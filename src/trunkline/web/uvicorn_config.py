"""Uvicorn's configuration for `trunkline serve`: limits on connections, messages and slow clients."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from trunkline.descriptors import soft_limit
from trunkline.event_loop import ServerLoop
from trunkline.settings import Settings
from trunkline.web.capacity import capacity_of
from trunkline.web.connection_gate import ConnectionGate, exempt_addresses
from trunkline.web.server_state import ServerState
from trunkline.web.tls_handshakes import TlsHandshake
from trunkline.web.uvicorn_websocket import CallSocketProtocol

logger = logging.getLogger(__name__)
MAX_HEAD_BYTES = 32 << 10
"""Bytes of a request's head: the request line and the headers."""
BACKLOG = 128
"""Connections that wait to be accepted. asyncio accepts as many at once, and fails as often without descriptors."""
SHUTDOWN_TIMEOUT_S = 3
"""The time in s that a stopping server waits for unfinished answers."""
_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
    b"The request's head did not come in time.\n"
)


def server_config(app: ASGIApp, settings: Settings, **options: Any) -> uvicorn.Config:
    """Return the configuration that serves a Trunkline app.

    Args:
        options: options of `uvicorn.Config`, which override these.
    """
    state = getattr(getattr(app, "state", None), "server", None)
    server = state if isinstance(state, ServerState) else None
    gate = _gate(settings, server)
    return _Config(
        app,
        gate,
        settings.head_timeout_s,
        **{
            "lifespan": "on",
            "loop": f"{ServerLoop.__module__}:{ServerLoop.__name__}",
            "log_level": "debug" if settings.log_content and settings.log_level == "debug" else "warning",
            "access_log": False,
            "http": _http_protocol(settings, gate),
            "ws": _socket_protocol(gate),
            "ws_max_size": settings.max_frame_bytes,
            "ws_per_message_deflate": False,
            "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
            "backlog": BACKLOG,
            "timeout_graceful_shutdown": SHUTDOWN_TIMEOUT_S,
            "server_header": False,
            "proxy_headers": bool(settings.trusted_proxies),
            "forwarded_allow_ips": settings.trusted_proxies,
            **options,
        },
    )


class _Config(uvicorn.Config):
    """Configuration whose TLS handshakes count as connections.

    Args:
        gate: the limits on connections.
        handshake_timeout_s: the time for a handshake.
    """

    def __init__(self, app: ASGIApp, gate: ConnectionGate, handshake_timeout_s: float, **options: Any) -> None:
        super().__init__(app, **options)
        self._gate = gate
        self._handshake_timeout_s = handshake_timeout_s

    def load(self) -> None:
        """Load the configuration; take TLS from Uvicorn's listeners, which do not count handshakes."""
        super().load()
        context, self.ssl = self.ssl, None
        if context is None:
            return
        http: Any = self.http_protocol_class

        def connection(**arguments: Any) -> TlsHandshake:
            connections = arguments["server_state"].connections
            return TlsHandshake(context, self._gate, self._handshake_timeout_s, connections, lambda: http(**arguments))

        self.http_protocol_class = connection  # type: ignore[assignment]  # Uvicorn only calls it


def _gate(settings: Settings, server: ServerState | None) -> ConnectionGate:
    capacity = capacity_of(settings)
    if capacity.connections < settings.max_connections:
        logger.warning(
            "the process may open only %s descriptors, which is enough for %d connections instead of %d: raise "
            "`ulimit -n`",
            soft_limit(),
            capacity.connections,
            settings.max_connections,
        )
    max_of_client = min(settings.max_client_connections, capacity.connections)
    gate = ConnectionGate(
        capacity.connections,
        max_of_client,
        exempt_addresses(settings.trusted_proxies),
        lambda address: server.refusals.add("connections", address) if server is not None else None,
    )
    if server is not None:
        server.use_gate(gate)
    return gate


def _http_protocol(settings: Settings, admission: ConnectionGate) -> type[H11Protocol]:
    class Protocol(_TimeoutProtocol):
        gate = admission
        head_timeout_s = settings.head_timeout_s
        body_timeout_s = settings.body_timeout_s
        send_timeout_s = settings.send_timeout_s

    return Protocol


def _socket_protocol(admission: ConnectionGate) -> type[CallSocketProtocol]:
    class Protocol(CallSocketProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            admission.release(self.transport)
            super().connection_lost(exc)

    return Protocol


class _TimeoutProtocol(H11Protocol):
    """HTTP/1.1 with `head_timeout_s` seconds for each request's head and `send_timeout_s` to take some of the answer.

    Uvicorn itself waits without a limit and keeps the received bytes.
    """

    gate: ConnectionGate
    head_timeout_s: float
    body_timeout_s: float
    send_timeout_s: float
    _deadline: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Limit the number of connections and the time for the first head."""
        super().connection_made(transport)
        address = str((transport.get_extra_info("peername") or ("unix",))[0])
        if (refusal := self.gate.admit(transport, address, self._evict)) is not None:
            self._refuse(_FULL + refusal)
        else:
            self._deadline = self.loop.call_later(self.head_timeout_s, self._refuse, _SLOW)

    def data_received(self, data: bytes) -> None:
        """Read the rest of a head, a body, or the next head."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self.gate.has_sent_head(self.transport)
            self._cancel_deadline()
        elif self._deadline is None and self.conn.their_state is h11.IDLE:
            self._deadline = self.loop.call_later(self.head_timeout_s, self._refuse, _SLOW)

    def on_response_complete(self) -> None:
        """Limit the time for the rest of a body after the answer.

        Some clients read the answer only after they have sent the whole body.
        """
        if self.conn.their_state is h11.SEND_BODY:
            self._cancel_deadline()
            self._deadline = self.loop.call_later(self.body_timeout_s, self._refuse, b"")
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Stop the timer for the head, which asks for a WebSocket."""
        self.gate.has_sent_head(self.transport)
        self._cancel_deadline()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self.gate.release(self.transport)
        self._cancel_deadline()
        self._cancel_send_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the timer for a client that does not read its answer."""
        super().pause_writing()
        self._send_timer = self.loop.call_later(self.send_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that timer, since the client reads again."""
        self._cancel_send_timer()
        super().resume_writing()

    def _cancel_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _evict(self) -> None:
        self._cancel_deadline()
        self._refuse(_SLOW)

    def _refuse(self, answer: bytes) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

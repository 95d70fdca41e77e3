"""Uvicorn's configuration with limits on connections, heads and slow clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from trunkline.listener.connection_gate import ConnectionGate, exempt_addresses
from trunkline.listener.http_protocol import MAX_HEAD_BYTES, TimeoutProtocol
from trunkline.listener.limits import ListenerLimits
from trunkline.listener.tls_handshakes import TlsHandshake

BACKLOG = 128
"""Connections that wait to be accepted. asyncio accepts as many at once, and fails as often without descriptors."""


class ListenerConfig(uvicorn.Config):
    """Configuration of a server with limits. TLS handshakes count as connections.

    Args:
        ws: the protocol of WebSockets.
        on_refusal: receives the address of each refused connection.
        options: further options of `uvicorn.Config`, which override these.

    Attributes:
        gate: the open connections.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: ListenerLimits,
        ws: type[WebSocketsSansIOProtocol],
        on_refusal: Callable[[str], object] = lambda _address: None,
        **options: Any,
    ) -> None:
        self.limits = limits
        self.gate = ConnectionGate(
            limits.connections, limits.client_connections, exempt_addresses(limits.trusted_proxies), on_refusal
        )
        own = {
            "http": _http_protocol(self.gate, limits),
            "ws": _socket_protocol(self.gate, ws),
            "access_log": False,
            "ws_per_message_deflate": False,  # audio hardly shrinks
            "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
            "backlog": BACKLOG,
            "server_header": False,
        }
        super().__init__(app, **{**own, **options})

    def load(self) -> None:
        """Load the configuration; take TLS from Uvicorn's listeners, which do not count handshakes."""
        super().load()
        context, self.ssl = self.ssl, None
        if context is None:
            return
        http: Any = self.http_protocol_class

        def connection(**arguments: Any) -> TlsHandshake:
            connections = arguments["server_state"].connections
            return TlsHandshake(context, self.gate, self.limits.head_s, connections, lambda: http(**arguments))

        self.http_protocol_class = connection  # type: ignore[assignment]  # Uvicorn only calls it


def _http_protocol(admission: ConnectionGate, given: ListenerLimits) -> type[TimeoutProtocol]:
    class Protocol(TimeoutProtocol):
        gate = admission
        limits = given

    return Protocol


def _socket_protocol(admission: ConnectionGate, base: type[WebSocketsSansIOProtocol]) -> type[WebSocketsSansIOProtocol]:
    class Protocol(base):  # type: ignore[misc, valid-type]  # an argument
        def connection_lost(self, exc: Exception | None) -> None:
            admission.release(self.transport)
            super().connection_lost(exc)

    return Protocol

"""TLS handshakes that count as connections: the gate admits a client before the handshake, and limits its time.

asyncio's own TLS listener creates the HTTP connection after the handshake, so that clients that never finish it would
be counted nowhere.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Hashable
from typing import Protocol, cast

from trunkline.listener.connection_gate import ConnectionGate


class OpenConnections(Protocol):
    """The connections that a stopping server shuts down."""

    def add(self, connection: TlsHandshake, /) -> None:
        """Add a connection."""

    def discard(self, connection: TlsHandshake, /) -> None:
        """Remove a connection."""


class TlsHandshake(asyncio.Protocol):
    """A client's connection until its handshake is complete; then the HTTP connection takes it over.

    Args:
        context: the server's certificate and options.
        gate: the limits on connections. The HTTP connection is admitted in place of the handshake.
        time_limit_s: the time for the handshake.
        connections: receives this connection, until the HTTP connection takes over.
        http: creates the HTTP connection.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        gate: ConnectionGate,
        time_limit_s: float,
        connections: OpenConnections,
        http: Callable[[], asyncio.Protocol],
    ) -> None:
        self._context = context
        self._gate = gate
        self._time_limit_s = time_limit_s
        self._connections = connections
        self._http = http
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the client, and begin the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        address = str((transport.get_extra_info("peername") or ("unix",))[0])
        if self._gate.admit(self._transport, address, self.shutdown) is not None:
            self._transport.abort()  # it could read an answer only after the handshake
            return
        self._connections.add(self)
        self._transport.pause_reading()  # `start_tls` resumes it
        self._task = asyncio.create_task(self._shake_hands(self._transport), name="TLS handshake")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that left before its handshake began."""
        if self._task is not None:
            self._task.cancel()
        self._end(self._transport)

    def shutdown(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        early = _EarlyData()
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                transport, early, self._context, server_side=True, ssl_handshake_timeout=self._time_limit_s
            )
        except OSError:  # a failed, late or interrupted handshake; the event loop has closed the connection
            encrypted = None
        finally:
            self._end(transport)
        if encrypted is not None:
            early.pass_on(encrypted, self._http())

    def _end(self, transport: Hashable) -> None:
        self._gate.release(transport)
        self._connections.discard(self)


class _EarlyData(asyncio.Protocol):
    """Receiver of data between the end of the handshake and the start of the HTTP connection."""

    def __init__(self) -> None:
        self._received: list[bytes] = []
        self._has_ended = False
        self._lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._received.append(data)

    def eof_received(self) -> None:
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.append(exc)

    def pass_on(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """Give the connection, and the data so far, to a protocol."""
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in self._received:
            protocol.data_received(data)
        if self._has_ended:
            protocol.eof_received()
        for error in self._lost:
            protocol.connection_lost(error)

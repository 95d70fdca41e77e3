"""HTTP/1.1 connections of a listener: their number, and the time that a client may take."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from trunkline.listener.connection_gate import ConnectionGate
from trunkline.listener.limits import ListenerLimits

MAX_HEAD_BYTES = 32 << 10
"""Bytes of a request's head: the request line and the headers."""
LINGER_S = 1.0
"""Time in s that a refused client has to read its answer."""
_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
    b"The request's head did not come in time.\n"
)


class TimeoutProtocol(H11Protocol):
    """HTTP/1.1 with limits on connections, and on the time for a head and for an answer.

    Uvicorn itself waits without a limit and keeps the received bytes.
    """

    gate: ConnectionGate
    limits: ListenerLimits
    _deadline: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Limit the number of connections and the time for the first head."""
        super().connection_made(transport)
        address = str((transport.get_extra_info("peername") or ("unix",))[0])
        if (refusal := self.gate.admit(transport, address, self._evict)) is not None:
            self._refuse(_FULL + refusal)
        else:
            self._deadline = self.loop.call_later(self.limits.head_s, self._refuse, _SLOW)

    def data_received(self, data: bytes) -> None:
        """Read the rest of a head, a body, or the next head."""
        if self._is_refused or self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and len(data) > (room := self._room_for_head):
            self.data_received(data[:room])  # h11 limits only an incomplete head
            self.data_received(data[room:])
            return
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self.gate.has_sent_head(self.transport)
            self._cancel_deadline()
        elif self._deadline is None and self.conn.their_state is h11.IDLE:
            self._deadline = self.loop.call_later(self.limits.head_s, self._refuse, _SLOW)

    @property
    def _room_for_head(self) -> int:
        """The bytes after which a head is too large, unless it is complete before them."""
        waiting, _has_ended = self.conn.trailing_data
        return max(1, MAX_HEAD_BYTES + 1 - len(waiting))

    def on_response_complete(self) -> None:
        """Limit the time for the rest of a body after the answer.

        Some clients read the answer only after they have sent the whole body.
        """
        if self.conn.their_state is h11.SEND_BODY:
            self._cancel_deadline()
            self._deadline = self.loop.call_later(self.limits.body_s, self._refuse, b"")
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
        self._send_timer = self.loop.call_later(self.limits.send_s, self.transport.abort)

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
        """Send an answer and close the connection.

        To close a connection with unread bytes is to reset it, and then the client may lose the answer (RFC 9112,
        section 9.6). So the server reads on, for a short time and with few connections at once.
        """
        self._deadline = None
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self.transport.write(answer)
        if answer and self.transport.can_write_eof() and self.gate.linger(self.transport):
            self.transport.write_eof()
            self._deadline = self.loop.call_later(LINGER_S, self.transport.close)
        else:
            self.transport.close()

"""A Realtime WebSocket to any provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.protocol import State

from trunkline.providers import ConnectionLostError, ProviderError
from trunkline.providers.credentials import Credentials
from trunkline.providers.http_errors import http_error, proxy_error

MAX_FRAME_BYTES = 16 << 20
"""The size limit of one event; audio deltas are much smaller."""
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Pings:
    """Pings that detect a silent loss of the connection, by default within 7 s.

    The caller's audio is kept since the last received frame, so frequent pings keep that buffer small.

    Attributes:
        interval_s: time between two pings, in seconds.
        timeout_s: time for the answer, after which the connection counts as lost.
    """

    interval_s: float = 2.0
    timeout_s: float = 5.0


DEFAULT_PINGS = Pings()


class _NoRedirects(connect):
    """A connector that refuses redirects, since the credentials belong to one host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Socket(ClientConnection):
    """A socket that counts reads, and can send and receive without waiting if its buffers allow it."""

    receive_count = 0

    def data_received(self, data: bytes) -> None:
        """Count the read."""
        self.receive_count += 1
        super().data_received(data)

    def try_send(self, text: bytes) -> bool:
        """Send a text frame, unless the network is slow, another message is in progress, or the socket is closed."""
        if self.paused or self.fragmented_send_waiter is not None or self.protocol.state is not State.OPEN:
            return False
        self.protocol.send_text(text)
        self.send_data()
        return True

    def take_message(self) -> bytes | None:
        """Return the next message if it has arrived in one frame, else None.

        The service's events come many at a time, and `recv` makes three coroutines for each.
        """
        messages = self.recv_messages
        arrived = messages.frames.queue
        if not arrived or not arrived[0].fin or messages.get_in_progress:
            return None
        data = arrived.popleft().data
        messages.maybe_resume()
        return bytes(data)


class RealtimeSocket:
    """A `Connection` over an open WebSocket."""

    def __init__(self, socket: _Socket) -> None:
        self._socket = socket

    @property
    def receive_count(self) -> int:
        """See `Connection.arrivals`."""
        return self._socket.receive_count

    async def receive(self) -> bytes:
        """See `Connection.receive`."""
        if (message := self._socket.take_message()) is not None:
            return message
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def send(self, frame: str) -> None:
        """See `Connection.send`."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    def try_send(self, frame: str) -> bool:
        """See `Connection.try_send`."""
        return self._socket.try_send(frame.encode())

    async def close(self) -> None:
        """See `Connection.close`."""
        await self._socket.close()


async def open_socket_with_credentials(
    credentials: Credentials, url: str, what: str, pings: Pings = DEFAULT_PINGS
) -> RealtimeSocket:
    """Open a Realtime socket; retry once if the service refuses renewable credentials.

    Args:
        credentials: the credentials.
        url: a ws(s) URL.
        what: the service's name for errors.
        pings: the pings that detect a silent loss.

    Raises:
        ProviderError: the service cannot be reached, or refuses.
    """
    auth_headers = await credentials.headers()
    try:
        return await open_socket(url, auth_headers, what, credentials.refused_hint, pings)
    except ProviderError as error:
        if error.code != 401 or not credentials.on_refused(auth_headers):
            raise
    return await open_socket(url, await credentials.headers(), what, credentials.refused_hint, pings)


async def open_socket(
    url: str,
    headers: Mapping[str, str],
    what: str,
    refused_hint: str | None = None,
    pings: Pings = DEFAULT_PINGS,
) -> RealtimeSocket:
    """Open a Realtime socket. No error shows a header's value.

    Args:
        url: a ws(s) URL.
        headers: the authentication headers.
        what: the service's name for errors.
        refused_hint: the fix if the service refuses the headers.
        pings: the pings that detect a silent loss.

    Raises:
        ProviderError: the service cannot be reached, or refuses.
    """
    try:
        socket = await _NoRedirects(
            url,
            create_connection=_Socket,
            additional_headers=headers,
            max_size=MAX_FRAME_BYTES,
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=pings.interval_s,
            ping_timeout=pings.timeout_s,
            user_agent_header=None,
            proxy=None if _is_loopback(url) else True,
        )
    except InvalidStatus as refused:
        answer = refused.response
        answered = dict(answer.headers.raw_items())
        raise http_error(what, answer.status_code, answer.body or b"", answered, headers, refused_hint) from None
    except (InvalidProxy, ImportError):
        raise proxy_error() from None
    except (InvalidURI, ValueError) as error:
        raise ProviderError(f"The address of {what} is invalid: {error}", retry=False) from None
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise ProviderError(f"{what} cannot be reached: {str(error) or type(error).__name__}") from None
    return RealtimeSocket(cast("_Socket", socket))


def _is_loopback(url: str) -> bool:
    return url.startswith(("ws://127.0.0.1:", "ws://[::1]:", "ws://localhost:"))


def _lost(closed: ConnectionClosed) -> ConnectionLostError:
    received = closed.rcvd
    if received is None:
        return ConnectionLostError("the connection broke", None)
    return ConnectionLostError(received.reason or f"closed with code {received.code}", received.code)

"""Admission of TCP connections: a limit of all, one of each address, and room for clients that send a request."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from trunkline.listener.client_address import client_address
from trunkline.settings import is_loopback

MAX_OF_ALL = b"Too many connections are open.\n"
MAX_OF_CLIENT = b"Too many connections from this address are open.\n"
MAX_LINGERING = 20
"""Refused connections at once whose clients still have time to read the answer."""


class ConnectionGate:
    """Open connections of one server.

    If all are taken, a new connection replaces the oldest one that has not sent the whole head of a request. So idle
    connections cannot lock out clients that send requests.

    Args:
        max_connections: the connections at once.
        max_of_client: the connections of one address at once.
        is_exempt: returns whether an address has no limit of its own, such as a proxy's.
        on_refusal: receives the address of each refused connection.
    """

    def __init__(
        self,
        max_connections: int,
        max_of_client: int,
        is_exempt: Callable[[str], bool],
        on_refusal: Callable[[str], object] = lambda _address: None,
    ) -> None:
        self._on_refusal = on_refusal
        self._max_connections = max_connections
        self._max_of_client = max_of_client
        self._is_exempt = is_exempt
        self._clients: dict[Hashable, str] = {}
        self._of_client: Counter[str] = Counter()
        self._without_head: dict[Hashable, Callable[[], None]] = {}
        self._lingering: set[Hashable] = set()

    @property
    def open(self) -> int:
        """The number of admitted connections."""
        return len(self._clients)

    def admit(self, connection: Hashable, address: str, evict: Callable[[], None]) -> bytes | None:
        """Admit a connection. Return the reason of a refusal, None if it is admitted.

        Args:
            connection: the connection's identity, such as its transport.
            address: the address of its other end.
            evict: ends the connection, to make room for another.
        """
        client = client_address(address)
        if not self._is_exempt(address) and self._of_client[client] >= self._max_of_client:
            self._on_refusal(address)
            return MAX_OF_CLIENT
        if len(self._clients) >= self._max_connections:
            if not self._without_head:
                self._on_refusal(address)
                return MAX_OF_ALL
            oldest, end = next(iter(self._without_head.items()))
            self.release(oldest)
            end()
        self._clients[connection] = client
        self._of_client[client] += 1
        self._without_head[connection] = evict
        return None

    def has_sent_head(self, connection: Hashable) -> None:
        """Record that a client has sent a whole head: it keeps its connection."""
        self._without_head.pop(connection, None)

    def linger(self, connection: Hashable) -> bool:
        """Return whether a refused connection may stay open until its client has read the answer."""
        if len(self._lingering) >= MAX_LINGERING:
            return False
        self._lingering.add(connection)
        return True

    def release(self, connection: Hashable) -> None:
        """Forget a connection that has ended, or was not admitted."""
        self._without_head.pop(connection, None)
        self._lingering.discard(connection)
        client = self._clients.pop(connection, None)
        if client is None:
            return
        self._of_client[client] -= 1
        if self._of_client[client] <= 0:
            del self._of_client[client]


def exempt_addresses(trusted_proxies: Sequence[str]) -> Callable[[str], bool]:
    """Return the rule for addresses without a limit of their own: loopback, and the trusted proxies."""
    networks = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]

    def is_exempt(address: str) -> bool:
        if is_loopback(address):
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return True  # a Unix socket, which only a proxy uses
        return any(parsed in network for network in networks)

    return is_exempt

"""Limits of a listener on connections and slow clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from trunkline.descriptors import Capacity
from trunkline.settings import Settings


@dataclass(frozen=True)
class ListenerLimits:
    """Limits of a listener.

    Attributes:
        connections: TCP connections at once, also during the TLS handshake.
        client_connections: TCP connections of one address; loopback and the trusted proxies have no such limit.
        head_s: time in s for a TLS handshake, and for a request's head.
        body_s: time in s for the rest of a request's body after the answer.
        send_s: time in s for a client to read part of its answer.
        trusted_proxies: addresses and networks of proxies.
    """

    connections: int = 1000
    client_connections: int = 100
    head_s: float = 5.0
    body_s: float = 15.0
    send_s: float = 30.0
    trusted_proxies: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, capacity: Capacity, client_connections: int) -> Self:
        """Return the limits of the settings, with as many connections as fit into the descriptors."""
        return cls(
            capacity.connections,
            min(client_connections, capacity.connections),
            settings.head_timeout_s,
            settings.body_timeout_s,
            settings.send_timeout_s,
            tuple(settings.trusted_proxies),
        )

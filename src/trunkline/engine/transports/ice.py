"""ICE options of WebRTC calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server with its URLs. TURN servers need a user name and a credential."""

    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True)
class IceOptions:
    """Options of the engine's WebRTC peers.

    Attributes:
        servers: STUN and TURN servers. By default the engine contacts no server.
        loopback: use 127.0.0.1 only, for tests. A browser then needs `--allow-loopback-in-peer-connection`.
        grace_s: time for which a session continues after its caller disconnected.
        connect_timeout_s: time for the caller to connect after the answer.
    """

    servers: Sequence[IceServer] = ()
    loopback: bool = False
    grace_s: float = 0.5
    connect_timeout_s: float = 30.0

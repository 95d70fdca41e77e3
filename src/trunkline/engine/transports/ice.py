"""How the two ends of a WebRTC call find each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server by its URLs; TURN servers want a user name and a credential."""

    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True)
class IceOptions:
    """What the engine's peers may use.

    Attributes:
        servers: STUN and TURN servers. None by default: nobody outside is asked.
        loopback: only 127.0.0.1, for tests; a browser needs `--allow-loopback-in-peer-connection` then.
        grace_s: how long a session outlives its caller.
    """

    servers: Sequence[IceServer] = ()
    loopback: bool = False
    grace_s: float = 0.5

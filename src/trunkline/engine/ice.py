"""How the two ends of a WebRTC call find each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class IceOptions:
    """What the engine's peers may use.

    Attributes:
        servers: STUN and TURN URLs. None by default: nobody outside is asked.
        loopback: only 127.0.0.1, for tests; a browser needs `--allow-loopback-in-peer-connection` then.
        grace_s: how long a session outlives its caller.
    """

    servers: Sequence[str] = ()
    loopback: bool = False
    grace_s: float = 0.5

"""Time limits of the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineTimeLimits:
    """Time limits of the engine's sessions, in seconds.

    Attributes:
        transcript_s: time for recognition after the end of a turn. The turn then has no transcript.
        send_s: time for sending one frame to a WebSocket client, which is then closed.
    """

    transcript_s: float = 120.0
    send_s: float = 30.0


DEFAULT_TIME_LIMITS = EngineTimeLimits()

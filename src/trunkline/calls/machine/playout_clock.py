"""Clock of the playout, which stands still while the caller's page holds the agent's audio."""

from __future__ import annotations


class PlayoutClock:
    """Time in which audio plays. Without holds it is the call's time."""

    def __init__(self) -> None:
        self._past_holds_ms = 0.0
        self._held_since_ms: float | None = None

    def hold(self, now_ms: float) -> None:
        """Stop the clock, unless it stands still already."""
        if self._held_since_ms is None:
            self._held_since_ms = now_ms

    def release(self, now_ms: float) -> None:
        """Start the clock again."""
        if self._held_since_ms is not None:
            self._past_holds_ms += now_ms - self._held_since_ms
            self._held_since_ms = None

    def at(self, now_ms: float) -> float:
        """Return the playout's time at a time of the call."""
        return (now_ms if self._held_since_ms is None else self._held_since_ms) - self._past_holds_ms

    def held_ms(self, now_ms: float) -> float:
        """Return the duration of all holds so far."""
        return now_ms - self.at(now_ms)

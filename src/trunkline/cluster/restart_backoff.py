"""Pauses before a process that died is started again."""

from __future__ import annotations

FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 5.0
STABLE_S = 10.0
"""A process that has run for so long is healthy: the next pause is the first one again."""


class RestartBackoff:
    """The pauses of one process: short at first, doubled while the process dies soon after each start."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def pause_s(self, ran_for_s: float) -> float:
        """Return the pause after a process has died, in seconds.

        Args:
            ran_for_s: the time since its start, in seconds.
        """
        if ran_for_s >= STABLE_S:
            self._next_s = FIRST_PAUSE_S
        pause_s, self._next_s = self._next_s, min(self._next_s * 2, MAX_PAUSE_S)
        return pause_s

"""Rules by which a server claims the call of another one. Pure: times are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

STALE_HEARTBEAT_MS = 3_000.0
"""The age of a heartbeat beyond which its server counts as gone, also if it still holds its lock."""
GRACE_MS = 5_000.0
"""The time after a failure of the database in which nobody claims: the owners show first that they live."""


class Claim(Enum):
    """The answer to a request for a call that this server does not run."""

    FORWARD = "forward"
    """The owner lives: it gets the request."""
    TAKE_OVER = "take over"
    """The owner is gone: raise the epoch, and run the call."""
    WAIT = "wait"
    """Nobody may claim now: the page tries again."""
    LEAVE = "leave"
    """This server stops, and another one can take the call over: the page tries again there."""


@dataclass(frozen=True)
class OwnerSight:
    """The signs of life of a call's owner.

    Attributes:
        holds_lock: True if it holds the lock of its server id, which the system releases when a process dies.
        heartbeat_age_ms: the age of its last heartbeat by the database's clock; None if it has none.
        has_released: True if it has handed the call over.
    """

    holds_lock: bool
    heartbeat_age_ms: float | None
    has_released: bool = False

    @property
    def is_gone(self) -> bool:
        """True if the process has died, or was not seen for too long."""
        stale = self.heartbeat_age_ms is None or self.heartbeat_age_ms > STALE_HEARTBEAT_MS
        return stale or not self.holds_lock


class ClaimRules:
    """The rules of one server, which remembers when the database could be reached again."""

    def __init__(self) -> None:
        self._failed = False
        self._back_at_ms: float | None = None

    def on_database_failed(self) -> None:
        """Note that the database cannot be reached."""
        self._failed = True

    def on_database_answered(self, now_ms: float) -> None:
        """Note that the database answers, for the first time or again."""
        if self._failed:
            self._failed, self._back_at_ms = False, now_ms

    def decide(self, owner: OwnerSight, now_ms: float) -> Claim:
        """Return the action for a call with this owner."""
        if owner.has_released:
            return Claim.TAKE_OVER
        if not owner.is_gone:
            return Claim.FORWARD
        in_grace = self._back_at_ms is not None and now_ms - self._back_at_ms < GRACE_MS
        return Claim.WAIT if self._failed or in_grace else Claim.TAKE_OVER

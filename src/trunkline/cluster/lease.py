"""Lease: the time in which no other server can have claimed a call of this one. Pure: times are arguments.

A server acts for its calls only while its lease holds. This is safe, however late its process runs again after it stood
still, because it compares the clock at each frame:

- Another server claims a call if the owner's heartbeat is older than `STALE_HEARTBEAT_MS`. The lease begins before the
  heartbeat is written, and is shorter. So nobody has claimed a call while it holds.
- Another server also claims a call if the owner's lock is free. The lease ends as soon as the owner learns that it has
  lost its lock.
- When it has run out, a server writes a heartbeat and then takes its calls again: it raises the epochs of those that no
  other server owns. A claim that was decided before needs the former epoch, so only one of both succeeds.
- If the database fails, the others say so when they are asked. One that does not reach it claims nothing for `GRACE_MS`
  after that, and the lease is shorter. One that reaches it may claim, so then the lease is not renewed.

Each clock has to run at the same speed, to a fifth. A virtual machine whose clock stands still with it is not covered:
it learns from its next write to the database that another server owns its calls.
"""

from __future__ import annotations

import math

from trunkline.cluster.claim_rules import GRACE_MS, STALE_HEARTBEAT_MS

LEASE_MS = STALE_HEARTBEAT_MS - 500.0
"""The lease by a heartbeat, from the time before it was written."""
PEERS_LEASE_MS = GRACE_MS - 500.0
"""The lease by the other servers that do not reach the database, from the time before they were asked."""
PATIENCE_MS = 1_000.0
"""The time after the lease in which a server that is cut off still waits for the database."""


class Lease:
    """The lease of one server. It is unlimited before the first heartbeat: nobody can know the server's calls."""

    def __init__(self) -> None:
        self.until_ms = math.inf
        """The time at which it runs out."""
        self._peer_reaches_database = False
        self.is_by_peers = False
        """True if the other servers have renewed it: none of them reaches the database."""

    def holds(self, now_ms: float) -> bool:
        """Return whether the server may act for its calls."""
        return now_ms < self.until_ms

    def on_heartbeat(self, begun_ms: float) -> None:
        """Renew the lease: a heartbeat is in the database.

        If the lease had run out, the server has taken its calls again.

        Args:
            begun_ms: a time before the heartbeat was written.
        """
        self.until_ms = begun_ms + LEASE_MS
        self._peer_reaches_database = self.is_by_peers = False

    def on_lock_lost(self) -> None:
        """End the lease: the lock that proves this server's life is free, so that others may claim its calls."""
        self.until_ms = -math.inf

    def on_peers(self, asked_ms: float, *, one_reaches_database: bool) -> None:
        """Renew the lease if no other server reaches the database; this one does not.

        Calls that another server runs have been given up.

        Args:
            asked_ms: a time before the others were asked.
            one_reaches_database: True if at least one of them has just used it.
        """
        self._peer_reaches_database = one_reaches_database
        self.is_by_peers = not one_reaches_database
        if not one_reaches_database:
            self.until_ms = max(self.until_ms, asked_ms + PEERS_LEASE_MS)

    def is_cut_off(self, now_ms: float) -> bool:
        """Return whether to give all calls up: the others reach the database, and this server does not."""
        return self._peer_reaches_database and now_ms >= self.until_ms + PATIENCE_MS

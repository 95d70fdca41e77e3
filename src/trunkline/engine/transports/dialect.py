"""Clients that do not speak GA: what translates for one of them, at the edge of its channel."""

from __future__ import annotations

from typing import Protocol

from trunkline.realtime.events import Event


class Dialect(Protocol):
    """Translates for one client."""

    def up(self, event: Event) -> Event:
        """What the client sent, in GA."""

    def down(self, event: Event) -> Event | None:
        """A GA event for the client, which it leaves as it is; None if its dialect does not have it."""

"""Clients that do not speak GA: what translates for one of them, at the edge of its channel."""

from __future__ import annotations

from typing import Protocol

from trunkline.realtime.events import Event


class Dialect(Protocol):
    """Translates for one client."""

    def up(self, event: Event) -> Event:
        """What the client sent, in GA."""

    def down(self, frame: bytes) -> bytes | None:
        """An encoded GA event for the client; None if its dialect does not have it."""

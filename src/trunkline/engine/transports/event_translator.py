"""Clients that do not speak GA: what translates for one of them, at the edge of its channel."""

from __future__ import annotations

from typing import Protocol

from trunkline.realtime.events import Event


class EventTranslator(Protocol):
    """Translates for one client."""

    def to_ga(self, event: Event) -> Event:
        """What the client sent, in GA."""

    def from_ga(self, event: Event) -> Event | None:
        """A GA event for the client, which it leaves as it is; None if its translator does not have it."""

"""Event translator for clients with another dialect than GA."""

from __future__ import annotations

from typing import Protocol

from trunkline.realtime.events import Event
from trunkline.realtime.validation import InvalidRequest


class EventTranslator(Protocol):
    """Translation of events for one client."""

    def to_ga(self, event: Event) -> Event:
        """Convert a client's event to GA."""

    def refusal(self, event: Event) -> InvalidRequest | None:
        """Return the reason to refuse a client's event, before its conversion, that GA would accept; else None."""

    def from_ga(self, event: Event) -> Event | None:
        """Convert a GA event for the client without modifying it, or return None if the dialect does not have it."""

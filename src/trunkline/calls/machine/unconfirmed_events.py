"""Events for the model that the service has neither confirmed nor refused: session updates, and created items."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trunkline.realtime.client_events import ClientEvent, ItemCreate, SessionUpdate
from trunkline.realtime.events import NewId

CONFIRMATION_WAIT_MS = 1_500.0
"""Time the service has to confirm an agent's session; then the call continues as if it had."""
MAX_UNCONFIRMED = 500
"""Events that are kept, for a service that confirms none."""
_ROOTS = {"session.update": "session", "conversation.item.create": "item"}
"""The first name in an error's `param`, by the type of the event that the error is about."""
RefusableEvent = SessionUpdate | ItemCreate


class UnconfirmedEvents:
    """Session updates and created items, by `event_id` and in the order of sending.

    A service confirms an update by `session.updated`, and an item by `conversation.item.added`.
    """

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._events: dict[str, RefusableEvent] = {}

    def add(self, event: ClientEvent) -> ClientEvent:
        """Keep an event that is about to be sent, and return it with an `event_id`; other events stay as they are."""
        if event["type"] != "session.update" and event["type"] != "conversation.item.create":
            return event
        event_id = event["event_id"] if "event_id" in event else self._new_id("event")
        stamped = event.copy()
        stamped["event_id"] = event_id
        self._events[event_id] = stamped
        if len(self._events) > MAX_UNCONFIRMED:
            del self._events[next(iter(self._events))]
        return stamped

    def on_session_updated(self) -> str | None:
        """Forget the oldest session update, and return its `event_id`."""
        found = self._first(lambda event: event["type"] == "session.update")
        if found is not None:
            del self._events[found]
        return found

    def on_item_added(self, item_id: str) -> None:
        """Forget the item that the service has added."""
        found = self._first(
            lambda event: event["type"] == "conversation.item.create" and event["item"]["id"] == item_id
        )
        if found is not None:
            del self._events[found]

    def take_refused(self, error: Mapping[str, object]) -> RefusableEvent | None:
        """Remove and return the event that an error refuses, None if it refuses no event of these.

        An error that names no event refuses the oldest one to which its `param` belongs.
        """
        event_id, param = error.get("event_id"), error.get("param")
        if isinstance(event_id, str):
            return self._events.pop(event_id, None)
        root = param.partition(".")[0] if isinstance(param, str) else None
        found = self._first(lambda event: _ROOTS[event["type"]] == root)
        return None if found is None else self._events.pop(found)

    def clear(self) -> None:
        """Forget all events: their session is lost."""
        self._events.clear()

    def _first(self, is_meant: Callable[[RefusableEvent], bool]) -> str | None:
        return next((event_id for event_id, event in self._events.items() if is_meant(event)), None)

"""Conversation items that were sent and not acknowledged, so that a resumed session gets them again."""

from __future__ import annotations

from trunkline.realtime.client_events import ClientEvent
from trunkline.realtime.events import Event, decode, encode

MAX_UNACKED = 200
"""Items that are kept, for a service that acknowledges none."""
_RESEND_PREFIX = "again_"
_ACKNOWLEDGEMENTS = ("conversation.item.added", "conversation.item.created", "conversation.item.done")


def created_item_id(event: ClientEvent) -> str | None:
    """Return the id of the item that a `conversation.item.create` creates, None for any other event."""
    return event["item"]["id"] if event["type"] == "conversation.item.create" else None


class UnackedItems:
    """Keeps the frames of `conversation.item.create` until the service acknowledges their items.

    A broken connection loses frames that the service has not read. If the session continues on another connection,
    they are sent again. The client chooses the items' ids, so the service refuses an item that it has already.
    """

    def __init__(self) -> None:
        self._frames: dict[str, str] = {}
        """The frame of each sent item, by item id."""

    def on_sent(self, item_id: str, frame: str) -> None:
        """Keep the frame that creates an item, now that the connection has taken it."""
        self._frames[item_id] = frame
        if len(self._frames) > MAX_UNACKED:
            del self._frames[next(iter(self._frames))]

    def on_received(self, event: Event) -> None:
        """Forget an item that the service's event acknowledges."""
        item = event.get("item")
        if event["type"] in _ACKNOWLEDGEMENTS and isinstance(item, dict):
            self._frames.pop(str(item.get("id")), None)

    def take_for_resend(self) -> list[tuple[str, str]]:
        """Remove and return the frames to send first when a session resumes, each with its item id, in order."""
        frames = [(_with_resend_id(frame, item_id), item_id) for item_id, frame in self._frames.items()]
        self._frames.clear()
        return frames

    @staticmethod
    def is_duplicate_error(event: Event) -> bool:
        """Return whether the service refuses an item sent again, because it has the item already."""
        error = event.get("error")
        event_id = error.get("event_id") if event["type"] == "error" and isinstance(error, dict) else None
        return isinstance(event_id, str) and event_id.startswith(_RESEND_PREFIX)

    def clear(self) -> None:
        """Forget all items, since another session has begun."""
        self._frames.clear()


def _with_resend_id(frame: str, item_id: str) -> str:
    """Add an `event_id` to the frame, by which `is_duplicate_error` recognises an error about it."""
    return encode({**decode(frame.encode()), "event_id": _RESEND_PREFIX + item_id}).decode()

"""Items that were sent into a session and that the service has not told of: what may have been lost on its way."""

from __future__ import annotations

from trunkline.realtime.events import Event, decode, encode

MAX_UNACKED = 200
"""A service that never tells of items does not grow us."""
_AGAIN = "again_"
_TOLD = ("conversation.item.added", "conversation.item.created", "conversation.item.done")


class UnackedItems:
    """Remembers the frames of `conversation.item.create` until the service tells of their items.

    A connection that breaks takes with it what was sent and not read yet. Where the session goes on, on another
    connection, it must be sent once more; the items have ids of ours, so that none is taken twice.
    """

    def __init__(self) -> None:
        self._to_send: dict[str, str] = {}
        self._sent: dict[str, str] = {}

    def will_send(self, event: Event, frame: str) -> None:
        """An event is on its way out, as this frame."""
        item = event.get("item")
        if event["type"] == "conversation.item.create" and isinstance(item, dict) and item.get("id"):
            self._to_send[frame] = str(item["id"])

    def sent(self, frame: str) -> None:
        """A frame was handed to the connection."""
        item_id = self._to_send.pop(frame, None)
        if item_id is None:
            return
        self._sent[item_id] = frame
        if len(self._sent) > MAX_UNACKED:
            del self._sent[next(iter(self._sent))]

    def told(self, event: Event) -> None:
        """The service has sent an event."""
        item = event.get("item")
        if event["type"] in _TOLD and isinstance(item, dict):
            self._sent.pop(str(item.get("id")), None)

    def again(self) -> list[str]:
        """The session goes on with another connection: the frames to be sent first, in their order."""
        frames = {_named(frame, item_id): item_id for item_id, frame in self._sent.items()}
        self._to_send.update(frames)
        self._sent.clear()
        return list(frames)

    @staticmethod
    def had_arrived(event: Event) -> bool:
        """Whether the service refuses an item that it was sent again, because it has it already."""
        error = event.get("error")
        event_id = error.get("event_id") if event["type"] == "error" and isinstance(error, dict) else None
        return isinstance(event_id, str) and event_id.startswith(_AGAIN)

    def forget(self) -> None:
        """Another session has begun."""
        self._to_send.clear()
        self._sent.clear()


def _named(frame: str, item_id: str) -> str:
    """The frame with a name of its own, by which an error about it can be told."""
    return encode({**decode(frame.encode()), "event_id": _AGAIN + item_id}).decode()

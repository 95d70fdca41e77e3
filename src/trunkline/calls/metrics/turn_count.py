"""The number of a caller's turns in a call."""

from __future__ import annotations

from trunkline.calls import log_events


class TurnCount:
    """Count of the caller's turns: understood utterances, and typed messages.

    Give it every `MessageAdded` and `MessageDone` of the call's log, in order.

    Attributes:
        turns: the turns so far.
    """

    def __init__(self) -> None:
        self.turns = 0
        self._hidden: set[str] = set()

    def on_added(self, event: log_events.MessageAdded) -> None:
        """Remember a message that nobody said."""
        if event.hidden:
            self._hidden.add(event.item_id)

    def on_done(self, event: log_events.MessageDone) -> None:
        """Count a caller's message, unless nobody said it, or it was no words or a backchannel."""
        if event.role == "user" and event.item_id not in self._hidden:
            self.turns += event.status not in ("ignored", "inaudible")

    def is_hidden(self, item_id: str) -> bool:
        """Return whether nobody said this message, such as the greeting's "hi"."""
        return item_id in self._hidden

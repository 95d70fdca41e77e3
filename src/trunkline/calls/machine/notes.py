"""Notes of the call to the model: system messages that the caller does not see."""

from __future__ import annotations

from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.transcript import Transcript, system_item


class Notes:
    """The notes of one call."""

    def __init__(self, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript

    def add(self, text: str) -> str:
        """Add a note to the conversation, and return the id of its item."""
        item_id = self._outbox.new_id("item")
        self._outbox.log_all(self._transcript.add_note(item_id, text))
        self._outbox.send({"type": "conversation.item.create", "item": system_item(item_id, text)})
        return item_id

    def instruct(self, text: str) -> None:
        """Add a note, and request a response to it."""
        item_id = self.add(text)
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

"""The words of spoken turns: awaited, told to the client if it asked for them, and given to the brain in any case."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.engine.session.outbox import Outbox
from trunkline.realtime.conversation import Conversation
from trunkline.realtime.events import Item


@dataclass(frozen=True)
class _PendingTranscript:
    ms: int
    shown: bool
    content_index: int


class Transcription:
    """What was recognised, by the id of the item whose sound it is.

    A client that asked for no transcription sees none, and the item it may retrieve carries none.
    """

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._pending: dict[str, _PendingTranscript] = {}
        self._texts: dict[str, tuple[int, str]] = {}

    @property
    def pending(self) -> bool:
        """Whether the words of any turn are still to come."""
        return bool(self._pending)

    def expect(self, item_id: str, ms: int, *, shown: bool, content_index: int = 0) -> None:
        """`ms` milliseconds of sound are in the conversation; its words will come."""
        self._pending[item_id] = _PendingTranscript(ms, shown, content_index)

    def is_pending(self, item_id: str) -> bool:
        """Whether the words of that item are still to come."""
        return item_id in self._pending

    def forget(self, item_id: str) -> bool:
        """The item is gone; True if its words were still awaited."""
        self._texts.pop(item_id, None)
        return self._pending.pop(item_id, None) is not None

    def on_completed(self, item_id: str, words: str) -> None:
        """The words of a turn have come; those of a turn nobody awaits are dropped."""
        awaited = self._pending.pop(item_id, None)
        if awaited is None or item_id not in self._conversation:
            return
        self._texts[item_id] = (awaited.content_index, words)
        if not awaited.shown:
            return
        self._conversation.get(item_id)["content"][awaited.content_index]["transcript"] = words
        where = {"item_id": item_id, "content_index": awaited.content_index}
        kind = "conversation.item.input_audio_transcription"
        if words:
            self._outbox.send(f"{kind}.delta", **where, delta=words)
        usage = {"type": "duration", "seconds": awaited.ms / 1000}
        self._outbox.send(f"{kind}.completed", **where, transcript=words, usage=usage)

    def on_failed(self, item_id: str, message: str) -> None:
        """The words will not come; the turn stays without them."""
        awaited = self._pending.pop(item_id, None)
        if awaited is not None and awaited.shown and item_id in self._conversation:
            self._outbox.send(
                "conversation.item.input_audio_transcription.failed",
                item_id=item_id,
                content_index=awaited.content_index,
                error={
                    "type": "transcription_error",
                    "code": "transcription_failed",
                    "message": message,
                    "param": None,
                },
            )

    def with_transcript(self, item: Item) -> Item:
        """A copy of the item for the brain: its sound replaced by its words."""
        copied = dict(item)
        if "content" in item:
            copied["content"] = [dict(part) for part in item["content"]]
        if item["id"] in self._texts:
            index, words = self._texts[item["id"]]
            copied["content"][index]["transcript"] = words
        return copied

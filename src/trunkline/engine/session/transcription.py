"""Transcripts of the caller's audio, for the brain and for clients that asked for transcription."""

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
    """Transcripts by item id.

    A client without transcription settings gets no transcript, neither in events nor in retrieved items.
    """

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._pending: dict[str, _PendingTranscript] = {}
        self._texts: dict[str, tuple[int, str]] = {}

    @property
    def pending(self) -> bool:
        """True while any transcript is expected."""
        return bool(self._pending)

    def expect(self, item_id: str, ms: int, *, shown: bool, content_index: int = 0) -> None:
        """Expect the transcript of an item.

        Args:
            ms: duration of the item's audio.
            shown: True if clients get the transcript.
        """
        self._pending[item_id] = _PendingTranscript(ms, shown, content_index)

    def is_pending(self, item_id: str) -> bool:
        """Return whether the transcript of an item is still expected."""
        return item_id in self._pending

    def forget(self, item_id: str) -> bool:
        """Forget an item. Return True if its transcript was still expected."""
        self._texts.pop(item_id, None)
        return self._pending.pop(item_id, None) is not None

    def on_completed(self, item_id: str, text: str) -> None:
        """Store a transcript and send it to the clients. A transcript that is no longer expected is dropped."""
        pending = self._pending.pop(item_id, None)
        if pending is None or item_id not in self._conversation:
            return
        self._texts[item_id] = (pending.content_index, text)
        if not pending.shown:
            return
        self._conversation.get(item_id)["content"][pending.content_index]["transcript"] = text
        ids = {"item_id": item_id, "content_index": pending.content_index}
        kind = "conversation.item.input_audio_transcription"
        if text:
            self._outbox.send(f"{kind}.delta", **ids, delta=text)
        usage = {"type": "duration", "seconds": pending.ms / 1000}
        self._outbox.send(f"{kind}.completed", **ids, transcript=text, usage=usage)

    def on_failed(self, item_id: str, message: str) -> None:
        """Stop expecting a transcript, and send the failure to the clients."""
        pending = self._pending.pop(item_id, None)
        if pending is not None and pending.shown and item_id in self._conversation:
            self._outbox.send(
                "conversation.item.input_audio_transcription.failed",
                item_id=item_id,
                content_index=pending.content_index,
                error={
                    "type": "transcription_error",
                    "code": "transcription_failed",
                    "message": message,
                    "param": None,
                },
            )

    def with_transcript(self, item: Item) -> Item:
        """Return a copy of the item for the brain, with its transcript."""
        copied = dict(item)
        if "content" in item:
            copied["content"] = [dict(part) for part in item["content"]]
        if item["id"] in self._texts:
            index, text = self._texts[item["id"]]
            copied["content"][index]["transcript"] = text
        return copied

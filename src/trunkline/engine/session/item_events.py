"""Client events on conversation items: create, retrieve, delete and truncate."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.engine.brains import BrainRequest
from trunkline.engine.session import items
from trunkline.engine.session.configuration import Configuration, recogniser_prompt
from trunkline.engine.session.effects import AbandonUtterance, FeedUtterance, FinishUtterance, OpenUtterance
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.transcription import Transcription
from trunkline.realtime import validation
from trunkline.realtime.audio import AudioFormat
from trunkline.realtime.conversation import ContentAudio, Conversation, ConversationError
from trunkline.realtime.events import Event, Item, encode
from trunkline.realtime.validation import InvalidRequest

MAX_ITEMS = 5000
MAX_ITEM_BYTES = 32 << 20
"""Limit for the text and images that clients add to a conversation, without audio."""

_ITEM_FAULTS = {
    "conversation.item.retrieve": ("item_retrieve_invalid_item_id", "Error retrieving item"),
    "conversation.item.delete": ("item_delete_invalid_item_id", "Error deleting item"),
    "conversation.item.truncate": ("item_truncate_invalid_item_id", "Error truncating item"),
}


class ItemEvents:
    """Handler of the `conversation.item.*` events.

    Args:
        audio_format: returns the current input audio format.
        configuration: returns the session's current configuration.
        request: returns a brain request with the conversation so far, for the recogniser's grammar.
        truncate_later: called first for each truncation. Returns True if the message is still being produced; it is
            then truncated when it is complete.
        takes_images: False refuses images in messages.
    """

    def __init__(
        self,
        conversation: Conversation,
        outbox: Outbox,
        transcription: Transcription,
        *,
        audio_format: Callable[[], AudioFormat],
        configuration: Callable[[], Configuration],
        request: Callable[[], BrainRequest],
        truncate_later: Callable[[str, int], bool],
        takes_images: bool = True,
    ) -> None:
        self._takes_images = takes_images
        self._conversation = conversation
        self._outbox = outbox
        self._transcription = transcription
        self._format = audio_format
        self._configuration = configuration
        self._request = request
        self._truncate_later = truncate_later
        self._sizes: dict[str, int] = {}

    def create(self, event: Event) -> None:
        """Add an item that a client sends with `conversation.item.create`."""
        if "item" not in event:
            raise validation.missing_field("item")
        item = items.new_item(event["item"], self._outbox.new_id)
        if not self._takes_images:
            _refuse_images(item)
        previous = event.get("previous_item_id")
        if previous is not None:
            validation.text(previous, "previous_item_id")
        if len(self._conversation) >= MAX_ITEMS:
            raise InvalidRequest(f"A conversation has at most {MAX_ITEMS} items.", "too_many_items")
        audio_parts = self._take_audio(item)
        size = len(encode(item))
        if sum(self._sizes.values()) + size > MAX_ITEM_BYTES:
            message = f"The items of the clients exceed {MAX_ITEM_BYTES} bytes in total. Delete some."
            raise InvalidRequest(message, "conversation_too_large", "item")
        try:
            after = self._conversation.insert(item, previous)
        except ConversationError as error:
            duplicate = error.code == "duplicate"
            code, param = ("invalid_value", "item.id") if duplicate else ("item_not_found", "previous_item_id")
            raise InvalidRequest(f"Error adding item: {error}", code, param) from None
        self._sizes[item["id"]] = size
        for index, audio in audio_parts.items():
            self._conversation.add_audio(item["id"], index, audio)
        self.send_added_and_done(item, after)
        for index, audio in audio_parts.items():
            self._recognise(item, index, audio)

    def _take_audio(self, item: Item) -> dict[int, ContentAudio]:
        """Move the client's audio out of an item, and return it by content index."""
        audio_parts = {}
        for index, part in enumerate(item.get("content", ())):
            if part["type"] == "input_audio":
                audio = ContentAudio(self._format().ms_to_bytes(1))
                audio.append(items.decode_audio(part.pop("audio"), "item.content.audio"))
                audio_parts[index] = audio
                part.setdefault("transcript", None)
        return audio_parts

    def _recognise(self, item: Item, index: int, audio: ContentAudio) -> None:
        """Start to recognise audio that a client added, unless the client supplied its transcript."""
        if item["content"][index]["transcript"] is not None or self._transcription.is_pending(item["id"]):
            return
        settings = self._configuration()["audio"]["input"]
        decoder = self._format().decoder()
        pcm = decoder.feed(bytes(audio.data)) + decoder.flush()
        transcription = settings["transcription"] or {}
        self._transcription.expect(
            item["id"], audio.ms, shown=settings["transcription"] is not None, content_index=index
        )
        prompt = recogniser_prompt(transcription)
        self._outbox.do(OpenUtterance(item["id"], self._request(), transcription.get("language"), prompt))
        self._outbox.do(FeedUtterance(item["id"], pcm))
        self._outbox.do(FinishUtterance(item["id"]))

    def _item_id(self, event: Event) -> str:
        if "item_id" not in event:
            raise validation.missing_field("item_id")
        item_id = validation.text(event["item_id"], "item_id")
        if item_id not in self._conversation:
            code, doing = _ITEM_FAULTS[event["type"]]
            message = f"{doing}: the item with id '{item_id}' does not exist."
            raise InvalidRequest(message, code, "item_id")
        return item_id

    def retrieve(self, event: Event) -> None:
        """Send the item with its audio, for `conversation.item.retrieve`."""
        item, audio_parts = self._conversation.retrieve(self._item_id(event))
        for index, audio in audio_parts.items():
            item["content"][index]["audio"] = items.encode_audio(audio.data) if audio.data else None
        self._outbox.send("conversation.item.retrieved", item=item)

    def delete(self, event: Event) -> None:
        """Delete an item, for `conversation.item.delete`."""
        item_id = self._item_id(event)
        self._conversation.delete(item_id)
        self._sizes.pop(item_id, None)
        if self._transcription.forget(item_id):
            self._outbox.do(AbandonUtterance(item_id))
        self._outbox.send("conversation.item.deleted", item_id=item_id)

    def truncate(self, event: Event) -> None:
        """Remove the unplayed end of a message, for `conversation.item.truncate`."""
        item_id = self._item_id(event)
        for name in ("content_index", "audio_end_ms"):
            if name not in event:
                raise validation.missing_field(name)
        index = validation.integer_between(0, 1 << 31)(event["content_index"], "content_index")
        end_ms = validation.integer_between(0, 1 << 31)(event["audio_end_ms"], "audio_end_ms")
        audio = self._conversation.audio_of(item_id, index)
        try:
            can_defer = audio is not None and end_ms <= audio.ms
            if not (can_defer and self._truncate_later(item_id, end_ms)):
                self._conversation.truncate(item_id, index, end_ms)
        except ConversationError as error:
            code = "invalid_value" if error.code == "too_short" else "unsupported_content_type"
            raise InvalidRequest(str(error), code, "audio_end_ms" if code == "invalid_value" else None) from None
        self._outbox.send("conversation.item.truncated", item_id=item_id, content_index=index, audio_end_ms=end_ms)

    def send_added_and_done(self, item: Item, previous: str | None) -> None:
        """Send both events of a complete item that was added after `previous`."""
        shown = items.without_audio(item)
        self._outbox.send("conversation.item.added", previous_item_id=previous, item=shown)
        self._outbox.send("conversation.item.done", previous_item_id=previous, item=shown)


def _refuse_images(item: Item) -> None:
    for index, part in enumerate(item.get("content") or ()):
        if part["type"] == "input_image":
            message = "This model takes no images: a rehearsal answers to words alone. Use a chat model that can see."
            raise InvalidRequest(message, "invalid_value", f"item.content[{index}]")

"""The `conversation.item.*` events: items created, retrieved, deleted and truncated by clients."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.engine.brains import BrainRequest
from trunkline.engine.session import items, validation
from trunkline.engine.session.configuration import Configuration
from trunkline.engine.session.effects import AbandonUtterance, FeedUtterance, FinishUtterance, OpenUtterance
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.transcription import Transcription
from trunkline.engine.session.validation import InvalidRequest
from trunkline.realtime.audio import AudioFormat
from trunkline.realtime.conversation import ContentAudio, Conversation, ConversationError
from trunkline.realtime.events import Event, Item, copy_json, encode

MAX_ITEMS = 5000
MAX_ITEM_BYTES = 32 << 20
"""Text and images that clients may put into a conversation, without sound."""

_ITEM_FAULTS = {
    "conversation.item.retrieve": ("item_retrieve_invalid_item_id", "Error retrieving item"),
    "conversation.item.delete": ("item_delete_invalid_item_id", "Error deleting item"),
    "conversation.item.truncate": ("item_truncate_invalid_item_id", "Error truncating item"),
}


class ItemEvents:
    """Carries out what clients want of the conversation's items.

    Args:
        audio_format: the format that sound comes in at the moment.
        configuration: the session's, at the moment.
        request: the conversation so far, for the recogniser's grammar.
        truncate_later: asked first when a message is truncated: True if it is still on its way out and will be
            cut once it is done.
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
    ) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._transcription = transcription
        self._format = audio_format
        self._configuration = configuration
        self._request = request
        self._truncate_later = truncate_later
        self._sizes: dict[str, int] = {}

    def create(self, event: Event) -> None:
        """`conversation.item.create`."""
        if "item" not in event:
            raise validation.missing_field("item")
        item = items.new_item(event["item"])
        previous = event.get("previous_item_id")
        if previous is not None:
            validation.text(previous, "previous_item_id")
        if len(self._conversation) >= MAX_ITEMS:
            raise InvalidRequest(f"A conversation has at most {MAX_ITEMS} items.", "too_many_items")
        sounds = self._sounds_of(item)
        size = len(encode(item))
        if sum(self._sizes.values()) + size > MAX_ITEM_BYTES:
            message = f"The items a client creates have at most {MAX_ITEM_BYTES} bytes in all. Delete some."
            raise InvalidRequest(message, "conversation_too_large", "item")
        try:
            after = self._conversation.insert(item, previous)
        except ConversationError as error:
            duplicate = error.code == "duplicate"
            code, param = ("invalid_value", "item.id") if duplicate else ("item_not_found", "previous_item_id")
            raise InvalidRequest(f"Error adding item: {error}", code, param) from None
        self._sizes[item["id"]] = size
        for index, sound in sounds.items():
            self._conversation.add_audio(item["id"], index, sound)
        self.send_added_and_done(item, after)
        for index, sound in sounds.items():
            self._recognise(item, index, sound)

    def _sounds_of(self, item: Item) -> dict[int, ContentAudio]:
        """The sound a client put into an item, taken out of its dict."""
        sounds = {}
        for index, part in enumerate(item.get("content", ())):
            if part["type"] == "input_audio":
                sound = ContentAudio(self._format().ms_to_bytes(1))
                sound.append(items.decode_audio(part.pop("audio"), "item.content.audio"))
                sounds[index] = sound
                part.setdefault("transcript", None)
        return sounds

    def _recognise(self, item: Item, index: int, sound: ContentAudio) -> None:
        """Sound that a client put into the conversation gets its words as well, unless the client brought them."""
        if item["content"][index]["transcript"] is not None or self._transcription.is_pending(item["id"]):
            return
        settings = self._configuration()["audio"]["input"]
        decoder = self._format().decoder()
        pcm = decoder.feed(bytes(sound.data)) + decoder.flush()
        language = (settings["transcription"] or {}).get("language")
        self._transcription.expect(
            item["id"], sound.ms, shown=settings["transcription"] is not None, content_index=index
        )
        self._outbox.do(OpenUtterance(item["id"], self._request(), language))
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
        """`conversation.item.retrieve`: the item with its sound."""
        item, sounds = self._conversation.retrieve(self._item_id(event))
        for index, sound in sounds.items():
            item["content"][index]["audio"] = items.encode_audio(sound.data) if sound.data else None
        self._outbox.send("conversation.item.retrieved", item=item)

    def delete(self, event: Event) -> None:
        """`conversation.item.delete`."""
        item_id = self._item_id(event)
        self._conversation.delete(item_id)
        self._sizes.pop(item_id, None)
        if self._transcription.forget(item_id):
            self._outbox.do(AbandonUtterance(item_id))
        self._outbox.send("conversation.item.deleted", item_id=item_id)

    def truncate(self, event: Event) -> None:
        """`conversation.item.truncate`: what the caller did not hear was not said."""
        item_id = self._item_id(event)
        for name in ("content_index", "audio_end_ms"):
            if name not in event:
                raise validation.missing_field(name)
        index = validation.integer_between(0, 1 << 31)(event["content_index"], "content_index")
        end_ms = validation.integer_between(0, 1 << 31)(event["audio_end_ms"], "audio_end_ms")
        sound = self._conversation.audio_of(item_id, index)
        try:
            going_on = sound is not None and end_ms <= sound.ms
            if not (going_on and self._truncate_later(item_id, end_ms)):
                self._conversation.truncate(item_id, index, end_ms)
        except ConversationError as error:
            code = "invalid_value" if error.code == "too_short" else "unsupported_content_type"
            raise InvalidRequest(str(error), code, "audio_end_ms" if code == "invalid_value" else None) from None
        self._outbox.send("conversation.item.truncated", item_id=item_id, content_index=index, audio_end_ms=end_ms)

    def send_added_and_done(self, item: Item, previous: str | None) -> None:
        """An item that is complete was added after `previous`."""
        shown = items.without_audio(item)
        self._outbox.send("conversation.item.added", previous_item_id=previous, item=copy_json(shown))
        self._outbox.send("conversation.item.done", previous_item_id=previous, item=copy_json(shown))

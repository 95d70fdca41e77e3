"""A conversation: its items in order, and the audio of spoken ones.

Pure and without a clock; the engine keeps one per session. The protocol gives the order of items by the preceding item
(`previous_item_id`): None means "at the end", and `"root"` "at the beginning".
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from trunkline.realtime.events import Item

ROOT = "root"

ConversationErrorCode = Literal["no_such_item", "no_such_previous", "duplicate", "not_spoken", "too_short"]


class ConversationError(ValueError):
    """A change that the conversation does not allow; `code` names the violated rule."""

    def __init__(self, message: str, code: ConversationErrorCode) -> None:
        super().__init__(message)
        self.code: ConversationErrorCode = code


@dataclass
class ContentAudio:
    """The audio of one content part, with marks: the times by which parts of its transcript have been spoken.

    Attributes:
        bytes_per_ms: 48 for PCM16 at 24 kHz, 8 for G.711.
        data: the audio in the session's format; empty once it was dropped to save memory.
        length: the length in bytes, also after the audio was dropped.
    """

    bytes_per_ms: int = 48
    data: bytearray = field(default_factory=bytearray)
    length: int = 0
    _mark_ms: list[int] = field(default_factory=list)
    _mark_ends: list[int] = field(default_factory=list)

    @property
    def ms(self) -> int:
        """The duration in whole milliseconds."""
        return self.length // self.bytes_per_ms

    def append(self, audio: bytes) -> None:
        """Append audio."""
        if len(self.data) == self.length:
            self.data += audio
        self.length += len(audio)

    def mark(self, at_ms: int, text_end: int) -> None:
        """Note that the first `text_end` characters are spoken by `at_ms`. Ignore a mark before the latest one."""
        if self._mark_ends and (text_end <= self._mark_ends[-1] or at_ms < self._mark_ms[-1]):
            return
        self._mark_ms.append(at_ms)
        self._mark_ends.append(text_end)

    def text_end_at(self, ms: int) -> int:
        """Return the number of characters that are spoken after `ms` milliseconds."""
        passed = bisect_right(self._mark_ms, ms)
        return self._mark_ends[passed - 1] if passed else 0

    def cut(self, ms: int) -> None:
        """Keep only the first `ms` milliseconds."""
        length = min(self.length, ms * self.bytes_per_ms)
        del self.data[length:]
        self.length = length
        passed = bisect_right(self._mark_ms, ms)
        del self._mark_ms[passed:], self._mark_ends[passed:]

    def drop(self) -> int:
        """Drop the audio but not its length or marks. Return the freed bytes."""
        freed = len(self.data)
        self.data = bytearray()
        return freed


class Conversation:
    """Items in order, by id. An item is a GA item dict with an `id`.

    Args:
        max_audio_bytes: the limit of kept audio; beyond it the audio of the oldest items is dropped.
    """

    def __init__(self, max_audio_bytes: int = 16 << 20) -> None:
        self.max_audio_bytes = max_audio_bytes
        self._order: list[str] = []
        self._items: dict[str, Item] = {}
        self._audio: dict[str, dict[int, ContentAudio]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    @property
    def last_id(self) -> str | None:
        """The id of the last item; None in an empty conversation."""
        return self._order[-1] if self._order else None

    def previous_id(self, item_id: str) -> str | None:
        """Return the id of the preceding item, None for the first.

        Raises:
            ConversationError: the item does not exist.
        """
        self.get(item_id)
        position = self._order.index(item_id)
        return self._order[position - 1] if position else None

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Insert an item after `previous_item_id`. Return the id of the preceding item, None for the first.

        Raises:
            ConversationError: the item's id is taken, or the previous item does not exist.
        """
        item_id = item["id"]
        if item_id in self._items:
            raise ConversationError(f"There is already an item with the id '{item_id}'.", "duplicate")
        position = self._position_after(previous_item_id)
        self._order.insert(position, item_id)
        self._items[item_id] = item
        return self._order[position - 1] if position else None

    def get(self, item_id: str) -> Item:
        """Return the item itself, not a copy.

        Raises:
            ConversationError: the item does not exist.
        """
        item = self._items.get(item_id)
        if item is None:
            raise ConversationError(f"The item with id '{item_id}' does not exist.", "no_such_item")
        return item

    def retrieve(self, item_id: str) -> tuple[Item, dict[int, ContentAudio]]:
        """Return a copy of the item, and the audio of its parts by content index.

        Raises:
            ConversationError: the item does not exist.
        """
        return copy.deepcopy(self.get(item_id)), self.audio_parts(item_id)

    def delete(self, item_id: str) -> None:
        """Remove an item.

        Raises:
            ConversationError: the item does not exist.
        """
        self.get(item_id)
        self._order.remove(item_id)
        del self._items[item_id]
        self._audio.pop(item_id, None)

    def audio_of(self, item_id: str, content_index: int = 0) -> ContentAudio | None:
        """Return the audio of an item's part, None without audio."""
        return self._audio.get(item_id, {}).get(content_index)

    def audio_parts(self, item_id: str) -> dict[int, ContentAudio]:
        """Return the audio of an item's parts by content index; empty without audio or for an unknown item."""
        return dict(self._audio.get(item_id, {}))

    def add_audio(self, item_id: str, content_index: int, audio: ContentAudio) -> None:
        """Set the audio of an item's part. It may still grow."""
        self._audio.setdefault(item_id, {})[content_index] = audio
        self.trim()

    def trim(self) -> None:
        """Drop the audio of the oldest items until at most `max_audio_bytes` are kept."""
        in_order = [audio for item_id in self._order for audio in self._audio.get(item_id, {}).values()]
        excess = sum(len(audio.data) for audio in in_order) - self.max_audio_bytes
        for audio in in_order:
            if excess <= 0:
                return
            excess -= audio.drop()

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Item:
        """Cut audio and transcript of a spoken assistant message at `audio_end_ms`. Return the item.

        Raises:
            ConversationError: the item does not exist, is not an assistant message with audio, or is shorter.
        """
        item = self.get(item_id)
        audio = self.audio_of(item_id, content_index)
        if item.get("role") != "assistant" or audio is None:
            raise ConversationError("Only model output audio messages can be truncated", "not_spoken")
        if audio_end_ms > audio.ms:
            raise ConversationError(
                f"Audio content of {audio.ms}ms is already shorter than {audio_end_ms}ms", "too_short"
            )
        part = item["content"][content_index]
        text_end = audio.text_end_at(audio_end_ms)
        part["transcript"] = (part.get("transcript") or "")[:text_end]
        audio.cut(audio_end_ms)
        return item

    def _position_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._order)
        if previous_item_id == ROOT:
            return 0
        if previous_item_id not in self._items:
            raise ConversationError(
                f"The previous item with id '{previous_item_id}' does not exist.", "no_such_previous"
            )
        return self._order.index(previous_item_id) + 1

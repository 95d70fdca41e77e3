"""A conversation: its items in order, and what was really heard of the spoken ones.

Pure and without a clock. The engine keeps one for each session; a call keeps one to replay into a new link.
Order is told as the protocol tells it: by the item that comes before (`previous_item_id`), where None means
"at the end" and `"root"` "at the very beginning".
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
    """The conversation cannot be changed that way; `fault` says which rule stands against it."""

    def __init__(self, message: str, code: ConversationErrorCode) -> None:
        super().__init__(message)
        self.code: ConversationErrorCode = code


@dataclass
class ContentAudio:
    """The sound of one content part, and when each part of its words had been said.

    Attributes:
        bytes_per_ms: 48 for PCM16 at 24 kHz, 8 for G.711.
        audio: the sound itself, in the wire's format; empty once it was dropped to save memory.
        length: its length in bytes, which outlives `audio`.
    """

    bytes_per_ms: int = 48
    data: bytearray = field(default_factory=bytearray)
    length: int = 0
    _mark_ms: list[int] = field(default_factory=list)
    _mark_ends: list[int] = field(default_factory=list)

    @property
    def ms(self) -> int:
        """How long the sound lasts, in whole milliseconds."""
        return self.length // self.bytes_per_ms

    def append(self, audio: bytes) -> None:
        """More sound at the end."""
        if len(self.data) == self.length:
            self.data += audio
        self.length += len(audio)

    def mark(self, at_ms: int, text_end: int) -> None:
        """By `at_ms`, the first `text_end` characters have been said. Marks come in order; a step back is ignored."""
        if self._mark_ends and (text_end <= self._mark_ends[-1] or at_ms < self._mark_ms[-1]):
            return
        self._mark_ms.append(at_ms)
        self._mark_ends.append(text_end)

    def text_end_at(self, ms: int) -> int:
        """How many characters had been said after `ms` milliseconds."""
        passed = bisect_right(self._mark_ms, ms)
        return self._mark_ends[passed - 1] if passed else 0

    def cut(self, ms: int) -> None:
        """Keeps the first `ms` milliseconds only; nothing happens if it is no longer than that."""
        length = min(self.length, ms * self.bytes_per_ms)
        del self.data[length:]
        self.length = length
        passed = bisect_right(self._mark_ms, ms)
        del self._mark_ms[passed:], self._mark_ends[passed:]

    def drop(self) -> int:
        """Forgets the sound but not its length or its words; returns the bytes set free."""
        freed = len(self.data)
        self.data = bytearray()
        return freed


class Conversation:
    """Items in order, each found by its id. An item is a GA item dict with an `id`.

    Args:
        max_audio_bytes: how much sound is kept in all; beyond it, the sound of the oldest items is dropped.
    """

    def __init__(self, max_audio_bytes: int = 16 << 20) -> None:
        self.max_audio_bytes = max_audio_bytes
        self._order: list[str] = []
        self._items: dict[str, Item] = {}
        self._sounds: dict[str, dict[int, ContentAudio]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    @property
    def last_id(self) -> str | None:
        """The id of the last item, None in an empty conversation."""
        return self._order[-1] if self._order else None

    def previous_id(self, item_id: str) -> str | None:
        """The id of the item before, None for the first.

        Raises:
            ConversationError: there is no such item.
        """
        self.get(item_id)
        position = self._order.index(item_id)
        return self._order[position - 1] if position else None

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Adds an item after `previous_item_id` and returns the id it really follows (None: it is the first).

        Raises:
            ConversationError: the item's id is taken, or the previous item is not there.
        """
        item_id = item["id"]
        if item_id in self._items:
            raise ConversationError(f"There is already an item with the id '{item_id}'.", "duplicate")
        position = self._position_after(previous_item_id)
        self._order.insert(position, item_id)
        self._items[item_id] = item
        return self._order[position - 1] if position else None

    def get(self, item_id: str) -> Item:
        """The item itself, not a copy.

        Raises:
            ConversationError: there is no such item.
        """
        item = self._items.get(item_id)
        if item is None:
            raise ConversationError(f"The item with id '{item_id}' does not exist.", "no_such_item")
        return item

    def retrieve(self, item_id: str) -> tuple[Item, dict[int, ContentAudio]]:
        """A copy of the item, and the sounds of its parts by content index.

        Raises:
            ConversationError: there is no such item.
        """
        return copy.deepcopy(self.get(item_id)), self.audio_parts(item_id)

    def delete(self, item_id: str) -> None:
        """Takes an item out.

        Raises:
            ConversationError: there is no such item.
        """
        self.get(item_id)
        self._order.remove(item_id)
        del self._items[item_id]
        self._sounds.pop(item_id, None)

    def audio_of(self, item_id: str, content_index: int = 0) -> ContentAudio | None:
        """The sound of a part of an item, None where it has none."""
        return self._sounds.get(item_id, {}).get(content_index)

    def audio_parts(self, item_id: str) -> dict[int, ContentAudio]:
        """The sounds of an item's parts by content index; empty where it has none or is not there."""
        return dict(self._sounds.get(item_id, {}))

    def add_audio(self, item_id: str, content_index: int, sound: ContentAudio) -> None:
        """Gives a part of an item its sound. The sound may still grow."""
        self._sounds.setdefault(item_id, {})[content_index] = sound
        self.trim()

    def trim(self) -> None:
        """Drops the sound of the oldest items until no more than `max_audio_bytes` is kept."""
        in_order = [sound for item_id in self._order for sound in self._sounds.get(item_id, {}).values()]
        excess = sum(len(sound.data) for sound in in_order) - self.max_audio_bytes
        for sound in in_order:
            if excess <= 0:
                return
            excess -= sound.drop()

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Item:
        """Cuts sound and transcript of a spoken assistant message to what was heard by `audio_end_ms`.

        Raises:
            ConversationError: no such item, it is no assistant message with sound, or its sound is shorter.
        """
        item = self.get(item_id)
        sound = self.audio_of(item_id, content_index)
        if item.get("role") != "assistant" or sound is None:
            raise ConversationError("Only model output audio messages can be truncated", "not_spoken")
        if audio_end_ms > sound.ms:
            raise ConversationError(
                f"Audio content of {sound.ms}ms is already shorter than {audio_end_ms}ms", "too_short"
            )
        part = item["content"][content_index]
        heard = sound.text_end_at(audio_end_ms)
        part["transcript"] = (part.get("transcript") or "")[:heard]
        sound.cut(audio_end_ms)
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

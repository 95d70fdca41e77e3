"""The conversation as the call knows it: what goes into the log as messages, and what a new link gets replayed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from trunkline.calls.log_events import MessageAdded, MessageDelta, MessageDone, MessageTruncated, Role
from trunkline.realtime.events import Event, Item, text_of
from trunkline.scenario.context import Said

Status = Literal["completed", "interrupted", "inaudible", "failed"]
MessageEvent = MessageAdded | MessageDelta | MessageDone | MessageTruncated


@dataclass
class Message:
    """A message in the making."""

    item_id: str
    role: Role
    agent: str | None = None
    spoken: bool = False
    hidden: bool = False
    text: str = ""
    done: bool = False
    heard_ms: float | None = None


@dataclass
class ToolCall:
    """A function call and its output."""

    item_id: str
    tool_call_id: str
    name: str
    arguments: str
    output: str | None = None
    output_item_id: str | None = None


@dataclass
class Transcript:
    """Messages and tool uses in order. Every method returns the log events it brings about."""

    entries: dict[str, Message | ToolCall] = field(default_factory=dict)

    def message(self, item_id: str) -> Message | None:
        """The message of this id, None if there is none."""
        entry = self.entries.get(item_id)
        return entry if isinstance(entry, Message) else None

    def has_item(self, item_id: str) -> bool:
        """Whether there is an item of this id."""
        return item_id in self.entries or any(
            isinstance(entry, ToolCall) and entry.output_item_id == item_id for entry in self.entries.values()
        )

    def add_missed(self, item: Item, agent: str) -> list[MessageEvent]:
        """A message that was said while nobody listened to the service; it goes before the newest."""
        order = list(self.entries)
        events = self.add_item(item, order[-2] if len(order) > 1 else None, agent)
        if item.get("role") == "assistant":
            return events + self.complete(item, 0.0)
        return events + self.set_caller_text(str(item["id"]), text_of(item))

    def add_typed(self, item_id: str, text: str, *, hidden: bool = False) -> list[MessageEvent]:
        """The caller typed something."""
        self.entries[item_id] = Message(item_id, "user", hidden=hidden, text=text, done=True)
        return [
            MessageAdded(item_id=item_id, role="user", hidden=hidden),
            MessageDone(item_id=item_id, role="user", text=text),
        ]

    def add_note(self, item_id: str, text: str) -> list[MessageEvent]:
        """Something is told to the model alone."""
        self.entries[item_id] = Message(item_id, "system", hidden=True, text=text, done=True)
        return [
            MessageAdded(item_id=item_id, role="system", hidden=True),
            MessageDone(item_id=item_id, role="system", text=text),
        ]

    def add_item(self, item: Item, previous_item_id: str | None, agent: str) -> list[MessageEvent]:
        """The service has a new item; ours are known already, and so may those be that a response announced."""
        item_id = item.get("id")
        role = item.get("role")
        if not isinstance(item_id, str) or item_id in self.entries or role not in ("user", "assistant"):
            return []
        speaker = agent if role == "assistant" else None
        spoken = role == "assistant" or any(
            isinstance(part, dict) and part.get("type") == "input_audio" for part in item.get("content") or ()
        )
        self._insert(Message(item_id, role, speaker, spoken), previous_item_id)
        return [
            MessageAdded(item_id=item_id, role=role, previous_item_id=previous_item_id, agent=speaker, spoken=spoken)
        ]

    def append_delta(self, item_id: str, text: str) -> list[MessageEvent]:
        """More words of a message."""
        message = self.message(item_id)
        if message is None or message.done or not text:
            return []
        message.text += text
        return [MessageDelta(item_id=message.item_id, text=text)]

    def set_caller_text(self, item_id: str, text: str | None) -> list[MessageEvent]:
        """The caller's spoken words were recognised; None if the recogniser failed."""
        message = self.message(item_id)
        if message is None or message.role != "user":
            return []
        message.text, message.done = (text or "").strip(), True
        status: Status = "failed" if text is None else "completed" if message.text else "inaudible"
        return [MessageDone(item_id=message.item_id, role=message.role, text=message.text, status=status)]

    def complete(self, item: Item, total_ms: float) -> list[MessageEvent]:
        """An agent's message is complete, or as complete as it gets; its sound is `total_ms` long."""
        message = self.message(str(item.get("id")))
        if message is None or message.done or message.role != "assistant":
            return []
        message.text = text_of(item) or message.text
        return self._close(message, "completed" if item.get("status") == "completed" else "interrupted", total_ms)

    def close_open(
        self,
        total_ms: Callable[[str], float],
        *,
        roles: Collection[str] = ("assistant", "user"),
        but: Collection[str] = (),
    ) -> list[MessageEvent]:
        """What was being said stays as it is, `but` for some: the response is over, or the link is gone.

        Words of the caller that have not been recognised by now never will be.
        """
        events: list[MessageEvent] = []
        for item_id, message in self.entries.items():
            if isinstance(message, Message) and not message.done and message.role in roles and item_id not in but:
                status: Status = "interrupted" if message.role == "assistant" else "failed"
                events += self._close(message, status, total_ms(message.item_id))
        return events

    def rename_item(self, item_id: str, new_id: str) -> None:
        """A session that took another's place has heard the caller's message again, and knows it by an id of its own,
        by which it is replayed as well. In the log it stays what it was."""
        self.entries = {new_id if known == item_id else known: entry for known, entry in self.entries.items()}

    def logged_id(self, item_id: str) -> str:
        """What the log calls an item of the service."""
        entry = self.entries.get(item_id)
        return entry.item_id if entry is not None else item_id

    def _close(self, message: Message, status: Status, total_ms: float) -> list[MessageEvent]:
        message.done = True
        events: list[MessageEvent] = [
            MessageDone(item_id=message.item_id, role=message.role, text=message.text, status=status)
        ]
        if message.heard_ms is not None:
            events += self.truncate(message.item_id, message.heard_ms, total_ms)
        return events

    def truncate(self, item_id: str, heard_ms: float, total_ms: float) -> list[MessageEvent]:
        """The caller heard only the beginning of a message whose sound is `total_ms` long.

        The service cuts its transcript without telling how, so the words are cut in proportion to the time, at a
        word; if they are still coming, once all are there.
        """
        message = self.message(item_id)
        if message is None:
            return []
        if not message.done:
            message.heard_ms = heard_ms
            return []
        share = heard_ms / total_ms if total_ms > 0 else 0.0
        if share < 1.0:
            cut = message.text[: round(len(message.text) * share)]
            whole_words = cut if message.text[len(cut) : len(cut) + 1] in ("", " ") else cut.rpartition(" ")[0]
            message.text = whole_words.rstrip()
        return [MessageTruncated(item_id=item_id, heard_ms=round(heard_ms), text=message.text)]

    def add_tool_call(self, item: Item) -> None:
        """The model called a function."""
        item_id = str(item["id"])
        self.entries[item_id] = ToolCall(item_id, item["call_id"], item["name"], item.get("arguments") or "{}")

    def set_tool_output(self, tool_call_id: str, output: str, output_item_id: str) -> None:
        """A function's output was sent."""
        for entry in self.entries.values():
            if isinstance(entry, ToolCall) and entry.tool_call_id == tool_call_id:
                entry.output, entry.output_item_id = output, output_item_id

    def history(self) -> list[Said]:
        """The messages so far, for tools."""
        return [
            Said(entry.role, entry.text, entry.agent)
            for entry in list(self.entries.values())  # tools may ask from a thread of their own
            if isinstance(entry, Message) and entry.text and not entry.hidden
        ]

    def replay_events(self) -> list[Event]:
        """The events that give the conversation to a new link. Item ids are kept; the output of a tool that still
        runs will follow."""
        return [
            {"type": "conversation.item.create", "item": item}
            for item_id, entry in self.entries.items()
            for item in _items(item_id, entry)
        ]

    def _insert(self, message: Message, previous_item_id: str | None) -> None:
        """Puts a message behind the one it follows: speech is often added when its answer already runs."""
        ids = list(self.entries)
        position = ids.index(previous_item_id) + 1 if previous_item_id in self.entries else len(ids)
        later = {item_id: self.entries.pop(item_id) for item_id in ids[position:]}
        self.entries[message.item_id] = message
        self.entries.update(later)


def _items(item_id: str, entry: Message | ToolCall) -> list[Item]:
    if isinstance(entry, Message):
        if not entry.text:
            return []
        kind = "output_text" if entry.role == "assistant" else "input_text"
        content = [{"type": kind, "text": entry.text}]
        return [{"id": item_id, "type": "message", "role": entry.role, "content": content}]
    call: Item = {
        "id": item_id,
        "type": "function_call",
        "call_id": entry.tool_call_id,
        "name": entry.name,
        "arguments": entry.arguments,
    }
    if entry.output is None or entry.output_item_id is None:
        return [call]
    return [call, tool_output_item(entry.output_item_id, entry.tool_call_id, entry.output)]


def user_item(item_id: str, text: str) -> Item:
    """A typed message of the caller as an item."""
    return {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def system_item(item_id: str, text: str) -> Item:
    """Something for the model alone as an item."""
    return {"id": item_id, "type": "message", "role": "system", "content": [{"type": "input_text", "text": text}]}


def tool_output_item(item_id: str, tool_call_id: str, output: str) -> Item:
    """A function's output as an item."""
    return {"id": item_id, "type": "function_call_output", "call_id": tool_call_id, "output": output}

"""Transcript of the conversation: messages for the log, and the items to replay to a new session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trunkline.calls.log_events import MessageAdded, MessageDelta, MessageDone, MessageTruncated, Phase, Role
from trunkline.realtime.client_events import (
    ClientItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    ImagePart,
    ItemCreate,
    MessageItem,
    TextPart,
)
from trunkline.realtime.events import Item, text_of
from trunkline.scenario.context import HistoryMessage

Status = Literal["completed", "interrupted", "inaudible", "failed", "ignored"]
_PHASES: Mapping[str, Phase] = {"commentary": "commentary", "final_answer": "final_answer"}
MessageEvent = MessageAdded | MessageDelta | MessageDone | MessageTruncated


@dataclass
class Message:
    """A message of the conversation.

    Attributes:
        spoken: true if it is speech, of the caller or of an agent.
        hidden: true if pages do not show it.
        done: true if its text is final.
        heard_ms: the part that the caller heard, if it was truncated before its text was final.
        committed: false for speech in progress, whose item the session has not added yet.
        ignored: true if it is the caller's backchannel: it is not part of the conversation.
        images: the images of a message of the caller, as data URLs.
        resent: true if a new session gets the audio again: its partial words would repeat those in the log.
        whole_text: the text before it was truncated; empty if it was not.
    """

    item_id: str
    role: Role
    agent: str | None = None
    spoken: bool = False
    hidden: bool = False
    text: str = ""
    done: bool = False
    heard_ms: float | None = None
    committed: bool = True
    ignored: bool = False
    resent: bool = False
    whole_text: str = ""
    images: tuple[str, ...] = ()


@dataclass
class ToolCall:
    """A tool call and its output."""

    item_id: str
    tool_call_id: str
    name: str
    arguments: str
    output: str | None = None
    output_item_id: str | None = None


@dataclass
class Transcript:
    """Messages and tool calls in order, by item id. Methods that change messages return the events for the log."""

    entries: dict[str, Message | ToolCall] = field(default_factory=dict)
    _perhaps_open: set[str] = field(default_factory=set)
    """Ids of all messages that are not done, and of some that are: a long call has thousands of messages."""

    def message(self, item_id: str) -> Message | None:
        """Return the message of this id, or None."""
        entry = self.entries.get(item_id)
        return entry if isinstance(entry, Message) else None

    def has_item(self, item_id: str) -> bool:
        """Return whether an item of this id is known, also as the output of a tool call."""
        return item_id in self.entries or any(
            isinstance(entry, ToolCall) and entry.output_item_id == item_id for entry in self.entries.values()
        )

    def recent_id(self, number: int) -> str | None:
        """Return the id of the newest entry (1), of the one before it (2), or None if there are not so many."""
        return list(self.entries)[-number] if len(self.entries) >= number else None

    def resume(self, entries: dict[str, Message | ToolCall]) -> None:
        """Continue the conversation of a call of another server."""
        self.entries = entries
        self._perhaps_open = set(entries)

    def resume_session(self, item_ids: Collection[str]) -> None:
        """Continue in a session that has items of these ids. It may not have the caller's unfinished speech."""
        for entry in self.entries.values():
            if isinstance(entry, Message) and not entry.done:
                entry.committed = entry.role != "user" or entry.item_id in item_ids

    def add_typed(
        self, item_id: str, text: str, *, hidden: bool = False, images: Sequence[str] = ()
    ) -> list[MessageEvent]:
        """Add a message that the caller typed, with the images that they show: data URLs."""
        message = Message(item_id, "user", hidden=hidden, text=text, done=True, images=tuple(images))
        self.entries[item_id] = message
        return [
            MessageAdded(item_id=item_id, role="user", hidden=hidden, images=message.images),
            MessageDone(item_id=item_id, role="user", text=text),
        ]

    def add_note(self, item_id: str, text: str) -> list[MessageEvent]:
        """Add a system message that the caller does not see."""
        self.entries[item_id] = Message(item_id, "system", hidden=True, text=text, done=True)
        return [
            MessageAdded(item_id=item_id, role="system", hidden=True),
            MessageDone(item_id=item_id, role="system", text=text),
        ]

    def add_item(self, item: Item, previous_item_id: str | None, agent: str) -> list[MessageEvent]:
        """Add a message that the service has added; one that is known already is ignored."""
        item_id = item.get("id")
        role = item.get("role")
        if not isinstance(item_id, str) or role not in ("user", "assistant"):
            return []
        if item_id in self.entries:
            self._commit(item_id, previous_item_id)
            return []
        speaker = agent if role == "assistant" else None
        spoken = role == "assistant" or any(
            isinstance(part, dict) and part.get("type") == "input_audio" for part in item.get("content") or ()
        )
        self._insert(item_id, Message(item_id, role, speaker, spoken), previous_item_id)
        self._perhaps_open.add(item_id)
        return [
            MessageAdded(
                item_id=item_id,
                role=role,
                previous_item_id=previous_item_id,
                agent=speaker,
                spoken=spoken,
                phase=_PHASES.get(str(item.get("phase"))),
            )
        ]

    def add_speech(self, item_id: str) -> list[MessageEvent]:
        """Add the message of speech in progress, of which the service has recognised the first words."""
        if item_id in self.entries:
            return []
        self.entries[item_id] = Message(item_id, "user", spoken=True, committed=False)
        self._perhaps_open.add(item_id)
        return [MessageAdded(item_id=item_id, role="user", spoken=True)]

    def close_uncommitted(self, *, but: Collection[str] = ()) -> list[MessageEvent]:
        """Close the messages of speech that the session has dropped, with the words so far.

        Args:
            but: ids of speech that may still become an item.
        """
        events: list[MessageEvent] = []
        for item_id, message in self._open_messages():
            if not (message.committed or item_id in but):
                events += self._close(message, "interrupted", 0.0)
        return events

    def append_delta(self, item_id: str, text: str) -> list[MessageEvent]:
        """Append words to a message."""
        message = self.message(item_id)
        if message is None or message.done or message.resent or not text:
            return []
        message.text += text
        return [MessageDelta(item_id=message.item_id, text=text)]

    def set_caller_text(self, item_id: str, text: str | None) -> list[MessageEvent]:
        """Set the transcription of the caller's speech; None means that it failed."""
        message = self.message(item_id)
        if message is None or message.role != "user" or message.ignored:
            return []
        message.text, message.done = (text or "").strip(), True
        status: Status = "failed" if text is None else "completed" if message.text else "inaudible"
        return [MessageDone(item_id=message.item_id, role=message.role, text=message.text, status=status)]

    def ignore(self, item_id: str, text: str) -> list[MessageEvent]:
        """Take the caller's backchannel out of the conversation. Its message, if it has one, ends with its words."""
        message = self.message(item_id)
        if message is None or message.ignored:
            return []
        message.ignored = message.done = True
        message.text = text or message.text.strip()
        return [MessageDone(item_id=message.item_id, role=message.role, text=message.text, status="ignored")]

    def complete(self, item: Item, duration_ms: float) -> list[MessageEvent]:
        """Complete an agent's message with audio of `duration_ms`; `item` may be incomplete."""
        message = self.message(str(item.get("id")))
        if message is None or message.done or message.role != "assistant":
            return []
        message.text = text_of(item) or message.text
        return self._close(message, "completed" if item.get("status") == "completed" else "interrupted", duration_ms)

    def close_open(
        self,
        duration_ms: Callable[[str], float],
        *,
        roles: Collection[str] = ("assistant", "user"),
        but: Collection[str] = (),
    ) -> list[MessageEvent]:
        """Close the messages that will not be completed, since the response is over or the session is lost.

        Agents' messages become `interrupted`; the caller's, without a transcription, `failed`.

        Args:
            duration_ms: returns the duration of a message's audio by its id.
            roles: close only messages of these roles.
            but: ids of messages to leave open.
        """
        events: list[MessageEvent] = []
        for item_id, message in self._open_messages():
            if message.role in roles and item_id not in but:
                status: Status = "interrupted" if message.role == "assistant" else "failed"
                events += self._close(message, status, duration_ms(message.item_id))
        return events

    def _open_messages(self) -> list[tuple[str, Message]]:
        """Return the messages that are not done, in order, each with its id."""
        found = {item_id: self.message(item_id) for item_id in self._perhaps_open}
        messages = {item_id: message for item_id, message in found.items() if message is not None and not message.done}
        self._perhaps_open = set(messages)
        if len(messages) < 2:
            return list(messages.items())
        return [(item_id, messages[item_id]) for item_id in self.entries if item_id in messages]

    def rename_item(self, item_id: str, new_id: str) -> None:
        """Give the caller's message the id by which a new session knows it; the log keeps the former id."""
        if (message := self.message(item_id)) is not None:
            message.resent = True
            self._perhaps_open.add(new_id)
        self.entries = {new_id if known == item_id else known: entry for known, entry in self.entries.items()}

    def logged_id(self, item_id: str) -> str:
        """Return the id by which the log knows an item of the service."""
        entry = self.entries.get(item_id)
        return entry.item_id if entry is not None else item_id

    def _close(self, message: Message, status: Status, duration_ms: float) -> list[MessageEvent]:
        message.done = True
        events: list[MessageEvent] = [
            MessageDone(item_id=message.item_id, role=message.role, text=message.text, status=status)
        ]
        if message.heard_ms is not None:
            events += self.truncate(message.item_id, message.heard_ms, duration_ms)
        return events

    def truncate(self, item_id: str, heard_ms: float, duration_ms: float) -> list[MessageEvent]:
        """Truncate a message to the `heard_ms` that the caller heard of `duration_ms`.

        The service does not report the words it keeps. So the text is cut at a word, in proportion to the time; if the
        text is not final yet, as soon as it is.
        """
        message = self.message(item_id)
        if message is None:
            return []
        if not message.done:
            message.heard_ms = heard_ms
            return []
        share = heard_ms / duration_ms if duration_ms > 0 else 0.0
        message.whole_text = message.whole_text or message.text
        if share < 1.0:
            cut = message.text[: round(len(message.text) * share)]
            whole_words = cut if message.text[len(cut) : len(cut) + 1] in ("", " ") else cut.rpartition(" ")[0]
            message.text = whole_words.rstrip()
        return [MessageTruncated(item_id=item_id, heard_ms=round(heard_ms), text=message.text)]

    def restore(self, item_id: str, heard_ms: float) -> list[MessageEvent]:
        """Restore a message that was truncated, though the caller has heard all of it."""
        message = self.message(item_id)
        if message is None or not message.done:
            if message is not None:
                message.heard_ms = None
            return []
        message.text = message.whole_text or message.text
        return [MessageTruncated(item_id=item_id, heard_ms=round(heard_ms), text=message.text)]

    def add_tool_call(self, item: Item) -> None:
        """Add a tool call of the model."""
        item_id = str(item["id"])
        self.entries[item_id] = ToolCall(item_id, item["call_id"], item["name"], item.get("arguments") or "{}")

    def set_tool_output(self, tool_call_id: str, output: str, output_item_id: str) -> None:
        """Set the output of a tool call, which was sent as the item `output_item_id`."""
        for entry in reversed(self.entries.values()):
            if isinstance(entry, ToolCall) and entry.tool_call_id == tool_call_id:
                entry.output, entry.output_item_id = output, output_item_id
                return

    def drop_images(self, item_id: str) -> None:
        """Drop the images of a message, which the service refused."""
        if (message := self.message(item_id)) is not None:
            message.images = ()

    def correct_output(self, output_item_id: str, output: str) -> None:
        """Replace the output of a tool call that the service refused."""
        for entry in self.entries.values():
            if isinstance(entry, ToolCall) and entry.output_item_id == output_item_id:
                entry.output = output

    def history(self) -> list[HistoryMessage]:
        """Return the messages so far, for tools."""
        return [
            HistoryMessage(entry.role, entry.text, entry.agent)
            for entry in list(self.entries.values())  # tools may ask from a thread of their own
            if isinstance(entry, Message) and entry.text and entry.committed and not (entry.hidden or entry.ignored)
        ]

    def replay_events(self) -> list[ItemCreate]:
        """Return the events that replay the conversation to a new session, with the same item ids.

        The output of a tool that still runs follows when it has finished.
        """
        return [
            {"type": "conversation.item.create", "item": item}
            for item_id, entry in self.entries.items()
            for item in _items(item_id, entry)
        ]

    def _commit(self, item_id: str, previous_item_id: str | None) -> None:
        """Move the message of speech in progress to the place that its item has in the conversation."""
        message = self.message(item_id)
        if message is None or message.committed:
            return
        message.committed = True
        if previous_item_id in self.entries:
            del self.entries[item_id]
            self._insert(item_id, message, previous_item_id)

    def _insert(self, item_id: str, message: Message, previous_item_id: str | None) -> None:
        """Insert a message after the one it follows: speech is often added after its answer has begun."""
        if previous_item_id not in self.entries or previous_item_id == next(reversed(self.entries)):
            self.entries[item_id] = message
            return
        ids = list(self.entries)
        position = ids.index(previous_item_id) + 1
        later = {later_id: self.entries.pop(later_id) for later_id in ids[position:]}
        self.entries[item_id] = message
        self.entries.update(later)


def _items(item_id: str, entry: Message | ToolCall) -> list[ClientItem]:
    if isinstance(entry, Message):
        is_empty = not entry.text and not entry.images
        if is_empty or not entry.committed or entry.ignored or (entry.role == "user" and not entry.done):
            return []  # a new session gets the audio of the caller's unfinished turn instead
        if entry.images:
            return [user_item(item_id, entry.text, entry.images)]
        part: TextPart = {"type": "output_text" if entry.role == "assistant" else "input_text", "text": entry.text}
        return [{"id": item_id, "type": "message", "role": entry.role, "content": [part]}]
    call: FunctionCallItem = {
        "id": item_id,
        "type": "function_call",
        "call_id": entry.tool_call_id,
        "name": entry.name,
        "arguments": entry.arguments,
    }
    if entry.output is None or entry.output_item_id is None:
        return [call]
    return [call, tool_output_item(entry.output_item_id, entry.tool_call_id, entry.output)]


def user_item(item_id: str, text: str, images: Sequence[str] = ()) -> MessageItem:
    """Return a message of the caller as an item: its images, as data URLs, and its text if there is one."""
    content: list[TextPart | ImagePart] = [{"type": "input_image", "image_url": image} for image in images]
    if text or not images:
        content.append({"type": "input_text", "text": text})
    return {"id": item_id, "type": "message", "role": "user", "content": content}


def system_item(item_id: str, text: str) -> MessageItem:
    """Return a system message as an item."""
    return {"id": item_id, "type": "message", "role": "system", "content": [{"type": "input_text", "text": text}]}


def tool_output_item(item_id: str, tool_call_id: str, output: str) -> FunctionCallOutputItem:
    """Return the output of a tool call as an item."""
    return {"id": item_id, "type": "function_call_output", "call_id": tool_call_id, "output": output}

"""`ConversationCursor`: a position in the messages and tool calls of a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from trunkline.realtime.events import Item, text_of


class CallerMessage(msgspec.Struct, frozen=True):
    """The caller's words; empty if nothing was recognised."""

    text: str


class AgentMessage(msgspec.Struct, frozen=True):
    """An agent's message."""

    text: str

    def begins(self, line: str) -> bool:
        """Return whether the message begins with `line`, or is its beginning because the caller interrupted it."""
        heard, meant = " ".join(self.text.split()), " ".join(line.split())
        return bool(heard) and (heard.startswith(meant) or meant.startswith(heard))


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call, with its output once there is one."""

    name: str
    output: str | None


Entry = CallerMessage | AgentMessage | ToolCall
_E = TypeVar("_E", bound=Entry)


class ConversationCursor:
    """The entries of a conversation, and the position up to which they were passed."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._entries = list(_entries(items))
        self._position = 0
        self.waits_for_tool = False
        self.system_message: str | None = None
        """The application's instruction to the model: the last item, if it is a system message."""
        if items and items[-1].get("role") == "system":
            self.system_message = text_of(items[-1])

    @property
    def at_end(self) -> bool:
        """True if all entries were passed."""
        return self._position >= len(self._entries)

    def pass_opening(self) -> None:
        """Pass the caller's first words, such as the hidden "hi" that requests the greeting."""
        self.take(CallerMessage)

    def pass_all(self) -> None:
        """Pass all entries."""
        self._position = len(self._entries)

    def mark(self) -> int:
        """Return the position, for `return_to`."""
        return self._position

    def return_to(self, mark: int) -> None:
        """Set the position to an earlier one."""
        self._position = mark

    def take(self, kind: type[_E]) -> _E | None:
        """Pass and return the next entry if it is of this kind."""
        if not self.at_end and isinstance(entry := self._entries[self._position], kind):
            self._position += 1
            return entry
        return None

    def seek(self, kind: type[_E]) -> _E | None:
        """Pass all entries up to and including the next one of this kind, and return it.

        Returns:
            None if no such entry follows; all entries are passed then.
        """
        while not self.at_end:
            if (entry := self.take(kind)) is not None:
                return entry
            self._position += 1
        return None

    def seek_reply(self) -> tuple[str, CallerMessage | None]:
        """Pass all entries up to and including the caller's next message.

        Returns:
            the agent's words since the caller's previous message, and the message, if there is one.
        """
        reply = self.seek(CallerMessage)
        spoken: list[str] = []
        place = self._position - (2 if reply else 1)
        while place >= 0 and not isinstance(entry := self._entries[place], CallerMessage):
            if isinstance(entry, AgentMessage):
                spoken.insert(0, entry.text)
            place -= 1
        return " ".join(spoken), reply

    def seek_call(self, name: str) -> ToolCall | None:
        """Pass all entries up to and including the next call of the tool `name`, and return it, if there is one.

        Capitals do not matter: clients write the agents' names in the names of their handoffs differently.
        """
        while (entry := self.seek(ToolCall)) is not None:
            if entry.name.lower() == name.lower():
                return entry
        return None


def _entries(items: Sequence[Item]) -> Iterable[Entry]:
    """Yield the entries. A tool call stands at the place of its output: words before it do not know the result."""
    answered = {item.get("call_id") for item in items if item.get("type") == "function_call_output"}
    names: dict[object, str] = {}
    for item in items:
        kind, call_id = item.get("type"), item.get("call_id")
        if kind == "function_call":
            names[call_id] = str(item.get("name"))
            if call_id not in answered:
                yield ToolCall(names[call_id], None)
        elif kind == "function_call_output" and call_id in names:
            yield ToolCall(names[call_id], str(item.get("output", "")))
        elif kind == "message" and item.get("role") == "user":
            yield CallerMessage(text_of(item))
        elif kind == "message" and item.get("role") == "assistant":
            yield AgentMessage(text_of(item))


def decode_output(output: str) -> object:
    """Return a tool's output decoded from JSON, or the text itself if it is not JSON."""
    try:
        return json.loads(output)
    except ValueError:
        return output

"""A conversation's items as a rehearsal reads them: who spoke, what was called, with a place in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trunkline.realtime.events import Item, text_of


@dataclass(frozen=True)
class CallerMessage:
    """The caller's words; empty when nothing was recognised."""

    text: str


@dataclass(frozen=True)
class AgentMessage:
    """An agent's message."""

    text: str

    def begins(self, line: str) -> bool:
        """Whether this begins with `line`, as far as it was heard: it may have been cut off."""
        heard, meant = " ".join(self.text.split()), " ".join(line.split())
        return bool(heard) and (heard.startswith(meant) or meant.startswith(heard))


@dataclass(frozen=True)
class ToolCall:
    """A tool call, with its output once there is one."""

    name: str
    output: str | None


Entry = CallerMessage | AgentMessage | ToolCall
_E = TypeVar("_E", bound=Entry)


class ConversationCursor:
    """The entries and the place up to which they have been passed."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._entries = list(_entries(items))
        self._place = 0
        self.waits_for_tool = False
        self.system_message: str | None = None
        """What the application has just told the model, in a system message that nothing follows."""
        if items and items[-1].get("role") == "system":
            self.system_message = text_of(items[-1])

    @property
    def at_end(self) -> bool:
        """Whether everything has been passed."""
        return self._place >= len(self._entries)

    def pass_opening(self) -> None:
        """Passes the words that opened the call, such as the greeting's hidden "hi"."""
        self.take(CallerMessage)

    def pass_all(self) -> None:
        """Passes everything."""
        self._place = len(self._entries)

    def mark(self) -> int:
        """The place, to come back to with `return_to`."""
        return self._place

    def return_to(self, mark: int) -> None:
        """Goes back to a place."""
        self._place = mark

    def take(self, kind: type[_E]) -> _E | None:
        """Passes the next entry if it is of this kind."""
        if not self.at_end and isinstance(entry := self._entries[self._place], kind):
            self._place += 1
            return entry
        return None

    def seek(self, kind: type[_E]) -> _E | None:
        """Passes everything up to and including the next entry of this kind; None, and all passed, if none comes."""
        while not self.at_end:
            if (entry := self.take(kind)) is not None:
                return entry
            self._place += 1
        return None

    def seek_call(self, name: str) -> ToolCall | None:
        """Passes everything up to and including the next call of `name`. Words between were not meant for it."""
        while (entry := self.seek(ToolCall)) is not None:
            if entry.name == name:
                return entry
        return None


def _entries(items: Sequence[Item]) -> Iterable[Entry]:
    """A call stands where its output came: what was said in between was said before the result was known."""
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

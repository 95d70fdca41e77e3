"""`Question`: the request to a rehearsed text model."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trunkline.realtime.events import Item, text_of
from trunkline.scenario.moves import call_tool


@dataclass(frozen=True)
class Question:
    """A request to a text model.

    Attributes:
        purpose: the name that `Rehearsal.answers` was given, such as "moderation".
        instructions: the text model's task.
        items: the conversation as GA items: messages, function calls and their outputs.
        tools: the names of the tools that may be called.
        schema: the JSON schema of the answer, if any.
    """

    purpose: str
    instructions: str = ""
    items: Sequence[Item] = ()
    tools: Collection[str] = ()
    schema: Mapping[str, object] | None = None

    @property
    def text(self) -> str:
        """The words of the last user message, or an empty text."""
        users = [item for item in self.items if item.get("role") == "user"]
        return text_of(users[-1]) if users else ""

    def call_tool(self, tool: str, /, **arguments: object) -> AwaitedToolCall:
        """Call a tool and return its result: `await question.call_tool("lookupOrders", phoneNumber=…)`.

        The result is decoded if it is JSON.
        """
        return AwaitedToolCall(call_tool(tool, **arguments))


@dataclass(frozen=True)
class AwaitedToolCall:
    """A tool call that an answer waits for; see `Question.call_tool`."""

    call: call_tool

    def __await__(self) -> Generator[AwaitedToolCall, object, Any]:
        return (yield self)

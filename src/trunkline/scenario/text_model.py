"""Text models: the stronger model beside the voice, which tools and guardrails ask. Providers say who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trunkline.realtime.events import Item


@dataclass(frozen=True)
class TextPrompt:
    """One request to a text model.

    Attributes:
        scenario: the scenario's name.
        purpose: what for, such as "moderation"; a rehearsal answers by it.
        instructions: the model's task.
        items: the conversation as GA items: messages, function calls and their outputs.
        tools: the functions that it may call, as the Responses API writes them.
        schema: the JSON schema that the answer has to fit; None is plain text.
    """

    scenario: str
    purpose: str
    instructions: str
    items: Sequence[Item]
    tools: Sequence[Mapping[str, Any]] = ()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class TextToolCall:
    """A function that the model wants called; `arguments` is its JSON text."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class TextReply:
    """What a text model answered: text, or calls whose outputs it needs first.

    Attributes:
        usage: the `usage` object of the Responses API, as it came.
    """

    text: str
    calls: Sequence[TextToolCall] = ()
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)


class TextModelError(Exception):
    """The text model gave no answer that can be used. The message says why, and what to do.

    Attributes:
        status: the HTTP status that the service answered with; None where it gave none, or answered what is no use.
        retry_after_s: how long the service wants to be left alone, in seconds; None where it does not say.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class TextModel(Protocol):
    """Answers prompts."""

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """The answer to a prompt.

        Raises:
            TextModelError: there is none.
        """

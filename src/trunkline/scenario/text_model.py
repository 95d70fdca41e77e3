"""Text models: the interface to the stronger model that tools and guardrails ask. Providers implement it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from trunkline.realtime.events import Item


@dataclass(frozen=True)
class TextPrompt:
    """One request to a text model.

    Attributes:
        scenario: the scenario's name.
        purpose: the name of the request, such as "moderation"; a rehearsal answers by it.
        instructions: the model's task.
        items: the conversation as GA items: messages, function calls and their outputs.
        tools: the functions that it may call, in the form of the Responses API.
        schema: the JSON schema of the answer; None is plain text.
    """

    scenario: str
    purpose: str
    instructions: str
    items: Sequence[Item]
    tools: Sequence[Mapping[str, object]] = ()
    schema: Mapping[str, object] | None = None


@dataclass(frozen=True)
class TextToolCall:
    """A function call of the model; `arguments` is JSON text."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class TextReply:
    """The answer of a text model: text, or function calls that must be answered first.

    Attributes:
        usage: the `usage` object of the Responses API, unchanged.
    """

    text: str
    calls: Sequence[TextToolCall] = ()
    model: str = ""
    usage: Mapping[str, object] = field(default_factory=dict)


class TextModelError(Exception):
    """The text model gave no usable answer. The message names the problem and the fix.

    Attributes:
        status: the HTTP status of a refusal; None if the service was not reached or its answer was unusable.
        retry_after_s: the pause that the service asks for, in seconds; None if it names none.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class TextModel(Protocol):
    """A model that answers prompts."""

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """Return the answer to a prompt.

        Raises:
            TextModelError: the model gave no usable answer.
        """

"""Text models: the interface to the stronger model that tools and guardrails ask. Providers implement it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from trunkline.realtime.events import Item

TextRole = Literal["text", "moderation", "escalation", "supervision"]
TEXT_ROLES: tuple[TextRole, ...] = get_args(TextRole)


@dataclass(frozen=True)
class TextModelNames:
    """A service's text models by their role; on Azure the names of their deployments.

    Attributes:
        text: the model of a role without a model of its own; None without one.
        moderation: checks of agents' words; a fast model suffices.
        escalation: decisions with consequences; a reasoning model is worth its time.
        supervision: answers on behalf of an agent.
    """

    text: str | None = None
    moderation: str | None = None
    escalation: str | None = None
    supervision: str | None = None

    def find(self, model: str) -> str | None:
        """Return the name for a role, None if it has no model. Any other name is a model's own, and is returned."""
        return self._own(model) or self.text if model in TEXT_ROLES else model

    def own(self) -> dict[TextRole, str]:
        """Return the models by their roles, without the roles that use the text model."""
        return {role: name for role in TEXT_ROLES if (name := self._own(role))}

    def _own(self, role: str) -> str | None:
        name: str | None = getattr(self, role)
        return name


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
        model: the role of the model, or the name of a model of the service.
    """

    scenario: str
    purpose: str
    instructions: str
    items: Sequence[Item]
    tools: Sequence[Mapping[str, object]] = ()
    schema: Mapping[str, object] | None = None
    model: str = "text"


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


class MissingTextModelError(TextModelError):
    """No text model is configured for a request."""


class TextModel(Protocol):
    """A model that answers prompts."""

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """Return the answer to a prompt.

        Raises:
            TextModelError: the model gave no usable answer.
        """

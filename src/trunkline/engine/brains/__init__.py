"""Brains: what decides what the engine says. A chat model behind an endpoint, or a scenario's rehearsal.

A brain keeps no state of its own: each response is asked for with the whole conversation, so that truncating,
deleting and replaying history just work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trunkline.realtime.events import Item


class BrainError(Exception):
    """The brain could not answer; `code` becomes the response's error code, the message its text."""

    def __init__(self, message: str, code: str = "server_error") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class BrainRequest:
    """All a brain may know when it answers.

    Attributes:
        items: the conversation in order, as GA items; spoken messages carry their transcripts, cut at truncation.
        tools: the session's (or response's) GA tool definitions.
        prompt_id, prompt_variables: the session's `prompt`, by which the local provider names scenario and agent.
        parallel_tool_calls: whether one answer may make several function calls; the engine sees to it as well.
        reasoning_effort: how much to think before the answer ("minimal" to "xhigh"); None leaves it to the brain.
    """

    model: str
    instructions: str = ""
    items: Sequence[Item] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    prompt_id: str | None = None
    prompt_variables: Mapping[str, str] = field(default_factory=dict)
    max_output_tokens: int | None = None
    parallel_tool_calls: bool = True
    reasoning_effort: str | None = None


@dataclass(frozen=True)
class TextDelta:
    """More text of the current message. `language` picks the voice's tongue."""

    text: str
    language: str | None = None


@dataclass(frozen=True)
class ToolCallDelta:
    """A function call with (more of) its arguments as JSON text; several with one `tool_call_id` are concatenated."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Usage:
    """Tokens used, where the brain knows. `hit_limit` tells that the answer ended at the limit, not by itself."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    hit_limit: bool = False


BrainOutput = TextDelta | ToolCallDelta | Usage


class Brain(Protocol):
    """Answers requests."""

    def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """What to say and call, as it comes. Closing the iterator cancels the work.

        Raises:
            BrainError: it cannot answer.
        """

    def grammar(self, request: BrainRequest) -> str | None:
        """JSGF text of what the caller may say next, for the recogniser; None where anything may come."""

    async def aclose(self) -> None:
        """Ends the brain. Harmless when done twice."""

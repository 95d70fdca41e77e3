"""Brains: the parts that decide on the engine's answers, such as a chat model or a scenario's rehearsal.

A brain has no state. Each request contains the whole conversation, so that truncated, deleted and replayed history
needs no extra work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from trunkline.realtime.events import Item


class BrainError(Exception):
    """The brain could not answer. `code` becomes the response's error code, and the message its text."""

    def __init__(self, message: str, code: str = "server_error") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class BrainRequest:
    """The whole input of a brain for one answer.

    Attributes:
        items: the conversation in order, as GA items; spoken messages carry their transcripts, cut at truncation.
        tools: the GA tool definitions of the session or the response.
        prompt_id, prompt_variables: the session's `prompt`, in which the local provider names the scenario and the
            agent.
        parallel_tool_calls: False if one answer may have only one function call; the engine also enforces this.
        reasoning_effort: from "minimal" to "xhigh"; None leaves it to the brain.
    """

    model: str
    instructions: str = ""
    items: Sequence[Item] = ()
    tools: Sequence[Mapping[str, object]] = ()
    tool_choice: str | Mapping[str, object] = "auto"
    prompt_id: str | None = None
    prompt_variables: Mapping[str, str] = field(default_factory=dict)
    max_output_tokens: int | None = None
    parallel_tool_calls: bool = True
    reasoning_effort: str | None = None


@dataclass(frozen=True)
class TextDelta:
    """Text to add to the current message.

    Attributes:
        language: the language for speech synthesis.
        speed: the speed of these words, relative to the session's.
    """

    text: str
    language: str | None = None
    speed: float = 1.0


@dataclass(frozen=True)
class ToolCallDelta:
    """A function call, or a part of its JSON arguments. Deltas with the same `tool_call_id` are concatenated."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Usage:
    """Used tokens, if the brain reports them. `hit_limit` is True if the answer ended at the token limit."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    hit_limit: bool = False


BrainOutput = TextDelta | ToolCallDelta | Usage


class Brain(Protocol):
    """Source of answers to requests."""

    def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """Yield the answer in pieces. To close the iterator cancels the work.

        Raises:
            BrainError: the brain cannot answer.
        """

    def grammar(self, request: BrainRequest) -> str | None:
        """Return the JSGF grammar of the caller's next utterance for the recogniser, or None for free speech."""

    async def aclose(self) -> None:
        """Close the brain. A second call has no effect."""


class ReplyExpectation(Protocol):
    """The reply that a brain expects as the caller's next utterance."""

    def is_expected(self, text: str) -> bool:
        """Return whether a text, as a whole, is such a reply. The recogniser prefers it to similar words."""

    def is_complete(self, words: str) -> bool | None:
        """Judge the words of the utterance so far.

        Returns:
            True for a whole reply, False if a part of it is missing, None if nothing is known. The turn ends sooner or
            later accordingly.
        """


@runtime_checkable
class ExpectingBrain(Protocol):
    """A brain that knows the replies that may come next."""

    def expects(self, request: BrainRequest) -> ReplyExpectation:
        """Return the expected reply to the conversation so far."""


@runtime_checkable
class SeeingBrain(Protocol):
    """A brain that knows whether it takes images. Any other one may take them."""

    @property
    def takes_images(self) -> bool:
        """True if it takes images in the caller's messages."""


@runtime_checkable
class PreparingBrain(Protocol):
    """A brain that can also answer a request that may never be made: it costs nothing and changes nothing."""

    def prepare(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """Yield the answer that `respond` would give.

        Raises:
            BrainError: the brain cannot answer.
        """

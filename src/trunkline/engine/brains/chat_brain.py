"""Chat brain: a streaming chat model behind an OpenAI-compatible `/chat/completions` endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING

from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.brains.chat_messages import chat_messages, chat_tool_choice, chat_tools
from trunkline.engine.brains.reasoning_filter import ReasoningFilter
from trunkline.realtime.ids import new_id

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

SILENCE_TIMEOUT_S = 30.0
"""Time limit for the first token, and between two tokens."""

REASONING_OFF: Mapping[str, object] = {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "none"}
"""Fields that switch off the reasoning of local models. If a server rejects them, they are omitted."""


class ChatBrain:
    """Brain that answers with a chat model. The request runs only while the answer is being iterated.

    Args:
        endpoint: the model's endpoint. It ignores the model name of the Realtime client, and outlives the brain.
        options: further fields of the request's body, which replace the default reasoning options.
        silence_timeout_s: time without a token after which the answer fails.
    """

    def __init__(
        self,
        endpoint: ChatEndpoint,
        *,
        options: Mapping[str, object] | None = None,
        silence_timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> None:
        self._endpoint = endpoint
        self._options = options
        self._silence_timeout_s = silence_timeout_s

    async def respond(self, request: BrainRequest) -> AsyncGenerator[BrainOutput, None]:
        """Yield the model's answer, as `Brain.respond`."""
        body = _body(request)
        with self._endpoint.errors(self._silence_timeout_s):
            if self._options is not None:
                stream = await self._endpoint.stream_completion({**body, **self._options}, self._silence_timeout_s)
            else:
                stream = await self._endpoint.stream_completion(
                    body, self._silence_timeout_s, optional_fields=_reasoning_options(request)
                )
            async with stream:
                async for output in _outputs(stream):
                    yield output

    def grammar(self, request: BrainRequest) -> str | None:
        """Return None, because a chat model accepts free speech."""
        return None

    async def aclose(self) -> None:
        """Do nothing. The creator of the endpoint closes it."""


def _body(request: BrainRequest) -> dict[str, object]:
    body: dict[str, object] = {"messages": chat_messages(request), "stream_options": {"include_usage": True}}
    if tools := chat_tools(request):
        body["tools"] = tools
        body["tool_choice"] = chat_tool_choice(request)
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.max_output_tokens is not None:
        body["max_tokens"] = request.max_output_tokens
    return body


def _reasoning_options(request: BrainRequest) -> Mapping[str, object]:
    """Return the reasoning options. Reasoning is off unless the session asks for it, because callers wait."""
    return REASONING_OFF if request.reasoning_effort is None else {"reasoning_effort": request.reasoning_effort}


async def _outputs(stream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[BrainOutput]:
    thinking = ReasoningFilter()
    tool_calls = _ToolCallSequence()
    hit_limit = False
    async for chunk in stream:
        hit_limit = hit_limit or any(choice.finish_reason == "length" for choice in chunk.choices)
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            cached = (details.cached_tokens if details else None) or 0
            yield Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, cached, hit_limit)
        if not chunk.choices:
            continue
        choice = chunk.choices[0]
        if text := thinking.feed(choice.delta.content or ""):
            yield TextDelta(text)
        for piece in choice.delta.tool_calls or ():
            for delta in tool_calls.feed(piece):
                yield delta
        if choice.finish_reason == "content_filter":
            raise BrainError("The chat model's content filter stopped the answer.", "content_filter")
    if text := thinking.flush():
        yield TextDelta(text)
    for delta in tool_calls.flush():
        yield delta


class _ToolCallSequence:
    """Order of streamed function calls: the first is passed on at once, and the others at the end."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._arguments: dict[int, str] = {}
        self._first: int | None = None

    def feed(self, piece: ChoiceDeltaToolCall) -> Iterator[ToolCallDelta]:
        """Add a piece, and yield the deltas that can be passed on."""
        index = self._index_of(piece)
        self._ids.setdefault(index, piece.id or new_id("call"))
        function = piece.function
        if function is not None and function.name:
            self._names.setdefault(index, function.name)
        self._arguments[index] = self._arguments.get(index, "") + ((function.arguments if function else None) or "")
        if self._first is None:
            self._first = index
        if index == self._first and index in self._names:
            yield self._take(index)

    def flush(self) -> Iterator[ToolCallDelta]:
        """Yield the remaining calls."""
        for index in sorted(self._arguments):
            if index in self._names:
                yield self._take(index)

    def _index_of(self, piece: ChoiceDeltaToolCall) -> int:
        """Return the index of a call. Some servers send whole calls without an index, against the type."""
        index: int | None = piece.index
        if index is not None:
            return index
        return len(self._ids) if piece.id is not None else max(len(self._ids) - 1, 0)

    def _take(self, index: int) -> ToolCallDelta:
        return ToolCallDelta(self._ids[index], self._names[index], self._arguments.pop(index))

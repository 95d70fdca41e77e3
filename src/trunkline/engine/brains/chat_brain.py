"""The chat brain: any chat model behind an OpenAI-compatible `/chat/completions` endpoint, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

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
"""Seconds a model may think before its first word, or pause between two."""

REASONING_OFF: Mapping[str, object] = {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "none"}
"""What makes local models answer at once. Servers that do not know these fields refuse them: then they are left out."""


class ChatBrain:
    """Answers with a chat model. The request runs only as long as somebody iterates.

    Args:
        endpoint: where the model is; the name the Realtime client asked for plays no part. It outlives the brain.
        options: further fields of the request's body, instead of those that switch thinking off.
        silence_timeout_s: seconds without any token after which the answer is given up.
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
        """See `Brain.respond`."""
        body = _body(request)
        with self._endpoint.errors(self._silence_timeout_s):
            if self._options is not None:
                stream = await self._endpoint.ask({**body, **self._options}, self._silence_timeout_s)
            else:
                stream = await self._endpoint.ask(
                    body, self._silence_timeout_s, optional_fields=_reasoning_options(request)
                )
            async with stream:
                async for output in _outputs(stream):
                    yield output

    def grammar(self, request: BrainRequest) -> str | None:
        """Anything may be said to a chat model."""
        return None

    async def aclose(self) -> None:
        """Nothing to end: the endpoint belongs to whoever made it."""


def _body(request: BrainRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": chat_messages(request), "stream_options": {"include_usage": True}}
    if tools := chat_tools(request):
        body["tools"] = tools
        body["tool_choice"] = chat_tool_choice(request)
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.max_output_tokens is not None:
        body["max_tokens"] = request.max_output_tokens
    return body


def _reasoning_options(request: BrainRequest) -> Mapping[str, object]:
    """Who talks does not want to wait: there is no thinking, unless the session asks for it."""
    return REASONING_OFF if request.reasoning_effort is None else {"reasoning_effort": request.reasoning_effort}


async def _outputs(stream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[BrainOutput]:
    thinking = ReasoningFilter()
    calls = _ToolCallOrder()
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
            for invoke in calls.feed(piece):
                yield invoke
        if choice.finish_reason == "content_filter":
            raise BrainError("The chat model's content filter stopped the answer.", "content_filter")
    if text := thinking.flush():
        yield TextDelta(text)
    for invoke in calls.flush():
        yield invoke


class _ToolCallOrder:
    """Puts streamed function calls in order: the first goes out as it comes, later ones once it is whole."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._held: dict[int, str] = {}
        self._first: int | None = None

    def feed(self, piece: ChoiceDeltaToolCall) -> Iterator[ToolCallDelta]:
        """What can go out because of one more piece."""
        index = self._index_of(piece)
        self._ids.setdefault(index, piece.id or new_id("call"))
        function = piece.function
        if function is not None and function.name:
            self._names.setdefault(index, function.name)
        self._held[index] = self._held.get(index, "") + ((function.arguments if function else None) or "")
        if self._first is None:
            self._first = index
        if index == self._first and index in self._names:
            yield self._take(index)

    def flush(self) -> Iterator[ToolCallDelta]:
        """The calls that were held back."""
        for index in sorted(self._held):
            if index in self._names:
                yield self._take(index)

    def _index_of(self, piece: ChoiceDeltaToolCall) -> int:
        """Some servers send each call whole and number none of them, whatever the types say."""
        index: int | None = piece.index
        if index is not None:
            return index
        return len(self._ids) if piece.id is not None else max(len(self._ids) - 1, 0)

    def _take(self, index: int) -> ToolCallDelta:
        return ToolCallDelta(self._ids[index], self._names[index], self._held.pop(index))

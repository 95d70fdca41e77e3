"""Chat brain: a streaming chat model behind an OpenAI-compatible `/chat/completions` endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.brains.chat_messages import chat_messages, chat_tool_choice, chat_tools
from trunkline.engine.brains.chat_tool_calls import ToolCallStream, ToolCallText
from trunkline.engine.brains.reasoning_filter import ReasoningFilter

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk

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
                writes_calls = "tools" in body and body["tool_choice"] != "none"
                async for output in _outputs(stream, _TextParts(tool_calls=writes_calls)):
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


async def _outputs(stream: AsyncStream[ChatCompletionChunk], texts: _TextParts) -> AsyncIterator[BrainOutput]:
    tool_calls = ToolCallStream()
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
        for output in texts.feed(choice.delta.content or ""):
            yield output
        for piece in choice.delta.tool_calls or ():
            for delta in tool_calls.feed(piece):
                yield delta
        if choice.finish_reason == "content_filter":
            raise BrainError("The chat model's content filter stopped the answer.", "content_filter")
    for output in texts.flush():
        yield output
    for delta in tool_calls.flush():
        yield delta


class _TextParts:
    """The parts of a model's text: its words, and the calls that it writes. Its reasoning is dropped.

    Args:
        tool_calls: true if the model may call tools.
    """

    def __init__(self, *, tool_calls: bool) -> None:
        self._thinking = ReasoningFilter()
        self._calls = ToolCallText() if tool_calls else None

    def feed(self, piece: str) -> Iterator[BrainOutput]:
        """Add a piece of text, and yield the outputs that are certain."""
        yield from self._parts(self._thinking.feed(piece))

    def flush(self) -> Iterator[BrainOutput]:
        """Yield the rest at the text's end."""
        yield from self._parts(self._thinking.flush())
        if self._calls is not None:
            yield from _as_outputs(self._calls.flush())

    def _parts(self, text: str) -> Iterator[BrainOutput]:
        yield from _as_outputs(self._calls.feed(text) if self._calls is not None else [text])


def _as_outputs(parts: Iterable[str | ToolCallDelta]) -> Iterator[BrainOutput]:
    for part in parts:
        if isinstance(part, ToolCallDelta):
            yield part
        elif part:
            yield TextDelta(part)

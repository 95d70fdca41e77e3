"""The chat brain: any chat model behind an OpenAI-compatible `/chat/completions` endpoint, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, Invoke, Say, Usage
from trunkline.engine.brains.messages import chat_messages, chat_tool_choice, chat_tools
from trunkline.engine.brains.thinking import ThinkingFilter
from trunkline.realtime.events import new_id

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

CONNECT_TIMEOUT = 5.0
SILENCE_TIMEOUT = 30.0
"""Seconds a model may think before its first word, or pause between two."""

NO_THINKING: Mapping[str, object] = {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "none"}
"""What makes local models answer at once. Servers that do not know these fields refuse them: then they are left out."""


class ChatBrain:
    """Answers with a chat model. The request runs only as long as somebody iterates.

    Args:
        base_url: of the API, up to and with `/v1`, as the `openai` client takes it.
        model: what the endpoint calls the model; the name the Realtime client asked for plays no part.
        api_key: None where the endpoint wants none.
        options: further fields of the request's body, instead of those that switch thinking off.
        silence_timeout: seconds without any token after which the answer is given up.
    """

    _without_options: ClassVar[set[tuple[str, str]]] = set()

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        options: Mapping[str, object] | None = None,
        silence_timeout: float = SILENCE_TIMEOUT,
    ) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._options = dict(NO_THINKING if options is None else options)
        self._may_drop_options = options is None
        self._silence_timeout = silence_timeout
        self._client: AsyncOpenAI | None = None

    async def respond(self, request: BrainRequest) -> AsyncGenerator[BrainOutput, None]:
        """See `Brain.respond`."""
        import openai

        try:
            async with await self._ask(request) as stream:
                async for output in _outputs(stream):
                    yield output
        except openai.APITimeoutError as error:
            raise BrainError(self._slow(), "timeout") from error
        except openai.APIConnectionError as error:
            message = f"The chat model at {self._base_url} cannot be reached: check TRUNKLINE_CHAT_BASE_URL."
            raise BrainError(message, "connection_error") from error
        except openai.APIStatusError as error:
            raise self._refused(error.status_code, error.message) from error
        except openai.APIError as error:
            raise BrainError(f"The chat model broke off: {error.message}") from error
        except ValueError as error:
            raise BrainError(f"The chat model sent something that is no JSON: {error}.") from error

    def grammar(self, request: BrainRequest) -> str | None:
        """Anything may be said to a chat model."""
        return None

    async def aclose(self) -> None:
        """See `Brain.aclose`."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ask(self, request: BrainRequest) -> AsyncStream[ChatCompletionChunk]:
        from openai import BadRequestError, UnprocessableEntityError

        key = (self._base_url, self._model)
        if self._may_drop_options and key in self._without_options:
            return await self._create(request, {})
        try:
            return await self._create(request, self._options)
        except (BadRequestError, UnprocessableEntityError):
            if not self._may_drop_options:
                raise
        stream = await self._create(request, {})
        self._without_options.add(key)
        return stream

    async def _create(self, request: BrainRequest, options: Mapping[str, object]) -> AsyncStream[ChatCompletionChunk]:
        body: dict[str, Any] = {"messages": chat_messages(request), "stream_options": {"include_usage": True}}
        if tools := chat_tools(request):
            body["tools"] = tools
            body["tool_choice"] = chat_tool_choice(request)
            if not request.parallel_tool_calls:
                body["parallel_tool_calls"] = False
        if request.max_output_tokens is not None:
            body["max_tokens"] = request.max_output_tokens
        create = self._opened().chat.completions.create
        stream: AsyncStream[ChatCompletionChunk] = await create(
            model=self._model, stream=True, extra_body=dict(options), **body
        )
        return stream

    def _opened(self) -> AsyncOpenAI:
        if self._client is None:
            from openai import AsyncOpenAI, Timeout

            self._client = AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key or "none",
                timeout=Timeout(self._silence_timeout, connect=CONNECT_TIMEOUT),
                max_retries=1,
            )
        return self._client

    def _slow(self) -> str:
        return f"The chat model {self._model} said nothing for {self._silence_timeout:g} s."

    def _refused(self, status: int, message: str) -> BrainError:
        if self._api_key:
            message = message.replace(self._api_key, "…")  # some servers repeat the key that they refuse
        if status in (401, 403):
            return BrainError(
                f"The chat model refused the key: check TRUNKLINE_CHAT_API_KEY. {message}", "invalid_api_key"
            )
        if status == 404:
            return BrainError(
                f"There is no chat model {self._model} at {self._base_url}: check TRUNKLINE_CHAT_MODEL. {message}",
                "DeploymentNotFound",
            )
        if status == 429:
            return BrainError(f"The chat model's rate limit is reached. {message}", "rate_limit_exceeded")
        return BrainError(f"The chat model answered with status {status}. {message}")


async def _outputs(stream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[BrainOutput]:
    thinking = ThinkingFilter()
    calls = _Calls()
    cut_off = False
    async for chunk in stream:
        cut_off = cut_off or any(choice.finish_reason == "length" for choice in chunk.choices)
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            cached = (details.cached_tokens if details else None) or 0
            yield Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, cached, cut_off)
        if not chunk.choices:
            continue
        choice = chunk.choices[0]
        if text := thinking.feed(choice.delta.content or ""):
            yield Say(text)
        for piece in choice.delta.tool_calls or ():
            for invoke in calls.feed(piece):
                yield invoke
        if choice.finish_reason == "content_filter":
            raise BrainError("The chat model's content filter stopped the answer.", "content_filter")
    if text := thinking.flush():
        yield Say(text)
    for invoke in calls.flush():
        yield invoke


class _Calls:
    """Puts streamed function calls in order: the first goes out as it comes, later ones once it is whole."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._held: dict[int, str] = {}
        self._first: int | None = None

    def feed(self, piece: ChoiceDeltaToolCall) -> Iterator[Invoke]:
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

    def flush(self) -> Iterator[Invoke]:
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

    def _take(self, index: int) -> Invoke:
        return Invoke(self._ids[index], self._names[index], self._held.pop(index))

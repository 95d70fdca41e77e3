"""Chat model endpoint: one OpenAI-compatible endpoint, with connections that all its brains share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trunkline.engine.brains import BrainError
from trunkline.engine.openai_client import openai_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

CONNECT_TIMEOUT_S = 5.0
"""Time limit for connecting."""
_TEMPORARY = (408, 409, 425)


class ChatEndpoint:
    """Client for chat completions. Close it after the last brain.

    Args:
        base_url: the API's URL up to `/v1`, as for the `openai` client.
        model: the endpoint's name of the model.
        api_key: None if the endpoint needs no key.
    """

    def __init__(self, base_url: str, model: str, api_key: str | None = None) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._client: AsyncOpenAI | None = None
        self._rejects_optional_fields = False

    async def stream_completion(
        self, body: Mapping[str, object], silence_timeout_s: float, optional_fields: Mapping[str, object] | None = None
    ) -> AsyncStream[ChatCompletionChunk]:
        """Return the streamed answer. Call this, and read the stream, within `errors`.

        Args:
            body: the request, without the model's name.
            silence_timeout_s: time without a token after which the answer fails.
            optional_fields: further fields. If only these are rejected, later requests omit them.
        """
        from openai import BadRequestError, UnprocessableEntityError

        if not optional_fields or self._rejects_optional_fields:
            return await self._create(body, silence_timeout_s)
        try:
            return await self._create({**body, **optional_fields}, silence_timeout_s)
        except (BadRequestError, UnprocessableEntityError):
            stream = await self._create(body, silence_timeout_s)
        self._rejects_optional_fields = True
        return stream

    @contextmanager
    def errors(self, silence_timeout_s: float) -> Iterator[None]:
        """Convert the endpoint's errors in this context to `BrainError`s that name a fix."""
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            message = f"The chat model {self._model} sent no token for {silence_timeout_s:g} s. Try again."
            raise BrainError(message, "timeout") from error
        except openai.APIConnectionError as error:
            message = f"The chat model at {self._base_url} cannot be reached. Start its server, or correct "
            message += "TRUNKLINE_CHAT_BASE_URL."
            raise BrainError(message, "connection_error") from error
        except openai.APIStatusError as error:
            raise self._status_error(error.status_code, error.message) from error
        except openai.APIError as error:
            raise BrainError(f"The chat model stopped with an error: {error.message}") from error
        except ValueError as error:
            raise BrainError(f"The chat model sent invalid JSON: {error}.") from error

    async def aclose(self) -> None:
        """Close the connections. A later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _create(self, body: Mapping[str, Any], silence_timeout_s: float) -> AsyncStream[ChatCompletionChunk]:
        from openai import Timeout

        timeout = Timeout(silence_timeout_s, connect=CONNECT_TIMEOUT_S)
        rest = {name: value for name, value in body.items() if name != "messages"}
        stream: AsyncStream[ChatCompletionChunk] = await self._open_client().chat.completions.create(
            model=self._model, messages=body["messages"], stream=True, timeout=timeout, extra_body=rest
        )
        return stream

    def _open_client(self) -> AsyncOpenAI:
        if self._client is None:
            self._client = openai_client(self._base_url, self._api_key, max_retries=1)
        return self._client

    def _status_error(self, status: int, message: str) -> BrainError:
        if self._api_key:
            message = message.replace(self._api_key, "…")  # some servers repeat a rejected key
        if status in (401, 403):
            return BrainError(
                f"The chat model rejected the key. Check TRUNKLINE_CHAT_API_KEY. {message}", "invalid_api_key"
            )
        if status == 404:
            return BrainError(
                f"{self._base_url} does not have the chat model {self._model}. Check TRUNKLINE_CHAT_MODEL. {message}",
                "DeploymentNotFound",
            )
        if status == 429:
            return BrainError(
                f"The chat model's rate limit is reached. Try again later. {message}", "rate_limit_exceeded"
            )
        code = "request_refused" if 400 <= status < 500 and status not in _TEMPORARY else "server_error"
        return BrainError(f"The chat model answered with status {status}. {message}", code)

"""One chat model behind an OpenAI-compatible endpoint, with the connections to it that all its brains share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trunkline.engine.brains import BrainError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

CONNECT_TIMEOUT_S = 5.0
"""Seconds that connecting may take."""


class ChatEndpoint:
    """Takes requests for chat completions and streams the answers. Close it when the last brain is done.

    Args:
        base_url: of the API, up to and with `/v1`, as the `openai` client takes it.
        model: what the endpoint calls the model.
        api_key: None where the endpoint wants none.
    """

    def __init__(self, base_url: str, model: str, api_key: str | None = None) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._client: AsyncOpenAI | None = None
        self._rejects_optional_fields = False

    async def ask(
        self, body: Mapping[str, Any], silence_timeout_s: float, optional_fields: Mapping[str, object] | None = None
    ) -> AsyncStream[ChatCompletionChunk]:
        """The answer as it comes. Ask, and read it, within `errors`.

        Args:
            body: the request, without the model's name.
            silence_timeout_s: seconds without any token after which the answer is given up.
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
        """Within it, whatever goes wrong with the endpoint is a `BrainError` that says what to do."""
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            message = f"The chat model {self._model} said nothing for {silence_timeout_s:g} s."
            raise BrainError(message, "timeout") from error
        except openai.APIConnectionError as error:
            message = f"The chat model at {self._base_url} cannot be reached: check TRUNKLINE_CHAT_BASE_URL."
            raise BrainError(message, "connection_error") from error
        except openai.APIStatusError as error:
            raise self._refused(error.status_code, error.message) from error
        except openai.APIError as error:
            raise BrainError(f"The chat model broke off: {error.message}") from error
        except ValueError as error:
            raise BrainError(f"The chat model sent something that is no JSON: {error}.") from error

    async def aclose(self) -> None:
        """Closes the connections. A request after it opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _create(self, body: Mapping[str, Any], silence_timeout_s: float) -> AsyncStream[ChatCompletionChunk]:
        from openai import Timeout

        timeout = Timeout(silence_timeout_s, connect=CONNECT_TIMEOUT_S)
        rest = {name: value for name, value in body.items() if name != "messages"}
        stream: AsyncStream[ChatCompletionChunk] = await self._opened().chat.completions.create(
            model=self._model, messages=body["messages"], stream=True, timeout=timeout, extra_body=rest
        )
        return stream

    def _opened(self) -> AsyncOpenAI:
        if self._client is None:
            from openai import AsyncOpenAI

            self._client = AsyncOpenAI(base_url=self._base_url, api_key=self._api_key or "none", max_retries=1)
        return self._client

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

"""Asking a text model over the Responses API, which Azure, OpenAI and the engine share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2
import msgspec

from trunkline.providers import ProviderError
from trunkline.providers.credentials import Credentials
from trunkline.providers.http_errors import error_message, retry_after_s
from trunkline.providers.webrtc_signalling import http_client
from trunkline.realtime.events import Item, text_of
from trunkline.scenario.text_model import TextModelError, TextPrompt, TextReply, TextToolCall

TIMEOUT_S = 60.0
MAX_TRIES = 3
"""A refusal that may pass (429, 5xx, no connection) is tried again after 0.5 s, then 1 s, or when the service says."""
MAX_WAIT_S = 5.0
"""A caller is waiting: if the service wants a longer pause than this, it is an error."""


class TextModelClient:
    """A text model behind `{base_url}/responses`.

    Args:
        what: what errors call the service.
        base_url: ends in `/v1`.
        credentials: they are in no error.
        model_for: the model (on Azure: deployment) that answers a prompt.
    """

    def __init__(
        self,
        what: str,
        base_url: str,
        credentials: Credentials,
        model_for: Callable[[TextPrompt], str],
    ) -> None:
        self._what = what
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._model_for = model_for
        self._client: httpx2.AsyncClient | None = None

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """See `TextModel.reply`."""
        model = self._model_for(prompt)
        body: dict[str, Any] = {
            "model": model,
            "instructions": prompt.instructions,
            "input": [_input(item) for item in prompt.items],
            "store": False,
        }
        if prompt.tools:
            body["tools"] = list(prompt.tools)
        if prompt.schema is not None:
            name = "".join(letter if letter.isalnum() else "_" for letter in prompt.purpose)
            body["text"] = {
                "format": {"type": "json_schema", "name": name, "schema": prompt.schema, "strict": True},
            }
        return _reply(await self._post(body), model)

    async def create(self, prompt: TextPrompt, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request in the Responses API's own form, as the service gives it.

        Args:
            prompt: only says which model answers, as for `reply`.
            request: all the rest; what it says of the model and of storing is not heeded.

        Raises:
            TextModelError: there is none.
        """
        return await self._post({**request, "model": self._model_for(prompt), "store": False})

    async def aclose(self) -> None:
        """Closes its connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        renewed = False
        for attempt in range(MAX_TRIES):
            pause_s = 0.5 * 2**attempt
            client, auth_headers = await self._ready()
            try:
                response = await client.post(
                    f"{self._base_url}/responses",
                    content=msgspec.json.encode(body),
                    headers={"content-type": "application/json", **auth_headers},
                )
            except httpx2.HTTPError as error:
                problem = f"{self._what} cannot be reached for the text model: {type(error).__name__}."
                status, wanted_s = None, None
            else:
                if response.is_success:
                    return _object_in(response)
                status, wanted_s = response.status_code, retry_after_s(response.headers)
                message = error_message(response.content, auth_headers) or response.reason_phrase
                problem = f"{self._what} answered {status} for the text model: {message}"
                if status == 401 and not renewed and self._credentials.on_refused(auth_headers):
                    renewed = True
                    continue
                if status != 429 and status < 500:
                    break
                pause_s = wanted_s or pause_s
            if pause_s > MAX_WAIT_S:
                problem += f" It wants a pause of {pause_s:.0f} s."
                break
            if attempt + 1 < MAX_TRIES:
                await asyncio.sleep(pause_s)
        raise TextModelError(problem, status=status, retry_after_s=wanted_s)

    async def _ready(self) -> tuple[httpx2.AsyncClient, Mapping[str, str]]:
        try:
            return self._connected(), await self._credentials.headers()
        except ProviderError as error:
            raise TextModelError(error.full_message) from error

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = http_client(self._base_url, TIMEOUT_S)
        return self._client


class MissingTextModel:
    """Stands where no text model is configured."""

    def __init__(self, what_to_do: str) -> None:
        self.what_to_do = what_to_do

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """See `TextModel.reply`."""
        raise TextModelError(f"There is no text model for {prompt.purpose!r}. {self.what_to_do}")

    async def aclose(self) -> None:
        """Nothing to close."""


def _input(item: Item) -> Item:
    """A conversation's item as the Responses API takes it: speech is text there."""
    if item.get("type") == "message":
        return {"type": "message", "role": item["role"], "content": text_of(item)}
    return {key: value for key, value in item.items() if key not in ("id", "status", "object")}


def _object_in(response: httpx2.Response) -> dict[str, Any]:
    try:
        decoded = response.json()
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise TextModelError("The text model's answer is no JSON object.")
    return decoded


def _reply(answer: Mapping[str, Any], model: str) -> TextReply:
    if answer.get("status") in ("failed", "incomplete"):
        details = answer.get("error") or answer.get("incomplete_details") or {}
        reason = details.get("message") or details.get("reason") or "no reason given"
        raise TextModelError(f"The text model broke off its answer: {reason}.")
    output: Sequence[Any] = answer.get("output") or ()
    try:
        calls = [
            TextToolCall(item["call_id"], item["name"], item.get("arguments") or "{}")
            for item in output
            if item["type"] == "function_call"
        ]
        parts = [part for item in output if item["type"] == "message" for part in item["content"]]
        refusals = [part["refusal"] for part in parts if part["type"] == "refusal"]
        text = "".join(part["text"] for part in parts if part["type"] == "output_text")
    except (KeyError, TypeError, AttributeError) as error:
        raise TextModelError(f"The text model's answer has an unexpected form: {error!r}.") from error
    if refusals and not text:
        raise TextModelError(f"The text model refuses: {refusals[0]}")
    return TextReply(text, calls, str(answer.get("model") or model), answer.get("usage") or {})

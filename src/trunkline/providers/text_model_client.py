"""A client for text models over the Responses API of Azure, OpenAI and the engine."""

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
from trunkline.scenario.text_model import (
    MissingTextModelError,
    TextModelError,
    TextModelNames,
    TextPrompt,
    TextReply,
    TextRole,
    TextToolCall,
)

TIMEOUT_S = 60.0
MAX_TRIES = 3
"""Attempts per prompt. A temporary failure (429, 5xx, no connection) is retried after 0.5 s, then 1 s, or after the
service's own pause."""
MAX_WAIT_S = 5.0
"""The longest pause before a retry; a longer one is an error, since a caller is waiting."""


class TextModelClient:
    """A text model behind `{base_url}/responses`.

    Args:
        what: the service's name for errors.
        base_url: ends in `/v1`.
        credentials: the credentials; errors omit them.
        model_for: returns the model (on Azure: deployment) for a prompt. It raises `TextModelError` without one.
        names: the configured models.
    """

    def __init__(
        self,
        what: str,
        base_url: str,
        credentials: Credentials,
        model_for: Callable[[TextPrompt], str],
        names: TextModelNames = TextModelNames(),  # noqa: B008 - it is immutable
    ) -> None:
        self._what = what
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._model_for = model_for
        self.names = names
        self._client: httpx2.AsyncClient | None = None

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """See `TextModel.reply`."""
        model = self._model_for(prompt)
        body: dict[str, object] = {
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

    def missing_for(self, prompt: TextPrompt) -> str | None:
        """Return the reason for which no model is configured for a prompt, with the fix; None if one is."""
        try:
            self._model_for(prompt)
        except MissingTextModelError as error:
            return str(error)
        return None

    async def create(self, prompt: TextPrompt, request: Mapping[str, object]) -> dict[str, object]:
        """Send a request in the form of the Responses API, and return the service's answer.

        Args:
            prompt: selects the model, as in `reply`.
            request: the request; its `model` and `store` are replaced.

        Raises:
            TextModelError: the service gave no answer.
        """
        return await self._post({**request, "model": self._model_for(prompt), "store": False})

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, body: Mapping[str, object]) -> dict[str, object]:
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
                problem += f" It asks for a pause of {pause_s:.0f} s."
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


def configured_model(names: TextModelNames, variables: Mapping[TextRole, str]) -> Callable[[TextPrompt], str]:
    """Return the function that chooses the model of a prompt by its role.

    Args:
        names: the configured models.
        variables: the environment variable of each role, for errors.
    """

    def model_for(prompt: TextPrompt) -> str:
        name = names.find(prompt.model)
        if name is None:
            settings = " or ".join(variable for role, variable in variables.items() if role in (prompt.model, "text"))
            message = f"No text model is configured for {prompt.purpose!r}. Set {settings} to its name."
            raise MissingTextModelError(message)
        return name

    return model_for


class MissingTextModel:
    """A text model that reports that none is configured.

    Args:
        fix: the fix, for the error.
    """

    def __init__(self, fix: str) -> None:
        self.fix = fix

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """See `TextModel.reply`."""
        raise MissingTextModelError(self.missing_for(prompt))

    def missing_for(self, prompt: TextPrompt) -> str:
        """Return the reason for which no model is configured for a prompt, with the fix."""
        return f"No text model is configured for {prompt.purpose!r}. {self.fix}"

    async def aclose(self) -> None:
        """Do nothing: no connection is open."""


def _input(item: Item) -> Item:
    """Return a conversation's item in the form of the Responses API, with speech as text."""
    if item.get("type") == "message":
        return {"type": "message", "role": item["role"], "content": text_of(item)}
    return {key: value for key, value in item.items() if key not in ("id", "status", "object")}


def _object_in(response: httpx2.Response) -> dict[str, object]:
    try:
        decoded = response.json()
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise TextModelError("The text model's answer is not a JSON object.")
    return decoded


def _reply(answer: Mapping[str, Any], model: str) -> TextReply:
    if answer.get("status") in ("failed", "incomplete"):
        details = answer.get("error") or answer.get("incomplete_details") or {}
        reason = details.get("message") or details.get("reason") or "no reason given"
        raise TextModelError(f"The text model stopped its answer early: {reason}.")
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

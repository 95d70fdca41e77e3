"""Client for an OpenAI-compatible endpoint of the engine: a chat model, a recogniser or a voice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trunkline.settings import is_loopback

if TYPE_CHECKING:
    from openai import AsyncOpenAI


def openai_client(base_url: str, api_key: str | None, *, max_retries: int, **options: Any) -> AsyncOpenAI:
    """Return a client. It uses the environment's proxy, except for loopback addresses, which no proxy can reach.

    Args:
        base_url: the API's URL up to `/v1`.
        api_key: None if the endpoint needs no key.
        max_retries: requests that are sent again after a connection error or a 5xx answer.
        options: further options of `AsyncOpenAI`.
    """
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    if is_loopback(urlsplit(base_url).hostname or ""):
        options["http_client"] = DefaultAsyncHttpxClient(trust_env=False)
    return AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=max_retries, **options)

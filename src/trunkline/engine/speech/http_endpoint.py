"""An OpenAI-compatible endpoint for speech: its client, and its errors with a fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trunkline.engine.openai_client import openai_client
from trunkline.engine.speech import SpeechError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT_TIMEOUT = 5.0


class Endpoint:
    """An endpoint that recognises or synthesises speech.

    Args:
        timeout: seconds that the endpoint may be silent.
        what: "recogniser" or "voice", for the errors.
        setting: the setting that holds the address.
    """

    def __init__(self, base_url: str, api_key: str | None, timeout: float, what: str, setting: str) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = timeout
        self._what = what
        self._setting = setting
        self._client: AsyncOpenAI | None = None
        self._closed = False

    def client(self) -> AsyncOpenAI:
        """Return the client; the first call creates it.

        Raises:
            SpeechError: the endpoint is closed.
        """
        if self._closed:
            raise SpeechError(f"The {self._what} is closed.")
        if self._client is None:
            from openai import Timeout

            timeout = Timeout(self._timeout, connect=CONNECT_TIMEOUT)
            self._client = openai_client(self._base_url, self._api_key, max_retries=0, timeout=timeout)
        return self._client

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert the errors of a request to `SpeechError`."""
        import httpx2
        import openai

        try:
            yield
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            message = f"The {self._what} at {self._base_url} was silent for {self._timeout:g} s."
            raise SpeechError(message) from error
        except openai.APIConnectionError as error:
            message = f"The {self._what} at {self._base_url} cannot be reached: check {self._setting}."
            raise SpeechError(message) from error
        except openai.APIStatusError as error:
            hint = f" Check {self._setting.replace('BASE_URL', 'API_KEY')}." if error.status_code in (401, 403) else ""
            said = error.message[:300].replace(self._api_key or "\0", "…")  # some endpoints repeat the refused key
            message = f"The {self._what} at {self._base_url} refused ({error.status_code}): {said}{hint}"
            raise SpeechError(message) from error
        except (openai.OpenAIError, httpx2.HTTPError) as error:  # the latter while an answer is streamed
            raise SpeechError(f"The {self._what} at {self._base_url} failed: {error}") from error
        except ValueError as error:
            raise SpeechError(f"The {self._what} at {self._base_url} sent a body that is not JSON.") from error

    async def aclose(self) -> None:
        """Close the connections. A second call has no effect."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.close()

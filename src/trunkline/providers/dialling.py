"""Starting a WebRTC call at a Realtime service: the browser's SDP offer goes through us, with the session bound in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from trunkline.providers import Dialled, ProviderError

TIMEOUT_S = 10.0
SECRET_LIFETIME_S = 60
"""The ephemeral secret is used at once, by ourselves; the services allow 10 s to 2 h."""


@dataclass(frozen=True)
class CallsEndpoint:
    """The `realtime/calls` of a service.

    Attributes:
        base_url: ends in `/v1`.
        header: name and value by which the service knows us.
        one_step: OpenAI takes session and offer in one request with our key. Azure takes the offer with an ephemeral
            secret alone, into which the session has been bound before.
    """

    what: str
    base_url: str
    header: tuple[str, str]
    one_step: bool = False

    async def dial(self, sdp: str, session: Mapping[str, Any]) -> Dialled:
        """Posts the offer and returns the answer. No error tells the secret or the SDP.

        Raises:
            ProviderError: the service refuses, or cannot be reached.
        """
        async with self._client() as client:
            if self.one_step:
                parts = {
                    "sdp": (None, sdp.encode(), "application/sdp"),
                    "session": (None, msgspec.json.encode(session), "application/json"),
                }
                response = await self._post(client, "/realtime/calls", files=parts, headers=self._key())
            else:
                secret = await self._secret(client, session)
                headers = {"authorization": f"Bearer {secret}", "content-type": "application/sdp"}
                # The filter keeps tools, errors and the session's settings out of the page's data channel.
                path = "/realtime/calls?webrtcfilter=on"
                response = await self._post(client, path, content=sdp.encode(), headers=headers)
        call_id = urlsplit(response.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
        if not call_id:
            raise ProviderError(f"{self.what} did not say which call it answered (no Location header).", retry=False)
        return Dialled(response.text, call_id)

    async def hang_up(self, call_id: str) -> None:
        """Ends a call. One that is over already is no error.

        Raises:
            ProviderError: the service cannot be reached.
        """
        async with self._client() as client:
            await self._post(client, f"/realtime/calls/{call_id}/hangup", headers=self._key(), allow=(404,))

    async def _secret(self, client: httpx2.AsyncClient, session: Mapping[str, Any]) -> str:
        body = {"session": session, "expires_after": {"anchor": "created_at", "seconds": SECRET_LIFETIME_S}}
        headers = {**self._key(), "content-type": "application/json"}
        response = await self._post(
            client, "/realtime/client_secrets", content=msgspec.json.encode(body), headers=headers
        )
        try:
            secret = response.json()["value"]
        except (ValueError, KeyError, TypeError):
            secret = None
        if not isinstance(secret, str) or not secret:
            raise ProviderError(f"{self.what} sent no ephemeral secret.", retry=False)
        return secret

    async def _post(
        self, client: httpx2.AsyncClient, path: str, *, allow: tuple[int, ...] = (), **request: Any
    ) -> httpx2.Response:
        try:
            response = await client.post(f"{self.base_url}{path}", **request)
        except httpx2.HTTPError as error:
            raise ProviderError(f"{self.what} cannot be reached: {type(error).__name__}") from None
        if response.is_success or response.status_code in allow:
            return response
        status = response.status_code
        raise ProviderError(
            f"{self.what} answered {status}: {_message(response)}",
            hint=ProviderError.hint_for(status),
            retry=status == 429 or status >= 500,
            code=status,
        )

    def _client(self) -> httpx2.AsyncClient:
        loopback = urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")
        return httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=not loopback, follow_redirects=False)

    def _key(self) -> dict[str, str]:
        name, value = self.header
        return {name: value}


def _message(response: httpx2.Response) -> str:
    """What the service says of its refusal, shortened."""
    try:
        return str(response.json()["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase

"""WebRTC signalling with a Realtime service: calls and ephemeral secrets.

The browser's SDP offer passes through the server, which adds the session's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import msgspec

from trunkline.providers import EphemeralSecret, ProviderError, WebRtcAnswer
from trunkline.providers.credentials import Credentials
from trunkline.providers.http_errors import http_error, proxy_error
from trunkline.settings import is_loopback

TIMEOUT_S = 10.0
MAX_CONNECTIONS = 100
INTERNAL_LIFETIME_S = 60
"""The lifetime of secrets for this server, which uses them at once; the services allow 10 s to 2 h."""
CLIENT_LIFETIME_S = 600
"""The lifetime of secrets for front ends, which may first ask for the microphone."""
_CALLS = "/realtime/calls?webrtcfilter=on"
"""The filter excludes tools, errors and session settings from the page's data channel."""


@dataclass(frozen=True)
class WebRtcSignalling:
    """A client for `realtime/calls` and `realtime/client_secrets` of a service.

    Attributes:
        what: the service's name for errors.
        base_url: ends in `/v1`.
        credentials: the credentials.
        one_step: True for OpenAI, which takes session and offer in one request with the key. Azure takes the offer
            with an ephemeral secret only, which carries the session.
        socket_accepts_secrets: True if ephemeral secrets also open WebSockets.
    """

    what: str
    base_url: str
    credentials: Credentials
    one_step: bool = False
    socket_accepts_secrets: bool = True

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """Post the offer and return the answer. No error shows the secret or the SDP.

        Raises:
            ProviderError: the service refuses, or cannot be reached.
        """
        async with self._client() as client:
            if self.one_step:
                parts = {
                    "sdp": (None, sdp.encode(), "application/sdp"),
                    "session": (None, msgspec.json.encode(session), "application/json"),
                }
                response = await self._post_with_credentials(client, "/realtime/calls", files=parts)
            else:
                secret, _expires_at = await self._secret(client, session, INTERNAL_LIFETIME_S)
                auth_headers = {"authorization": f"Bearer {secret}"}
                headers = {"content-type": "application/sdp"}
                response = await self._post(client, _CALLS, auth_headers, content=sdp.encode(), headers=headers)
        rtc_call_id = urlsplit(response.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
        if not rtc_call_id:
            raise ProviderError(f"{self.what} sent no call id (Location header) with its answer.", retry=False)
        return WebRtcAnswer(response.text, rtc_call_id)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.mint`."""
        async with self._client() as client:
            secret, expires_at = await self._secret(client, session, CLIENT_LIFETIME_S)
        scheme, _, rest = self.base_url.partition("://")
        socket = f"{'ws' if scheme == 'http' else 'wss'}://{rest}/realtime?{urlencode({'model': session['model']})}"
        offers = f"{self.base_url}/realtime/calls"
        return EphemeralSecret(secret, expires_at, offers, socket if self.socket_accepts_secrets else None)

    async def hang_up(self, rtc_call_id: str) -> None:
        """End a call. A call that has already ended is not an error.

        Raises:
            ProviderError: the service cannot be reached.
        """
        async with self._client() as client:
            await self._post_with_credentials(client, f"/realtime/calls/{rtc_call_id}/hangup", allow=(404,))

    async def _secret(
        self, client: httpx2.AsyncClient, session: Mapping[str, object], lifetime_s: int
    ) -> tuple[str, int]:
        body = {"session": session, "expires_after": {"anchor": "created_at", "seconds": lifetime_s}}
        response = await self._post_with_credentials(
            client,
            "/realtime/client_secrets",
            content=msgspec.json.encode(body),
            headers={"content-type": "application/json"},
        )
        return read_secret(response, self.what)

    async def _post_with_credentials(
        self, client: httpx2.AsyncClient, path: str, *, allow: tuple[int, ...] = (), **request: Any
    ) -> httpx2.Response:
        """Post with the credentials; retry once if the service refuses renewable ones."""
        auth_headers = await self.credentials.headers()
        try:
            return await self._post(client, path, auth_headers, allow=allow, **request)
        except ProviderError as error:
            if error.code != 401 or not self.credentials.on_refused(auth_headers):
                raise
        return await self._post(client, path, await self.credentials.headers(), allow=allow, **request)

    async def _post(
        self,
        client: httpx2.AsyncClient,
        path: str,
        auth_headers: Mapping[str, str],
        *,
        allow: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> httpx2.Response:
        try:
            response = await client.post(
                f"{self.base_url}{path}", headers={**(headers or {}), **auth_headers}, **request
            )
        except httpx2.HTTPError as error:
            raise ProviderError(f"{self.what} cannot be reached: {type(error).__name__}") from None
        if response.is_success or response.status_code in allow:
            return response
        raise http_error(
            self.what,
            response.status_code,
            response.content,
            response.headers,
            auth_headers,
            self.credentials.refused_hint,
        )

    def _client(self) -> httpx2.AsyncClient:
        return http_client(self.base_url, TIMEOUT_S)


def http_client(base_url: str, timeout_s: float) -> httpx2.AsyncClient:
    """Return a client that sends credentials to one host only: without redirects, and without a proxy for loopback.

    Raises:
        ProviderError: the environment's proxy is unusable.
    """
    loopback = is_loopback(urlsplit(base_url).hostname or "")
    limits = httpx2.Limits(max_connections=MAX_CONNECTIONS)
    try:
        return httpx2.AsyncClient(timeout=timeout_s, trust_env=not loopback, follow_redirects=False, limits=limits)
    except (ImportError, ValueError, httpx2.InvalidURL):
        raise proxy_error() from None


def read_secret(response: httpx2.Response, what: str) -> tuple[str, int]:
    """Return the ephemeral secret in a response of GA or the preview, and its expiry in Unix seconds (0: unknown).

    Raises:
        ProviderError: the response has no secret.
    """
    try:
        given = response.json()
        given = given.get("client_secret", given)
        secret, expires_at = given["value"], given.get("expires_at")
    except (ValueError, KeyError, TypeError, AttributeError):
        secret, expires_at = None, None
    if not isinstance(secret, str) or not secret:
        raise ProviderError(f"{what} sent no ephemeral secret.", retry=False)
    return secret, expires_at if isinstance(expires_at, int) else 0

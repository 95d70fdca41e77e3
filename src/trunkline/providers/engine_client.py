"""A client of one engine: sessions, WebRTC calls and secrets at its address."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from trunkline.providers import Connection, EphemeralSecret, WebRtcAnswer
from trunkline.providers.credentials import Credentials
from trunkline.providers.realtime_socket import open_socket_with_credentials
from trunkline.providers.webrtc_signalling import WebRtcSignalling


class EngineClient:
    """The requests of a provider to an engine.

    Args:
        what: the engine's name for errors.
        url: its base URL, which ends in `/openai/v1`.
        credentials: its key.
    """

    def __init__(self, what: str, url: str, credentials: Credentials) -> None:
        self.what = what
        self.url = url
        self.credentials = credentials

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        query = urlencode({"call_id": rtc_call_id} if rtc_call_id else {"model": model})
        url = f"{self.url.replace('http', 'ws', 1)}/realtime?{query}"
        return await open_socket_with_credentials(self.credentials, url, self.what)

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """See `Provider.start_webrtc_call`."""
        return await self._signalling().start_webrtc_call(sdp, session)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.create_ephemeral_secret`."""
        return await self._signalling().create_ephemeral_secret(session)

    async def hang_up(self, rtc_call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._signalling().hang_up(rtc_call_id)

    def _signalling(self) -> WebRtcSignalling:
        return WebRtcSignalling(self.what, self.url, self.credentials)

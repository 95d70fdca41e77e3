"""Azure's preview of the Realtime protocol, which Azure has deprecated since 2026-04-30.

Calls use GA; a connection to the preview translates both ways. The preview has no sideband, so the server cannot reach
a WebRTC call, and callers use the relay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode

import httpx2
import msgspec

from trunkline.providers import Connection, EphemeralSecret, ProviderError, ProviderNotice, WebRtcAnswer
from trunkline.providers.azure_endpoint import AzureEndpoint
from trunkline.providers.credentials import Credentials
from trunkline.providers.hosted_parts import hosted_only_problem
from trunkline.providers.hosted_realtime import HostedModels, HostedRealtimeProvider
from trunkline.providers.http_errors import http_error
from trunkline.providers.realtime_socket import open_socket_with_credentials
from trunkline.providers.webrtc_signalling import TIMEOUT_S, http_client, read_secret
from trunkline.realtime.dialects import client_event_to_preview, server_event_to_ga, session_to_preview
from trunkline.realtime.events import Event, MalformedEventError, decode, encode
from trunkline.scenario.scenario import AnyScenario

NO_SIDEBAND = "The preview has no sideband for WebRTC calls, so audio uses the relay."
_AUDIO_DELTA_TYPES = (b'"response.audio.delta"', b'"response.output_audio.delta"')
_NOT_IN_PREVIEW = {"truncation", "reasoning_effort", "parallel_tool_calls", "include"}
"""Session settings that only GA has."""
_USE_GA = "Remove them, or remove AZURE_OPENAI_REALTIME_DIALECT to use GA."
_WITHOUT_PREVIEW = {"output_audio_buffer.clear", "conversation.item.retrieve"}
"""GA client events that the preview refuses."""


class PreviewProvider(HostedRealtimeProvider):
    """A provider for Azure's preview; its text model is the GA one.

    Args:
        api_version: the dated version of the protocol, sent with each request.
        region: the resource's region, such as `swedencentral`; only secrets for browsers need it.
    """

    def __init__(
        self,
        endpoint: AzureEndpoint,
        credentials: Credentials,
        models: HostedModels,
        api_version: str,
        region: str | None,
    ) -> None:
        super().__init__("azure", endpoint.v1, credentials, models)
        self._endpoint = endpoint
        self._api_version = api_version
        self._region = region

    def notices(self) -> Sequence[ProviderNotice]:
        """See `Provider.notices`."""
        deprecated = ProviderNotice(
            f"Calls use Azure's preview protocol {self._api_version}. {NO_SIDEBAND}",
            "preview_dialect",
            "Azure has deprecated the preview. Remove AZURE_OPENAI_REALTIME_DIALECT to use GA.",
        )
        return (deprecated, *super().notices())

    def scenario_problem(self, scenario: AnyScenario) -> str | None:
        """Return the problem of a scenario with settings or parts that the preview does not have."""
        for agent in scenario.agents:
            if missing := sorted(_NOT_IN_PREVIEW & scenario.session_settings(agent.name).given):
                return (
                    f"Azure's preview protocol does not have these session settings of the scenario {scenario.name!r}: "
                    f"{', '.join(missing)}. {_USE_GA}"
                )
        problem = hosted_only_problem(scenario, "Azure's preview protocol")
        return None if problem is None else f"{problem} {_USE_GA}"

    def image_problem(self) -> str | None:
        """Return the reason: the preview's items have no images."""
        return "Azure's preview protocol takes no images. Remove AZURE_OPENAI_REALTIME_DIALECT to use GA."

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        if rtc_call_id is not None:
            raise ProviderError(NO_SIDEBAND, retry=False, code=404)
        return PreviewConnection(
            await open_socket_with_credentials(self._credentials, self._socket_url(model), self._what)
        )

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """Refuse the call, since the preview has no sideband.

        Raises:
            ProviderError: always.
        """
        raise ProviderError(NO_SIDEBAND, retry=False)

    async def hang_up(self, rtc_call_id: str) -> None:
        """Do nothing: the preview has no WebRTC calls."""

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.mint`. The secret is valid for one minute, for the preview's protocol.

        Raises:
            ProviderError: the service refused, or the region is not set.
        """
        if not self._region:
            message = "A browser's address for offers depends on the resource's region, which is not set."
            raise ProviderError(message, hint="Set AZURE_OPENAI_REGION, such as swedencentral.", retry=False)
        auth_headers = await self._credentials.headers()
        response = await self._request_secret(session, auth_headers)
        if response.status_code == 401 and self._credentials.on_refused(auth_headers):
            auth_headers = await self._credentials.headers()
            response = await self._request_secret(session, auth_headers)
        if not response.is_success:
            status, body = response.status_code, response.content
            raise http_error(self._what, status, body, response.headers, auth_headers, self._credentials.refused_hint)
        value, expires_at = read_secret(response, self._what)
        model = str(session["model"])
        offers = f"https://{self._region}.realtimeapi-preview.ai.azure.com/v1/realtimertc?{urlencode({'model': model})}"
        return EphemeralSecret(value, expires_at, offers, None)

    async def _request_secret(self, session: Mapping[str, object], auth_headers: Mapping[str, str]) -> httpx2.Response:
        url = f"{self._endpoint.root}/openai/realtimeapi/sessions?{urlencode({'api-version': self._api_version})}"
        body = msgspec.json.encode(session_to_preview(dict(session)))
        headers = {"content-type": "application/json", **auth_headers}
        async with http_client(url, TIMEOUT_S) as client:
            try:
                return await client.post(url, content=body, headers=headers)
            except httpx2.HTTPError as error:
                raise ProviderError(f"{self._what} cannot be reached: {type(error).__name__}") from None

    def _socket_url(self, model: str) -> str:
        scheme, _, host = self._endpoint.root.partition("://")
        query = urlencode({"api-version": self._api_version, "deployment": model})
        return f"{'ws' if scheme == 'http' else 'wss'}://{host}/openai/realtime?{query}"


class _Socket(Connection, Protocol):
    """A connection with JSON frames only."""

    async def receive(self) -> bytes: ...


class PreviewConnection:
    """A connection that uses GA on our side and the preview on the service's side."""

    def __init__(self, connection: _Socket) -> None:
        self._connection = connection
        self._waiting: deque[bytes] = deque()

    async def receive(self) -> bytes:
        """See `Connection.receive`."""
        while not self._waiting:
            self._waiting.extend(_frames_in_ga(await self._connection.receive()))
        return self._waiting.popleft()

    @property
    def receive_count(self) -> int | None:
        """See `Connection.arrivals`."""
        return self._connection.receive_count

    async def send(self, frame: str) -> None:
        """See `Connection.send`."""
        if _is_caller_audio(frame):
            await self._connection.send(frame)
            return
        event = decode(frame.encode())
        if event["type"] not in _WITHOUT_PREVIEW:
            await self._connection.send(encode(client_event_to_preview(event)).decode())

    def try_send(self, frame: str) -> bool:
        """See `Connection.try_send`."""
        return _is_caller_audio(frame) and self._connection.try_send(frame)

    async def close(self) -> None:
        """See `Connection.close`."""
        await self._connection.close()


def _is_caller_audio(frame: str) -> bool:
    """Return whether the frame is caller audio: the most frequent event, and equal in both protocols."""
    return frame.startswith('{"type":"input_audio_buffer.append"')


def _frames_in_ga(frame: bytes) -> list[bytes]:
    if _AUDIO_DELTA_TYPES[0] in frame[:200]:
        return [frame.replace(*_AUDIO_DELTA_TYPES, 1)]
    try:
        event = decode(frame)
    except MalformedEventError:
        return [frame]  # the reader reports the same fault
    return [encode(translated) for translated in (*server_event_to_ga(event), *_done_items(event))]


def _done_items(event: Event) -> Sequence[Event]:
    """Return the `conversation.item.done` that GA sends for a response's item, and the preview does not."""
    item = event.get("item")
    if event["type"] != "response.output_item.done" or not isinstance(item, dict):
        return ()
    created = {"type": "conversation.item.created", "event_id": f"{event.get('event_id')}_item", "item": item}
    return [one for one in server_event_to_ga(created) if one["type"] == "conversation.item.done"]

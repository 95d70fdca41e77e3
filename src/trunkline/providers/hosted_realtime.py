"""The hosted Realtime services: Azure OpenAI (GA) and OpenAI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from trunkline.providers import Connection, EphemeralSecret, ProviderNotice, WebRtcAnswer
from trunkline.providers.credentials import Credentials
from trunkline.providers.realtime_socket import DEFAULT_PINGS, Pings, open_socket_with_credentials
from trunkline.providers.text_model_client import TextModelClient, configured_model
from trunkline.providers.webrtc_signalling import WebRtcSignalling
from trunkline.realtime.audio_tap import AudioTap
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextModelNames, TextRole


@dataclass(frozen=True)
class HostedModels:
    """The names of a service's models; on Azure the names of its deployments.

    Attributes:
        transcription: the transcription model; None disables transcription.
        text: the text models.
        transcription_variable: the environment variable of the transcription model.
        text_variables: the environment variables of the text models.
        fallback: the realtime model of the rest of a call after failed responses; None without one.
    """

    realtime: str
    transcription: str | None
    text: TextModelNames
    transcription_variable: str
    text_variables: Mapping[TextRole, str]
    fallback: str | None = None


class HostedRealtimeProvider:
    """A hosted Realtime service.

    Args:
        name: azure or openai.
        base_url: ends in `/v1`.
        pings: the pings that detect a silent loss of a connection.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        credentials: Credentials,
        models: HostedModels,
        *,
        pings: Pings = DEFAULT_PINGS,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._models = models
        self._pings = pings
        self._what = f"{name} ({urlsplit(self.base_url).hostname})"
        self._text_model = TextModelClient(
            name, self.base_url, credentials, configured_model(models.text, models.text_variables), models.text
        )

    def model_for(self, scenario: AnyScenario) -> str:
        """See `Provider.model_for`."""
        return self._models.realtime

    def fallback_model_for(self, scenario: AnyScenario) -> str | None:
        """See `Provider.fallback_model_for`."""
        return self._models.fallback

    def scenario_problem(self, scenario: AnyScenario) -> str | None:
        """See `Provider.scenario_problem`."""
        return None

    def image_problem(self) -> str | None:
        """See `Provider.image_problem`."""
        return None

    def session_extras(self, scenario: AnyScenario, agent: str, first_agent: str) -> Mapping[str, object]:
        """See `Provider.session_extras`."""
        return {}

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """See `Provider.turn_detection`."""
        return scenario.turn_detection

    def word_transports(self, scenario: AnyScenario) -> frozenset[Literal["webrtc", "websocket"]]:
        """Return the relay, if a transcription model is set: over WebRTC the words come too late to hold the audio."""
        return frozenset({"websocket"} if self._models.transcription else ())

    def transcription(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """See `Provider.transcription`."""
        return {"model": self._models.transcription} if self._models.transcription else None

    def text_model(self) -> TextModelClient:
        """See `Provider.text_model`."""
        return self._text_model

    def notices(self) -> Sequence[ProviderNotice]:
        """See `Provider.notices`."""
        if self._models.transcription:
            return ()
        return (
            ProviderNotice(
                "No transcription model is set, so the transcript will lack the caller's words.",
                "no_transcription",
                f"Set {self._models.transcription_variable}"
                + (" to a transcription model deployed on the same resource." if self.name == "azure" else "."),
            ),
        )

    @property
    def refused_hint(self) -> str:
        """The fix if the service refuses the credentials."""
        return self._credentials.refused_hint

    async def auth_headers(self) -> Mapping[str, str]:
        """Return the authentication headers, for requests of the doctor.

        Raises:
            ProviderError: the headers cannot be obtained.
        """
        return await self._credentials.headers()

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        scheme, _, rest = self.base_url.partition("://")
        query = urlencode({"call_id": rtc_call_id} if rtc_call_id else {"model": model})
        url = f"{'ws' if scheme == 'http' else 'wss'}://{rest}/realtime?{query}"
        return await open_socket_with_credentials(self._credentials, url, self._what, self._pings)

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """See `Provider.dial`."""
        return await self._signalling().start_webrtc_call(sdp, session)

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """Refuse the tap: the audio flows between the page and the service."""
        return False

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.mint`."""
        return await self._signalling().create_ephemeral_secret(session)

    async def hang_up(self, rtc_call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._signalling().hang_up(rtc_call_id)

    def _signalling(self) -> WebRtcSignalling:
        is_openai = self.name == "openai"
        return WebRtcSignalling(self.name, self.base_url, self._credentials, is_openai, is_openai)

    async def aclose(self) -> None:
        """Close the connections of the text model and the credentials."""
        await self._text_model.aclose()
        await self._credentials.aclose()

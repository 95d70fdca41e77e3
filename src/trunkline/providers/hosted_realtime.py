"""Azure OpenAI (GA) and OpenAI: the hosted Realtime services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from trunkline.providers import Connection, Dialled, Minted, ProviderNotice
from trunkline.providers.credentials import Credentials
from trunkline.providers.realtime_socket import open_socket_as
from trunkline.providers.text_model_client import NoTextModel, ResponsesModel
from trunkline.providers.webrtc_signalling import CallsEndpoint
from trunkline.scenario.scenario import Scenario


@dataclass(frozen=True)
class HostedModels:
    """The names of a service's models; on Azure they are those of deployments.

    Attributes:
        transcription: None asks for no transcription.
        text: None is no text model.
        variables: the settings' names by which whoever lacks transcription or text can set it, in this order.
    """

    realtime: str
    transcription: str | None
    text: str | None
    variables: tuple[str, str]


class HostedProvider:
    """A hosted Realtime service.

    Args:
        name: azure or openai.
        base_url: ends in `/v1`.
    """

    def __init__(self, name: str, base_url: str, credentials: Credentials, models: HostedModels) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._models = models
        self._what = f"{name} ({urlsplit(self.base_url).hostname})"
        self._text_model: ResponsesModel | NoTextModel = NoTextModel(
            f"Set {models.variables[1]} to the text model's name."
        )
        if text := models.text:
            self._text_model = ResponsesModel(name, self.base_url, credentials, lambda _prompt: text)

    def model_for(self, scenario: Scenario[Any]) -> str:
        """See `Provider.model_for`."""
        return self._models.realtime

    def session_extras(self, scenario: Scenario[Any], agent: str, first_agent: str) -> Mapping[str, Any]:
        """See `Provider.session_extras`."""
        return {}

    def transcription(self, scenario: Scenario[Any]) -> Mapping[str, Any] | None:
        """See `Provider.transcription`."""
        return {"model": self._models.transcription} if self._models.transcription else None

    def text_model(self) -> ResponsesModel | NoTextModel:
        """See `Provider.text_model`."""
        return self._text_model

    def notices(self) -> Sequence[ProviderNotice]:
        """See `Provider.notices`."""
        if self._models.transcription:
            return ()
        return (
            ProviderNotice(
                "The caller's words will not show in the transcript: no transcription model is set.",
                "no_transcription",
                f"Set {self._models.variables[0]}"
                + (" to a transcription model deployed on the same resource." if self.name == "azure" else "."),
            ),
        )

    @property
    def advice(self) -> str:
        """What to do when the credentials are refused."""
        return self._credentials.advice

    async def shown(self) -> Mapping[str, str]:
        """The headers by which the service knows us, for a request of the doctor's.

        Raises:
            ProviderError: there are none to be had.
        """
        return await self._credentials.headers()

    async def connect(self, model: str, call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        scheme, _, rest = self.base_url.partition("://")
        query = urlencode({"call_id": call_id} if call_id else {"model": model})
        url = f"{'ws' if scheme == 'http' else 'wss'}://{rest}/realtime?{query}"
        return await open_socket_as(self._credentials, url, self._what)

    async def dial(self, sdp: str, session: Mapping[str, Any]) -> Dialled:
        """See `Provider.dial`."""
        return await self._calls().dial(sdp, session)

    async def mint(self, session: Mapping[str, Any]) -> Minted:
        """See `Provider.mint`."""
        return await self._calls().mint(session)

    async def hang_up(self, call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._calls().hang_up(call_id)

    def _calls(self) -> CallsEndpoint:
        is_openai = self.name == "openai"
        return CallsEndpoint(self.name, self.base_url, self._credentials, is_openai, is_openai)

    async def aclose(self) -> None:
        """Closes the text model's connections and the credentials'."""
        await self._text_model.aclose()
        await self._credentials.aclose()

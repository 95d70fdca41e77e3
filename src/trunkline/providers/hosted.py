"""Azure OpenAI (GA) and OpenAI: the hosted Realtime services over WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from trunkline.providers import Connection, Dialled, ProviderError
from trunkline.providers.dialling import CallsEndpoint
from trunkline.providers.socket import open_socket
from trunkline.providers.text import NoTextModel, ResponsesModel
from trunkline.scenario.scenario import Scenario
from trunkline.settings import Settings


class HostedProvider:
    """A hosted Realtime service: a base URL ending in `/v1`, a header with a key, and model names."""

    def __init__(
        self,
        name: str,
        base_url: str,
        header: tuple[str, SecretStr],
        model: str,
        transcription_model: str | None,
        text_model: ResponsesModel | NoTextModel,
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._header = header
        self._model = model
        self._transcription_model = transcription_model
        self._text_model = text_model

    def model_for(self, scenario: Scenario[Any]) -> str:
        """See `Provider.model_for`."""
        return self._model

    def session_extras(self, scenario: Scenario[Any], agent: str, first_agent: str) -> Mapping[str, Any]:
        """See `Provider.session_extras`."""
        return {}

    def transcription(self, scenario: Scenario[Any]) -> Mapping[str, Any] | None:
        """See `Provider.transcription`."""
        return {"model": self._transcription_model} if self._transcription_model else None

    def text_model(self) -> ResponsesModel | NoTextModel:
        """See `Provider.text_model`."""
        return self._text_model

    async def connect(self, model: str, call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        scheme, _, rest = self._base_url.partition("://")
        query = urlencode({"call_id": call_id} if call_id else {"model": model})
        url = f"{'ws' if scheme == 'http' else 'wss'}://{rest}/realtime?{query}"
        name, secret = self._header
        return await open_socket(url, {name: secret.get_secret_value()}, f"{self.name} ({urlsplit(url).hostname})")

    async def dial(self, sdp: str, session: Mapping[str, Any]) -> Dialled:
        """See `Provider.dial`."""
        return await self._calls().dial(sdp, session)

    async def hang_up(self, call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._calls().hang_up(call_id)

    def _calls(self) -> CallsEndpoint:
        name, secret = self._header
        one_step = self.name == "openai"
        return CallsEndpoint(self.name, self._base_url, (name, secret.get_secret_value()), one_step)

    async def aclose(self) -> None:
        """Closes the text model's connections."""
        await self._text_model.aclose()


def azure(settings: Settings) -> HostedProvider:
    """Azure OpenAI, GA: `https://RES.openai.azure.com/openai/v1`, header `api-key`.

    Raises:
        ProviderError: endpoint or key are not set.
    """
    if not settings.azure_endpoint or not settings.azure_api_key:
        raise ProviderError("Azure needs AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY.", retry=False)
    endpoint = settings.azure_endpoint.rstrip("/").removesuffix("/openai/v1").removesuffix("/openai")
    if not endpoint.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ProviderError("AZURE_OPENAI_ENDPOINT should look like https://RESOURCE.openai.azure.com/", retry=False)
    base_url = f"{endpoint}/openai/v1"
    header = ("api-key", settings.azure_api_key)
    return HostedProvider(
        "azure",
        base_url,
        header,
        settings.azure_realtime_deployment,
        settings.azure_transcription_deployment,
        _text_model("azure", base_url, header, settings.azure_deployment, "AZURE_OPENAI_DEPLOYMENT"),
    )


def openai(settings: Settings) -> HostedProvider:
    """OpenAI.

    Raises:
        ProviderError: the key is not set.
    """
    if not settings.openai_api_key:
        raise ProviderError("OpenAI needs OPENAI_API_KEY.", retry=False)
    bearer = SecretStr(f"Bearer {settings.openai_api_key.get_secret_value()}")
    header = ("Authorization", bearer)
    return HostedProvider(
        "openai",
        settings.openai_base_url,
        header,
        settings.openai_realtime_model,
        settings.openai_transcription_model,
        _text_model("openai", settings.openai_base_url, header, settings.openai_model, "OPENAI_MODEL"),
    )


def _text_model(
    what: str, base_url: str, header: tuple[str, SecretStr], model: str | None, variable: str
) -> ResponsesModel | NoTextModel:
    if not model:
        return NoTextModel(f"Set {variable} to the text model's name.")
    name, secret = header
    return ResponsesModel(what, base_url, lambda: {name: secret.get_secret_value()}, lambda _prompt: model)

"""Construction of the hosted providers from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from trunkline.providers import ProviderError
from trunkline.providers.azure_endpoint import parse_azure_endpoint
from trunkline.providers.credentials import Credentials, KeyCredentials
from trunkline.providers.entra import INSTALL, EntraCredentials, is_installed
from trunkline.providers.hosted_realtime import HostedModels, HostedRealtimeProvider
from trunkline.providers.preview import PreviewProvider
from trunkline.providers.realtime_socket import DEFAULT_PINGS, Pings
from trunkline.scenario.text_model import TextModelNames, TextRole
from trunkline.settings import Settings

AZURE_TEXT_VARIABLES: Mapping[TextRole, str] = {
    "text": "AZURE_OPENAI_DEPLOYMENT",
    "moderation": "AZURE_OPENAI_MODERATION_DEPLOYMENT",
    "escalation": "AZURE_OPENAI_ESCALATION_DEPLOYMENT",
    "supervision": "AZURE_OPENAI_SUPERVISION_DEPLOYMENT",
}
OPENAI_TEXT_VARIABLES: Mapping[TextRole, str] = {
    "text": "OPENAI_MODEL",
    "moderation": "OPENAI_MODERATION_MODEL",
    "escalation": "OPENAI_ESCALATION_MODEL",
    "supervision": "OPENAI_SUPERVISION_MODEL",
}
_AZURE_KEY_ADVICE = (
    "Azure refused the key. Check that AZURE_OPENAI_API_KEY belongs to this resource (Keys and Endpoint in the portal) "
    "and that the resource allows keys; if it does not, remove the key and use Entra ID."
)
_OPENAI_KEY_ADVICE = "OpenAI refused the key. Check OPENAI_API_KEY, and that its project may use Realtime models."


def azure_is_configured(settings: Settings) -> bool:
    """Return whether Azure is configured: an endpoint, and a key or the identity library."""
    return bool(settings.azure_endpoint and (settings.azure_api_key or is_installed()))


def azure_provider(settings: Settings, *, pings: Pings = DEFAULT_PINGS) -> HostedRealtimeProvider:
    """Return the provider for Azure OpenAI: GA, or the preview if the settings choose it.

    Args:
        pings: the pings that detect a silent loss of a connection; the preview has the default ones.

    Raises:
        ProviderError: endpoint or credentials are missing or invalid.
    """
    if not settings.azure_endpoint:
        raise ProviderError("Azure needs AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY, or Entra ID.", retry=False)
    endpoint = parse_azure_endpoint(settings.azure_endpoint)
    credentials = azure_credentials(settings)
    models = HostedModels(
        settings.azure_realtime_deployment,
        settings.azure_transcription_deployment,
        TextModelNames(
            settings.azure_deployment,
            settings.azure_moderation_deployment,
            settings.azure_escalation_deployment,
            settings.azure_supervision_deployment,
        ),
        "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT",
        AZURE_TEXT_VARIABLES,
        settings.azure_realtime_fallback_deployment,
    )
    if settings.azure_dialect == "preview":
        return PreviewProvider(endpoint, credentials, models, settings.azure_api_version, settings.azure_region)
    return HostedRealtimeProvider("azure", endpoint.v1, credentials, models, pings=pings)


def azure_credentials(settings: Settings) -> Credentials:
    """Return the key if one is set, else Entra ID.

    Raises:
        ProviderError: no key is set, and the identity library is not installed.
    """
    if settings.azure_api_key:
        return KeyCredentials("api-key", settings.azure_api_key, _AZURE_KEY_ADVICE)
    if not is_installed():
        message = "Azure needs AZURE_OPENAI_API_KEY, or Entra ID, for which the entra extra is not installed."
        raise ProviderError(message, hint=INSTALL, retry=False)
    return EntraCredentials(settings.azure_entra_scope)


def openai_provider(settings: Settings) -> HostedRealtimeProvider:
    """Return the provider for OpenAI.

    Raises:
        ProviderError: the key is missing, or the address is invalid.
    """
    if not settings.openai_api_key:
        raise ProviderError("OpenAI needs OPENAI_API_KEY.", retry=False)
    credentials = KeyCredentials("Authorization", settings.openai_api_key, _OPENAI_KEY_ADVICE)
    models = HostedModels(
        settings.openai_realtime_model,
        settings.openai_transcription_model,
        TextModelNames(
            settings.openai_model,
            settings.openai_moderation_model,
            settings.openai_escalation_model,
            settings.openai_supervision_model,
        ),
        "OPENAI_TRANSCRIPTION_MODEL",
        OPENAI_TEXT_VARIABLES,
        settings.openai_realtime_fallback_model,
    )
    return HostedRealtimeProvider("openai", parse_openai_base_url(settings.openai_base_url), credentials, models)


def parse_openai_base_url(given: str) -> str:
    """Parse the value of OPENAI_BASE_URL.

    Raises:
        ProviderError: the value is not an address. The error does not repeat it, since it may contain a password.
    """
    text = given.strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        problem = "It should look like https://api.openai.com/v1, which is the default."
    elif "@" in parts.netloc:
        problem = "Remove user and password."
    else:
        return text
    raise ProviderError("OPENAI_BASE_URL is not a usable address", hint=problem, retry=False)

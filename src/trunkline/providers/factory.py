"""Which provider is used: the one that is asked for, or the first that is configured, else the local engine."""

from __future__ import annotations

from trunkline.extras import installing
from trunkline.providers import Provider, ProviderError
from trunkline.providers.from_settings import azure, azure_is_configured, openai
from trunkline.scenario.loading import Scenarios
from trunkline.settings import Settings


def chosen_name(settings: Settings) -> str:
    """azure, openai or local."""
    if settings.provider != "auto":
        return settings.provider
    if azure_is_configured(settings):
        return "azure"
    return "openai" if settings.openai_api_key else "local"


async def make_provider(settings: Settings, scenarios: Scenarios) -> Provider:
    """The chosen provider, ready to connect.

    Raises:
        ProviderError: something it needs is not set, or it cannot start.
    """
    name = chosen_name(settings)
    if name == "azure":
        return azure(settings)
    if name == "openai":
        return openai(settings)
    try:
        from trunkline.providers.local_engine import start_local
    except ImportError as error:
        message = f"The local engine needs the speech extra ({error})."
        raise ProviderError(message, hint=f"Install it: {installing('speech')}", retry=False) from error
    return await start_local(scenarios.by_name, settings)

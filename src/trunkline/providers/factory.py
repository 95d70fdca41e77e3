"""Choice of the provider: the requested one, else the first configured one, else the local engine."""

from __future__ import annotations

from trunkline.extras import install_command
from trunkline.providers import Provider, ProviderError
from trunkline.providers.from_settings import azure_is_configured, azure_provider, openai_provider
from trunkline.scenario.loading import LoadedScenarios
from trunkline.settings import Settings


def choose_provider_name(settings: Settings) -> str:
    """Return the name of the provider in use: azure, openai or local."""
    if settings.provider != "auto":
        return settings.provider
    if azure_is_configured(settings):
        return "azure"
    return "openai" if settings.openai_api_key else "local"


async def create_provider(settings: Settings, scenarios: LoadedScenarios) -> Provider:
    """Create the provider that the settings choose.

    Raises:
        ProviderError: a required setting is missing, or the local engine cannot start.
    """
    name = choose_provider_name(settings)
    if name == "azure":
        return azure_provider(settings)
    if name == "openai":
        return openai_provider(settings)
    if settings.engine_urls:
        from trunkline.providers.remote_engine import start_remote_engines

        return await start_remote_engines(settings)
    try:
        from trunkline.providers.local_engine import start_local_engine
    except ImportError as error:
        message = f"The local engine needs the speech extra ({error})."
        raise ProviderError(message, hint=f"Install it: {install_command('speech')}", retry=False) from error
    return await start_local_engine(scenarios.by_name, settings)

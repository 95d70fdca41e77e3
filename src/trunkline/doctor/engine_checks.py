"""Checks of the local engine: its parts, and one turn over a real socket."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trunkline.doctor.report import Finding
from trunkline.doctor.text_model_checks import check_text_models
from trunkline.engine.speech.factory import Part, parts
from trunkline.extras import install_command
from trunkline.providers import Connection, ConnectionLostError, ProviderError, decode_frame
from trunkline.realtime.events import Event, MalformedEventError, encode
from trunkline.scenario.loading import load
from trunkline.scenario.text_model import TextRole
from trunkline.settings import Settings

if TYPE_CHECKING:
    from trunkline.providers.engine_client import EngineClient
    from trunkline.providers.local_engine import LocalEngineProvider

ANSWER_TIMEOUT_S = 20.0
CHAT_VARIABLES: Mapping[TextRole, str] = {
    "text": "TRUNKLINE_CHAT_MODEL",
    "moderation": "TRUNKLINE_CHAT_MODERATION_MODEL",
    "escalation": "TRUNKLINE_CHAT_ESCALATION_MODEL",
    "supervision": "TRUNKLINE_CHAT_SUPERVISION_MODEL",
}


async def check_engine(settings: Settings) -> list[Finding]:
    """Check the engine's parts, and request one answer; if engines run elsewhere, one of each."""
    if settings.engine_urls:
        return await _check_remote_engines(settings)
    findings = [_check_part(part) for part in parts(settings) if part.in_use]
    findings.append(_check_webrtc())
    if all(finding.outcome != "error" for finding in findings):
        findings += await _check_answers(settings)
    return findings


def _check_part(part: Part) -> Finding:
    if not part.missing:
        return Finding(part.kind, "ok", f"{part.name}: {part.description}")
    if part.name == "http":
        return Finding(part.kind, "error", "http is selected, but its address is not set.", part.missing)
    return Finding(part.kind, "warning", f"{part.name} is not installed, so calls can only be typed.", part.missing)


def _check_webrtc() -> Finding:
    if importlib.util.find_spec("aiortc") is not None:
        return Finding(
            "webrtc", "ok", "The engine answers WebRTC offers; audio flows directly between page and engine."
        )
    return Finding(
        "webrtc",
        "note",
        "aiortc is not installed, so audio uses the relay.",
        f"To install it: {install_command('webrtc')}",
    )


async def _check_remote_engines(settings: Settings) -> list[Finding]:
    from trunkline.providers.remote_engine import start_remote_engines

    scenario = next(iter(load([]).by_name))
    findings = []
    provider = await start_remote_engines(settings)
    try:
        for engine in provider.engines:
            if engine.fault is not None or (abilities := engine.abilities) is None:
                fault = engine.fault or ProviderError("The engine does not describe itself.")
                findings.append(Finding("engine", "error", str(fault), fault.hint))
                continue
            parts_of_it = ", ".join(filter(None, (abilities.stt, abilities.tts, abilities.chat_model)))
            findings.append(Finding("engine", "ok", f"The engine at {engine.address} answers, with {parts_of_it}."))
            if abilities.speech_problem is not None:
                message = f"Calls with the engine at {engine.address} can only be typed: it has no speech."
                findings.append(Finding("engine", "warning", message, abilities.speech_problem))
            findings.append(await _check_turn(engine.client, scenario))
    finally:
        await provider.aclose()
    return findings


async def _check_answers(settings: Settings) -> list[Finding]:
    """Start the engine, and request a turn; with chat models also an answer of each."""
    from trunkline.providers.local_engine import start_local_engine

    scenarios = load([]).by_name
    try:
        provider = await start_local_engine(scenarios, settings)
    except ProviderError as error:
        do = error.hint or "Fix the errors above, and run the doctor again."
        return [Finding("realtime", "error", str(error), do)]
    try:
        findings = [await _check_turn(provider, next(iter(scenarios)))]
        if findings[0].outcome == "ok" and settings.chat_base_url and settings.chat_model:
            findings += [one async for one in check_text_models(provider.text_model(), CHAT_VARIABLES)]
    finally:
        await provider.aclose()
    return findings


async def _check_turn(provider: LocalEngineProvider | EngineClient, model: str) -> Finding:
    began = time.monotonic()
    try:
        connection = await provider.connect(model)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                status = await _request_answer(connection)
        finally:
            await connection.close()
    except (ProviderError, ConnectionLostError, TimeoutError) as error:
        message = f"The engine did not answer: {str(error) or type(error).__name__}."
        return Finding("realtime", "error", message, "Run `trunkline engine` and read its output.")
    took_ms = (time.monotonic() - began) * 1000
    if status != "completed":
        message = f"The engine's answer {status}."
        return Finding(
            "realtime",
            "error",
            message,
            "If you use a chat model, check TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL.",
        )
    return Finding("realtime", "ok", f"The engine answers a turn in {took_ms:.0f} ms.")


async def _request_answer(connection: Connection) -> str:
    content = [{"type": "input_text", "text": "hi"}]
    asked: list[Event] = [
        {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}},
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}},
        {"type": "response.create"},
    ]
    for event in asked:
        await connection.send(encode(event).decode())
    while True:
        try:
            event = decode_frame(await connection.receive())
        except MalformedEventError:
            continue
        if event["type"] == "response.done":
            return str(event["response"]["status"])

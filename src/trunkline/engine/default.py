"""Engine with its default parts: the installed speech packages, and a brain for each scenario."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from trunkline.descriptors import Capacity, capacity_for, soft_limit
from trunkline.engine.abilities import abilities_of
from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.brains.chat_brain import ChatBrain
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.brains.unconfigured_brain import UnconfiguredBrain
from trunkline.engine.chat_models import ChatModels, chat_models
from trunkline.engine.http.app import MAX_SESSIONS, BrainFactory, Engine
from trunkline.engine.opening_lines import prepare_opening_lines
from trunkline.engine.server import EngineServer
from trunkline.engine.speech import SpeechError, Stt, Tts
from trunkline.engine.speech.factory import create_stt, create_tts, create_voice_activity_factory, warm
from trunkline.engine.speech.vad import FRAME_BYTES, VoiceActivity
from trunkline.engine.text import TextModelFactory, TextRequest
from trunkline.engine.text.chat_text_model import chat_text_model
from trunkline.engine.text.rehearsed_text_model import find_rehearsed_text_model, rehearsed_model_names
from trunkline.engine.text.unconfigured_text_model import text_model_not_found
from trunkline.engine.transports.ice import IceOptions, ice_servers
from trunkline.listener.limits import ListenerLimits
from trunkline.origin_guard import OriginRules
from trunkline.scenario.scenario import AnyScenario
from trunkline.settings import Settings
from trunkline.tls import TlsIdentity

logger = logging.getLogger(__name__)


@asynccontextmanager
async def local_engine(
    scenarios: Mapping[str, AnyScenario],
    settings: Settings,
    *,
    key: str | None,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: TlsIdentity | None = None,
    listener: socket.socket | None = None,
) -> AsyncIterator[EngineServer]:
    """Run the engine on its own listener while the context is open. With a certificate, it speaks TLS alone.

    Args:
        listener: a socket that listens already, in place of host and port.

    Raises:
        SpeechError: a setting is missing. The message names the fix.
        OSError: the address is not available.
    """
    tts = create_tts(settings)
    stt = create_stt(settings)
    chat = chat_models(settings)
    try:
        voice_activity = create_voice_activity_factory()
        names = model_names(scenarios, chat.names if chat else ())
        capacity = capacity_for(Capacity(settings.max_connections, MAX_SESSIONS), soft_limit())
        engine = Engine(
            brain_factory(scenarios, chat),
            stt,
            tts,
            voice_activity,
            key=key,
            max_sessions=capacity.calls,
            ice=ice_options(settings),
            text_models=text_model_factory(scenarios, chat),
            names=names,
            abilities=msgspec.to_builtins(abilities_of(settings, tuple(names))),
            pronunciations=lambda model: scenarios[model].pronunciations if model in scenarios else {},
            origins=OriginRules.of_listener(host, settings.allowed_origins, (), has_secret=key is not None),
        )
        limits = ListenerLimits.of(settings, capacity, max(settings.max_client_connections, 3 * capacity.calls))
        async with EngineServer(engine, host, port, tls=tls, listener=listener, limits=limits) as server:
            warming = asyncio.create_task(_warm(stt, tts, voice_activity, dictation=chat is not None))
            opening = asyncio.create_task(prepare_opening_lines([] if chat else list(scenarios.values()), tts))
            try:
                yield server
            finally:
                warming.cancel()
                opening.cancel()
                await asyncio.gather(warming, opening, return_exceptions=True)
    finally:
        await stt.aclose()
        await tts.aclose()
        if chat is not None:
            await chat.aclose()


async def _warm(stt: Stt, tts: Tts, voice_activity: Callable[[], VoiceActivity], *, dictation: bool) -> None:
    """Load slow parts before the first turn. If a part cannot start, the first turn reports it again."""
    voice_activity().probability(bytes(FRAME_BYTES))
    if (
        importlib.util.find_spec("aiortc") is not None
    ):  # the import is slow, and the page waits only three seconds for WebRTC
        await asyncio.to_thread(importlib.import_module, "trunkline.engine.transports.webrtc")
    try:
        await warm(stt, tts, dictation=dictation)
    except SpeechError as error:
        logger.warning("%s", error)


def ice_options(settings: Settings) -> IceOptions:
    """Return the options for WebRTC connections."""
    return IceOptions(servers=ice_servers(settings), loopback=settings.ice_loopback)


def brain_factory(scenarios: Mapping[str, AnyScenario], chat: ChatModels | None) -> BrainFactory:
    """Return the factory of brains.

    A configured chat model answers for any model name. Otherwise the name selects a scenario: its rehearsal answers, or
    a brain that explains the missing rehearsal.
    """

    def create_brain(model: str, _settings: dict[str, object] | None) -> Brain:
        if chat is not None:
            return ChatBrain(chat.default)
        scenario = scenarios.get(model)
        if scenario is None:
            known = ", ".join(scenarios) or "none"
            raise BrainError(
                f"The model {model!r} does not exist. Without a chat model, use the name of a scenario: {known}.",
                code="DeploymentNotFound",
            )
        if scenario.rehearsal is None:
            return UnconfiguredBrain()
        return RehearsalBrain(scenario, scenario.rehearsal)

    return create_brain


def model_names(scenarios: Mapping[str, AnyScenario], chat: Sequence[str]) -> list[str]:
    """Return the model names to list: the chat models, the scenarios, and their text models."""
    return [*chat, *scenarios, *rehearsed_model_names(scenarios)]


def text_model_factory(scenarios: Mapping[str, AnyScenario], chat: ChatModels | None) -> TextModelFactory:
    """Return the factory of text models: the chat models for any name, or else the scenarios' rehearsals."""

    def create_text_model(request: TextRequest) -> Brain:
        if chat is not None:
            return chat_text_model(request, chat.find(request.model))
        found = find_rehearsed_text_model(request, scenarios)
        if found is None:
            raise text_model_not_found(request, rehearsed_model_names(scenarios))
        return found

    return create_text_model

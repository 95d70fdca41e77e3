"""The turn detection of a call: the scenario's own, or the provider's default."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from agents.realtime import RealtimeAgent

from trunkline import Scenario
from trunkline.engine.abilities import EngineAbilities
from trunkline.engine.server import EngineServer
from trunkline.providers import Provider
from trunkline.providers.from_settings import openai_provider
from trunkline.providers.local_engine import LocalEngineProvider
from trunkline.scenario.scenario import SERVER_VAD
from trunkline.settings import Settings

OWN = {"type": "server_vad", "silence_duration_ms": 900}


def local(*, knows_words: bool = True) -> Provider:
    server = cast("EngineServer", SimpleNamespace(url="http://127.0.0.1:9"))
    return LocalEngineProvider(server, "key", AsyncExitStack(), EngineAbilities(knows_words=knows_words))


def hosted() -> Provider:
    return openai_provider(Settings.model_validate({"openai_api_key": "k" * 40}))


def scenario(**options: Any) -> Scenario:
    return Scenario("desk", agents=[RealtimeAgent(name="host", instructions="Say hello.")], **options)


@pytest.mark.parametrize(
    ("provider", "detection"),
    [
        (local(), {"type": "semantic_vad", "eagerness": "auto"}),
        (local(knows_words=False), SERVER_VAD),
        (hosted(), SERVER_VAD),
    ],
    ids=["the local engine", "the local engine without partial words", "a hosted service"],
)
def test_each_provider_has_its_default(provider: Provider, detection: Mapping[str, Any]) -> None:
    assert provider.turn_detection(scenario()) == detection


@pytest.mark.parametrize("provider", [local(), hosted()], ids=["local", "hosted"])
@pytest.mark.parametrize("own", [OWN, dict(SERVER_VAD), None], ids=["own", "the hosted default, written out", "none"])
def test_the_scenarios_own_comes_first(provider: Provider, own: Mapping[str, Any] | None) -> None:
    assert provider.turn_detection(scenario(turn_detection=own)) == own

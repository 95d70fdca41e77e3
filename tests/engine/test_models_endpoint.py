"""Description of the engine at `/`, and the list of its models for clients with the key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2 as httpx
import openai
import pytest
from openai import AsyncOpenAI

from tests.engine.test_real_client import KEY, running
from trunkline.engine.default import local_engine, model_names
from trunkline.engine.server import EngineServer
from trunkline.scenario.loading import load
from trunkline.settings import Settings

PREFIXES = ["/openai/v1", "/v1"]
NAMES = ["shop", "shop/moderation"]


@asynccontextmanager
async def client_of(server: EngineServer, prefix: str, key: str = KEY) -> AsyncIterator[AsyncOpenAI]:
    url = f"http://127.0.0.1:{server.port}{prefix}"
    async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


async def test_the_root_describes_the_engine_without_a_key() -> None:
    async with running() as server, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{server.port}/")
        refused = await http.post(f"http://127.0.0.1:{server.port}/")
    assert answer.status_code == 200
    told = answer.json()
    assert told["name"] == "Trunkline engine"
    assert {"/openai/v1", "/v1"} <= set(told["paths"])
    assert "docs/engine.md" in told["documentation"]
    assert refused.status_code == 404


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_official_client_lists_the_models(prefix: str) -> None:
    async with running(names=[*NAMES, "shop"]) as server, client_of(server, prefix) as client:
        listed = [model async for model in client.models.list()]
        one = await client.models.retrieve("shop/moderation")
    assert [model.id for model in listed] == NAMES
    assert {model.object for model in listed} == {"model"}
    assert one == listed[1]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", ["/models", "/models/shop"])
async def test_the_models_need_the_key(prefix: str, path: str) -> None:
    async with running(names=NAMES) as server, client_of(server, prefix, "wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.get(path, cast_to=object)


@pytest.mark.parametrize(("prefix", "code"), [("/openai/v1", "DeploymentNotFound"), ("/v1", "model_not_found")])
async def test_an_unknown_model(prefix: str, code: str) -> None:
    async with running(names=NAMES) as server, client_of(server, prefix) as client:
        with pytest.raises(openai.NotFoundError, match="Known models: shop, shop/moderation") as caught:
            await client.models.retrieve("gpt-x")
    assert caught.value.code == code


@pytest.mark.speech
async def test_the_engine_that_ships_lists_scenarios_and_their_text_models() -> None:
    settings = Settings.model_construct(chat_base_url=None, chat_model=None)
    scenarios = load([]).by_name
    async with local_engine(scenarios, settings, key=KEY) as server, client_of(server, "/v1") as client:
        names = [model.id async for model in client.models.list()]
    assert names[: len(scenarios)] == list(scenarios)
    assert "customerServiceRetail/eligibility" in names


def test_chat_models_come_first() -> None:
    names = model_names(load([]).by_name, ["llama3", "llama3-guard"])
    assert names[:3] == ["llama3", "llama3-guard", next(iter(load([]).by_name))]

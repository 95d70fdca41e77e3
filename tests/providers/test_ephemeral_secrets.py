"""Ephemeral secrets of OpenAI and of the local engine, for front ends."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.client import connect

from tests.providers.webrtc_calls_fake import KEY, SECRET, CallsService, serving
from trunkline.providers import ProviderError
from trunkline.providers.from_settings import openai_provider
from trunkline.providers.local_engine import start_local_engine
from trunkline.scenario.loading import load
from trunkline.settings import Settings

SESSION = {"type": "realtime", "model": "a-model", "instructions": "Be kind."}


async def test_openai_creates_secrets_that_also_open_sockets() -> None:
    async with serving(CallsService(one_step=True)) as service:
        provider = openai_provider(Settings.model_validate({"openai_api_key": KEY, "openai_base_url": service.url}))
        secret = await provider.create_ephemeral_secret(SESSION)
        await provider.aclose()
    (request,) = service.requests
    assert (request.target, request.headers["authorization"]) == ("/v1/realtime/client_secrets", f"Bearer {KEY}")
    body = json.loads(request.body)
    assert body["session"] == SESSION
    assert body["expires_after"] == {"anchor": "created_at", "seconds": 600}
    assert secret.value == SECRET
    assert secret.url == f"{service.url}/realtime/calls"
    assert secret.socket_url == f"{service.url.replace('http', 'ws')}/realtime?model=a-model"


async def test_a_refusal_says_why_and_shows_nothing() -> None:
    async with serving(CallsService(refuse={"/v1/realtime/client_secrets": 403})) as service:
        provider = openai_provider(Settings.model_validate({"openai_api_key": KEY, "openai_base_url": service.url}))
        with pytest.raises(ProviderError, match="403: no, thank you") as caught:
            await provider.create_ephemeral_secret(SESSION)
        await provider.aclose()
    assert KEY not in f"{caught.value!r} {caught.value.hint}"


async def test_the_engines_secret_opens_the_session_that_was_bound_in() -> None:
    scenarios = load([]).by_name
    provider = await start_local_engine(scenarios, Settings.model_validate({"provider": "local"}))
    try:
        secret = await provider.create_ephemeral_secret({**SESSION, "model": "simpleHandoff"})
        assert secret.socket_url is not None
        headers = {"authorization": f"Bearer {secret.value}"}
        async with connect(secret.socket_url, additional_headers=headers, proxy=None) as socket:
            created = json.loads(await socket.recv())
    finally:
        await provider.aclose()
    assert created["session"]["instructions"] == "Be kind."

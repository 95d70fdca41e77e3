"""HTTP errors in the format of the path's service: Azure's gateway, or OpenAI."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest
import websockets

from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts
from tests.engine.test_real_client import KEY, running
from trunkline.engine.brains import BrainError
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer

AZURE, OPENAI = "/openai/v1", "/v1"
GATEWAY = {"code", "message"}
WHOLE = {"message", "type", "code", "param"}


async def error_at(server: EngineServer, path: str, key: str = KEY, **request: Any) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{server.port}{path}"
        answer = await client.post(url, headers={"api-key": key}, **request)
    return answer.status_code, answer.json()["error"]


async def socket_error_at(server: EngineServer, path: str, key: str = KEY) -> tuple[int, dict[str, Any]]:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(f"ws://127.0.0.1:{server.port}{path}", additional_headers={"api-key": key})
    assert caught.value.response.body is not None
    return caught.value.response.status_code, json.loads(caught.value.response.body)["error"]


@pytest.mark.parametrize("path", ["/realtime/client_secrets", "/responses", "/realtime/calls/rtc_1/hangup"])
async def test_a_wrong_key(path: str) -> None:
    async with running() as server:
        status, azure = await error_at(server, AZURE + path, "wrong", json={})
        assert (status, azure["code"], set(azure)) == (401, "401", GATEWAY)
        status, openai = await error_at(server, OPENAI + path, "wrong", json={})
        assert (status, openai["code"], set(openai)) == (401, "invalid_api_key", WHOLE)


async def test_a_wrong_key_at_a_socket() -> None:
    async with running() as server:
        status, azure = await socket_error_at(server, f"{AZURE}/realtime?model=m", "wrong")
        assert (status, azure["code"], set(azure)) == (401, "401", GATEWAY)
        status, openai = await socket_error_at(server, f"{OPENAI}/realtime?model=m", "wrong")
        assert (status, openai["code"], set(openai)) == (401, "invalid_api_key", WHOLE)


async def test_an_unknown_model() -> None:
    def unknown(model: str, settings: object) -> FakeBrain:
        raise BrainError(f"There is no model {model}.", "DeploymentNotFound")

    async with EngineServer(Engine(unknown, FakeStt(), FakeTts(), FakeActivity, key=KEY)) as server:
        status, azure = await socket_error_at(server, f"{AZURE}/realtime?model=m")
        assert (status, azure) == (404, {"code": "DeploymentNotFound", "message": "There is no model m."})
        status, openai = await socket_error_at(server, f"{OPENAI}/realtime?model=m")
        assert (status, openai["code"], set(openai)) == (404, "model_not_found", WHOLE)


@pytest.mark.parametrize(("prefix", "code"), [(AZURE, "404"), (OPENAI, None)])
async def test_an_unknown_path(prefix: str, code: str | None) -> None:
    async with running() as server:
        for status, error in (
            await error_at(server, f"{prefix}/weather"),
            await socket_error_at(server, f"{prefix}/weather"),
        ):
            assert (status, error["code"]) == (404, code)
            assert f"{prefix}/weather" in error["message"]


async def test_an_invalid_request_names_the_parameter_on_all_paths() -> None:
    async with running() as server:
        for prefix in (AZURE, OPENAI):
            status, error = await error_at(server, f"{prefix}/realtime/client_secrets", json={"session": 5})
            assert (status, error["code"], error["param"]) == (400, "invalid_type", "session")
            assert set(error) == WHOLE


async def test_a_busy_engine_answers_with_retry_after() -> None:
    async with (
        running(max_sessions=1) as server,
        websockets.connect(f"ws://127.0.0.1:{server.port}/v1/realtime?model=m", additional_headers={"api-key": KEY}),
    ):
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(
                f"ws://127.0.0.1:{server.port}/v1/realtime?model=m", additional_headers={"api-key": KEY}
            )
    assert caught.value.response.status_code == 429
    assert int(caught.value.response.headers["Retry-After"]) > 0

"""Ephemeral keys: their requests, their sessions, and their expiry."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest
import websockets
from openai import AsyncOpenAI
from openai.types.realtime import ClientSecretCreateResponse

from tests.engine.rtc.rtc_caller import KEY, engine, websocket_url
from trunkline.engine.http.client_secrets import ClientSecrets
from trunkline.realtime.validation import InvalidRequest

SESSION = {"type": "realtime", "model": "m"}


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_secret_lasts_ten_minutes_by_default() -> None:
    secrets = ClientSecrets(Clock())
    assert secrets.mint({"session": SESSION}).expires_at == 1600
    assert (
        secrets.mint({"session": SESSION, "expires_after": {"anchor": "created_at", "seconds": 10}}).expires_at == 1010
    )


def test_a_secret_can_be_used_again_until_it_expires() -> None:
    clock = Clock()
    secrets = ClientSecrets(clock)
    value = secrets.mint({"session": SESSION}).value
    assert value.startswith("ek_")
    for clock.now in (1_000.0, 1_599.9):
        found = secrets.find(value)
        assert found is not None
        assert (found.model, found.settings) == ("m", SESSION)
    clock.now = 1_600.0
    assert secrets.find(value) is None


def test_an_unknown_secret_is_not_found() -> None:
    assert ClientSecrets().find("ek_guessed") is None


def test_the_number_of_secrets_is_limited() -> None:
    clock = Clock()
    secrets = ClientSecrets(clock, max_secrets=3)
    values = [secrets.mint({"session": SESSION}).value for _ in range(4)]
    assert [secrets.find(value) is not None for value in values] == [False, True, True, True]
    clock.now += 601
    secrets.mint({"session": SESSION})
    assert len(secrets) == 1


def test_a_secret_has_the_requested_session() -> None:
    secrets = ClientSecrets()
    asked: dict[str, Any] = {**SESSION, "instructions": "Be brief.", "audio": {"input": {"turn_detection": None}}}
    secret = secrets.mint({"session": asked})
    asked["instructions"] = "changed later"
    assert secret.settings["instructions"] == "Be brief."
    assert secret.session["instructions"] == "Be brief."
    assert secret.session["audio"]["input"]["turn_detection"] is None
    assert secret.session["audio"]["output"]["voice"] == "alloy"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", "body"),
        ({}, "missing_required_parameter", "session"),
        ({"session": "m"}, "invalid_type", "session"),
        ({"session": {"type": "realtime"}}, "missing_required_parameter", "session.model"),
        ({"session": {"model": "m"}}, "missing_required_parameter", "session.type"),
        ({"session": {"model": 5, "type": "realtime"}}, "invalid_type", "session.model"),
        ({"session": {"model": "m", "type": "translation"}}, "invalid_value", "session.type"),
        ({"session": {"model": "m", "type": "transcription"}}, "unknown_parameter", "session.model"),
        ({"session": {**SESSION, "temperature": 1}}, "unknown_parameter", "session.temperature"),
        ({"session": {**SESSION, "tools": 1}}, "invalid_type", "session.tools"),
        ({"session": SESSION, "ttl": 5}, "unknown_parameter", "ttl"),
        ({"session": SESSION, "expires_after": {"seconds": 9}}, "integer_below_min_value", "expires_after.seconds"),
        ({"session": SESSION, "expires_after": {"seconds": 7201}}, "integer_above_max_value", "expires_after.seconds"),
        ({"session": SESSION, "expires_after": {"anchor": "now"}}, "invalid_value", "expires_after.anchor"),
    ],
)
def test_an_invalid_request_is_refused_with_its_path(body: Any, code: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ClientSecrets().mint(body)
    assert (caught.value.code, caught.value.param) == (code, param)


async def test_the_official_client_mints() -> None:
    async with engine() as server, AsyncOpenAI(base_url=server.url, api_key=KEY) as client:
        made = await client.realtime.client_secrets.create(
            session={"type": "realtime", "model": "m", "instructions": "Be brief."},
            expires_after={"anchor": "created_at", "seconds": 60},
        )
    ClientSecretCreateResponse.model_validate(made.model_dump(), strict=True)
    assert made.value.startswith("ek_")
    assert made.session.type == "realtime"
    assert made.session.instructions == "Be brief."


@pytest.mark.parametrize("prefix", ["/openai/v1", "/v1"])
@pytest.mark.parametrize("headers", [{}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}])
async def test_minting_needs_the_key(prefix: str, headers: dict[str, str]) -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        url = server.url.replace("/openai/v1", prefix)
        answer = await client.post(f"{url}/realtime/client_secrets", json={"session": SESSION}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == ("401" if "openai" in prefix else "invalid_api_key")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b"{}", 400, "missing_required_parameter"),
        (b" " * (1 << 20) + b"{}", 413, "request_too_large"),
    ],
)
async def test_a_bad_body_is_answered_like_the_services(content: bytes, status: int, code: str) -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        url = f"{server.url}/realtime/client_secrets"
        answer = await client.post(url, content=content, headers={"api-key": KEY})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == (code, "invalid_request_error")


async def test_an_ephemeral_key_opens_a_socket_with_its_session_and_cannot_mint() -> None:
    async with engine() as server, httpx.AsyncClient() as client:
        url = f"{server.url}/realtime/client_secrets"
        body = {"session": {**SESSION, "instructions": "Be brief."}}
        value = (await client.post(url, json=body, headers={"api-key": KEY})).json()["value"]
        again = await client.post(url, json=body, headers={"Authorization": f"Bearer {value}"})
        assert again.status_code == 401
        protocols = [websockets.Subprotocol("realtime"), websockets.Subprotocol(f"openai-insecure-api-key.{value}")]
        async with websockets.connect(websocket_url(server, ""), subprotocols=protocols) as socket:
            assert '"instructions":"Be brief."' in str(await socket.recv())

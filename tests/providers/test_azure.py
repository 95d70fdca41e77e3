"""The Azure provider against the strict fake: credentials, deployments, ephemeral secrets, text, refusals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.providers.azure_fake import KEY, FakeAzure, fake_azure
from tests.providers.test_entra import FakeToken
from trunkline.providers import Connection, ConnectionLostError, ProviderError, decode_frame
from trunkline.providers.entra import EntraCredentials
from trunkline.providers.from_settings import AZURE_TEXT_VARIABLES, azure_provider
from trunkline.providers.hosted_realtime import HostedModels, HostedRealtimeProvider
from trunkline.providers.realtime_socket import DEFAULT_PINGS, Pings
from trunkline.realtime.events import Event, encode
from trunkline.scenario.loading import load
from trunkline.scenario.text_model import MissingTextModelError, TextModelError, TextModelNames, TextPrompt

SCENARIO = "simpleHandoff"
PROMPT = TextPrompt(scenario=SCENARIO, purpose="greeting", instructions="Say OK.", items=[])
SESSION: dict[str, Any] = {"type": "realtime", "model": "my-realtime", "instructions": "Be kind."}


@contextlib.asynccontextmanager
async def reached(
    *, pings: Pings = DEFAULT_PINGS, **changes: Any
) -> AsyncIterator[tuple[FakeAzure, HostedRealtimeProvider]]:
    """The stand-in, and the provider with a key for it."""
    async with fake_azure({SCENARIO: load([]).by_name[SCENARIO]}, SCENARIO) as there:
        provider = azure_provider(there.settings(**changes), pings=pings)
        try:
            yield there, provider
        finally:
            await provider.aclose()


async def received(connection: Connection, kind: str) -> Event:
    """The next event of a type."""
    async with asyncio.timeout(5):
        while True:
            event = decode_frame(await connection.receive())
            if event["type"] == kind:
                return event


# Credentials --------------------------------------------------------------------------------------------------------
async def test_a_key_opens_a_socket_without_version_or_beta() -> None:
    async with reached() as (there, provider):
        connection = await provider.connect("my-realtime")
        created = await received(connection, "session.created")
        await connection.close()
    assert created["session"]["model"] == "my-realtime"
    (request,) = there.requests
    assert request.query == {"model": "my-realtime"}
    assert request.headers["api-key"] == KEY
    assert there.refused == []


async def test_a_dated_version_in_the_settings_changes_nothing_on_ga() -> None:
    async with reached(azure_api_version="2025-04-01-preview") as (there, provider):
        await (await provider.connect("my-realtime")).close()
        await provider.create_ephemeral_secret(SESSION)
    assert there.refused == []
    assert all("api-version" not in request.query for request in there.requests)


async def test_a_wrong_key_is_reported_with_its_fix_and_not_shown() -> None:
    async with reached(azure_api_key="not-the-key") as (there, provider):
        with pytest.raises(ProviderError, match="401: Access denied") as caught:
            await provider.connect("my-realtime")
        assert len(there.requests) == 1  # a key does not get better by being shown again
    assert "AZURE_OPENAI_API_KEY" in (caught.value.hint or "")
    assert "not-the-key" not in f"{caught.value} {caught.value.hint}"


async def test_a_key_repeated_by_the_service_is_redacted() -> None:
    async with reached() as (there, provider):
        there.faults.refuse(403, 3, path="*", message=f"The key {KEY} may not do this.")
        for attempt in (provider.connect("my-realtime"), provider.create_ephemeral_secret(SESSION)):
            with pytest.raises(ProviderError, match="The key … may not do this") as caught:
                await attempt
            assert KEY not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__}"
        with pytest.raises(TextModelError, match="The key … may not do this") as told:
            await provider.text_model().reply(PROMPT)
        assert KEY not in repr(told.value)


class Tokens:
    """A credential that gives numbered tokens."""

    def __init__(self) -> None:
        self.given = 0

    async def get_token(self, *scopes: str) -> FakeToken:
        self.given += 1
        return FakeToken(f"token-{self.given}", 2**40)

    async def close(self) -> None:
        """Nothing is open."""


def by_entra(there: FakeAzure, tokens: Tokens) -> HostedRealtimeProvider:
    names = there.deployed
    models = HostedModels(
        names.realtime, names.transcription, TextModelNames(names.text), "TRANSCRIPTION", AZURE_TEXT_VARIABLES
    )
    return HostedRealtimeProvider("azure", f"{there.endpoint}/openai/v1", EntraCredentials(make=lambda: tokens), models)


async def test_a_token_of_entra_id_goes_as_bearer_everywhere() -> None:
    async with reached() as (there, _with_key):
        there.tokens = {"token-1"}
        provider = by_entra(there, tokens := Tokens())
        await (await provider.connect("my-realtime")).close()
        await provider.create_ephemeral_secret(SESSION)
        await provider.text_model().reply(PROMPT)
        await provider.aclose()
    assert tokens.given == 1
    assert {request.headers["authorization"] for request in there.requests} == {"Bearer token-1"}
    assert all("api-key" not in request.headers for request in there.requests)


async def test_after_a_401_another_token_is_shown_once() -> None:
    async with reached() as (there, _with_key):
        provider = by_entra(there, tokens := Tokens())
        there.tokens = {"token-2"}
        await (await provider.connect("my-realtime")).close()
        there.tokens = {"token-3"}
        await provider.create_ephemeral_secret(SESSION)
        there.tokens = {"token-4"}
        assert (await provider.text_model().reply(PROMPT)).text == "OK"
        there.tokens = set()
        with pytest.raises(ProviderError, match="401") as caught:
            await provider.connect("my-realtime")
        await provider.aclose()
    assert tokens.given == 5
    assert "Cognitive Services OpenAI User" in (caught.value.hint or "")


# Deployments --------------------------------------------------------------------------------------------------------
async def test_a_deployment_that_is_not_there_is_named_as_such() -> None:
    async with reached() as (_there, provider):
        with pytest.raises(ProviderError, match="404: The API deployment for this resource does not exist") as caught:
            await provider.connect("gpt-realtime")
    assert (caught.value.code, caught.value.retry) == (404, False)
    assert "deployment's" in (caught.value.hint or "")


async def test_without_a_transcription_deployment_a_notice_appears() -> None:
    async with reached(azure_transcription_deployment=None) as (_there, provider):
        scenario = load([]).by_name[SCENARIO]
        assert provider.transcription(scenario) is None
        (notice,) = provider.notices()
    assert notice.code == "no_transcription"
    assert "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT" in (notice.hint or "")


async def test_with_all_deployments_there_is_nothing_to_notice() -> None:
    async with reached() as (_there, provider):
        assert list(provider.notices()) == []


async def test_the_text_model_is_its_deployment() -> None:
    async with reached() as (there, provider):
        there.text = lambda body: f"{body['model']} was asked"
        assert (await provider.text_model().reply(PROMPT)).text == "my-text was asked"
    assert there.requests[0].query == {}


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("text", "my-text"),
        ("escalation", "my-reasoner"),
        ("moderation", "my-text"),  # it has no deployment of its own
        ("my-reasoner", "my-reasoner"),
    ],
)
async def test_each_role_has_its_deployment_or_the_text_models(model: str, asked: str) -> None:
    async with reached(azure_escalation_deployment="my-reasoner") as (_there, provider):
        reply = await provider.text_model().reply(replace(PROMPT, model=model))
    assert reply.model == asked


async def test_a_role_may_have_a_deployment_without_a_text_model() -> None:
    async with reached(azure_deployment=None, azure_moderation_deployment="my-text") as (_there, provider):
        assert (await provider.text_model().reply(replace(PROMPT, model="moderation"))).model == "my-text"
        with pytest.raises(MissingTextModelError, match="AZURE_OPENAI_DEPLOYMENT or AZURE_OPENAI_ESCALATION"):
            await provider.text_model().reply(replace(PROMPT, model="escalation"))


async def test_a_missing_text_deployment_names_its_setting() -> None:
    async with reached(azure_deployment=None) as (_there, provider):
        with pytest.raises(MissingTextModelError, match="Set AZURE_OPENAI_DEPLOYMENT to its name"):
            await provider.text_model().reply(PROMPT)


# When to try again --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("retry_after", "waits_s"), [("7", 7.0), ("0.5", 0.5), (None, None), ("soon", None)])
async def test_a_refusal_says_how_long_to_wait_where_the_service_does(
    retry_after: str | None, waits_s: float | None
) -> None:
    async with reached() as (there, provider):
        there.faults.refuse(429, 2, path="*", retry_after=retry_after)
        for attempt in (provider.connect("my-realtime"), provider.create_ephemeral_secret(SESSION)):
            with pytest.raises(ProviderError, match="429") as caught:
                await attempt
            assert (caught.value.retry, caught.value.retry_after_s) == (True, waits_s)


@pytest.mark.realtime
async def test_the_text_model_waits_for_retry_after() -> None:
    async with reached() as (there, provider):
        there.faults.refuse(429, 2, path="*/responses", retry_after="0.05")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await provider.text_model().reply(PROMPT)).text == "OK"
        assert 0.1 <= loop.time() - began < 0.5  # without the header it would be 1.5 s
        assert len(there.requests) == 3


async def test_a_pause_that_no_caller_would_sit_through_is_an_error_at_once() -> None:
    async with reached() as (there, provider):
        there.faults.refuse(429, path="*/responses", retry_after="60")
        with pytest.raises(TextModelError, match="pause of 60 s"):
            await provider.text_model().reply(PROMPT)
        assert len(there.requests) == 1


# Secrets ------------------------------------------------------------------------------------------------------------
async def test_a_secret_carries_the_session() -> None:
    async with reached() as (there, provider):
        secret = await provider.create_ephemeral_secret(SESSION)
    assert secret.value.startswith("ek_")
    assert secret.value not in repr(secret)
    assert secret.expires_at > 0
    assert secret.url == f"{there.endpoint}/openai/v1/realtime/calls"
    assert secret.socket_url is None
    assert there.opened == [SESSION]


@pytest.mark.parametrize("field", ["temperature", "voice", "input_audio_format", "modalities"])
async def test_fields_of_the_beta_are_refused_on_ga(field: str) -> None:
    async with reached() as (there, provider):
        with pytest.raises(ProviderError, match=rf"400: Unknown parameter: 'session.{field}'"):
            await provider.create_ephemeral_secret({**SESSION, field: "x"})
    assert there.refused == ["400 unknown_parameter"]


async def test_a_session_for_another_deployment_is_refused() -> None:
    async with reached() as (_there, provider):
        with pytest.raises(ProviderError, match="404"):
            await provider.create_ephemeral_secret({**SESSION, "model": "gpt-realtime"})


async def test_hanging_up_an_unknown_call_is_not_an_error() -> None:
    async with reached() as (there, provider):
        await provider.hang_up("rtc_gone")
    assert there.refused == ["404 call_id_not_found"]


async def test_a_sideband_of_an_ended_call_fails_with_404() -> None:
    async with reached() as (_there, provider):
        with pytest.raises(ProviderError) as caught:
            await provider.connect("my-realtime", "rtc_gone")
    assert caught.value.code == 404


# The stand-in is strict ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "session.update", "session": {"instructions": "x"}}, "missing_required_parameter"),
        ({"type": "session.update", "session": {"type": "realtime", "voice": "alloy"}}, "unknown_parameter"),
        ({"type": "session.update", "session": {"type": "realtime", "tracing": "auto"}}, "unsupported_parameter"),
        ({"type": "session.update", "session": {"type": "realtime", "prompt": {"id": "x"}}}, "invalid_value"),
        ({"type": "output_audio_buffer.clear"}, "invalid_event"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [], "id": "i" * 33},
            },
            "string_above_max_length",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": "nova"}}}},
            "invalid_value",
        ),
    ],
)
async def test_the_fake_refuses_the_requests_that_azure_refuses(event: Event, code: str) -> None:
    async with reached() as (there, provider):
        connection = await provider.connect("my-realtime")
        await connection.send(encode({**event, "event_id": "event_1"}).decode())
        error = (await received(connection, "error"))["error"]
        await connection.close()
    assert (error["code"], error["event_id"]) == (code, "event_1")
    assert there.refused == [f"error {code}"]


# Connections that break ---------------------------------------------------------------------------------------------
async def test_a_reset_connection_is_reported() -> None:
    async with reached() as (there, provider):
        connection = await provider.connect("my-realtime")
        await received(connection, "session.created")
        there.faults.cut_now()
        with pytest.raises(ConnectionLostError) as caught:
            await received(connection, "nothing more")
        assert caught.value.code is None
        await connection.close()


async def test_a_half_open_connection_is_noticed() -> None:
    async with reached(pings=Pings(0.1, 0.1)) as (there, provider):
        connection = await provider.connect("my-realtime")
        await received(connection, "session.created")
        there.faults.freeze_now()
        with pytest.raises(ConnectionLostError):
            await received(connection, "nothing more")
        await connection.close()

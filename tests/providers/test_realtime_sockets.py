"""The providers' Realtime sockets: addresses, credentials, and failures."""

from __future__ import annotations

import asyncio
import http
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agents.realtime import RealtimeAgent
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from trunkline import Scenario
from trunkline.providers import ConnectionLostError, ProviderError
from trunkline.providers.factory import choose_provider_name, create_provider
from trunkline.providers.from_settings import azure_provider, openai_provider
from trunkline.providers.http_errors import http_error
from trunkline.providers.realtime_socket import MAX_FRAME_BYTES, open_socket
from trunkline.scenario.loading import LoadedScenarios
from trunkline.scenario.text_model import TextModelError, TextPrompt
from trunkline.settings import Settings

KEY = "the-secret-key"
TOO_LONG = "Your session hit the maximum duration of 60 minutes."


def settings(**values: Any) -> Settings:
    """Settings that come from nowhere but here."""
    return Settings.model_validate(values)


def own_scenario() -> Scenario[None]:
    return Scenario("x", agents=[RealtimeAgent(name="host")])


class Service:
    """A Realtime service on this machine that notes how it was called."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.url = ""
        self.answer: Callable[[ServerConnection], Awaitable[None]] = self.echo
        self.refuse_with: int | None = None
        self.redirect_to: str | None = None

    async def echo(self, connection: ServerConnection) -> None:
        async for frame in connection:
            await connection.send(frame)

    def look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.redirect_to is not None:
            response = connection.respond(http.HTTPStatus.FOUND, "elsewhere")
            response.headers["Location"] = self.redirect_to
            return response
        if self.refuse_with is not None:
            return connection.respond(http.HTTPStatus(self.refuse_with), "no")
        return None


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    made = Service()

    async def handle(connection: ServerConnection) -> None:
        await made.answer(connection)

    async with serve(handle, "127.0.0.1", 0, process_request=made.look, max_size=None, compression=None) as server:
        made.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield made


# Which provider -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "local"),
        ({"openai_api_key": KEY}, "openai"),
        ({"azure_endpoint": "https://x.openai.azure.com", "azure_api_key": KEY}, "azure"),
        ({"azure_endpoint": "https://x.openai.azure.com", "openai_api_key": KEY}, "openai"),
        ({"azure_endpoint": "https://x.openai.azure.com"}, "local"),
        ({"openai_api_key": KEY, "provider": "local"}, "local"),
        ({"provider": "azure"}, "azure"),
    ],
)
def test_the_first_that_is_configured_is_chosen(
    values: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.providers.from_settings.is_installed", lambda: False)
    assert choose_provider_name(settings(**{"provider": "auto", **values})) == name


def test_an_endpoint_alone_is_enough_where_entra_id_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.providers.from_settings.is_installed", lambda: True)
    assert choose_provider_name(settings(provider="auto", azure_endpoint="https://x.openai.azure.com")) == "azure"


@pytest.mark.parametrize(("provider", "message"), [("azure", "AZURE_OPENAI_ENDPOINT"), ("openai", "OPENAI_API_KEY")])
async def test_missing_settings_of_a_provider_are_named(provider: str, message: str) -> None:
    with pytest.raises(ProviderError, match=message) as caught:
        await create_provider(settings(provider=provider), LoadedScenarios())
    assert not caught.value.retry


@pytest.mark.parametrize("endpoint", ["x.openai.azure.com", "http://x.openai.azure.com", "ftp://127.0.0.1"])
def test_a_key_goes_to_no_endpoint_without_tls_but_on_this_machine(endpoint: str) -> None:
    with pytest.raises(ProviderError, match="should look like https://"):
        azure_provider(settings(azure_endpoint=endpoint, azure_api_key=KEY))


# Where it goes ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
async def test_azure_gets_its_key_and_the_deployment_as_model(suffix: str) -> None:
    async with service() as there:
        provider = azure_provider(
            settings(azure_endpoint=there.url + suffix, azure_api_key=KEY, azure_realtime_deployment="my deployment")
        )
        connection = await provider.connect(provider.model_for(own_scenario()))
        await connection.close()
    (request,) = there.requests
    assert request.path == "/openai/v1/realtime?model=my+deployment"
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers
    assert "openai-beta" not in request.headers


async def test_openai_gets_a_bearer() -> None:
    async with service() as there:
        provider = openai_provider(settings(openai_api_key=KEY, openai_base_url=f"{there.url}/v1"))
        await (await provider.connect("gpt-realtime-2.1")).close()
    (request,) = there.requests
    assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_a_sideband_goes_by_the_calls_id() -> None:
    async with service() as there:
        provider = openai_provider(settings(openai_api_key=KEY, openai_base_url=f"{there.url}/v1"))
        await (await provider.connect("any", "rtc_1&x=y")).close()
    assert there.requests[0].path == "/v1/realtime?call_id=rtc_1%26x%3Dy"


def test_a_transcription_model_is_asked_for_where_one_is_set() -> None:
    endpoint = "https://x.openai.azure.com"
    without = azure_provider(settings(azure_endpoint=endpoint, azure_api_key=KEY))
    deployed = settings(azure_endpoint=endpoint, azure_api_key=KEY, azure_transcription_deployment="whisper")
    assert without.transcription(own_scenario()) is None
    assert azure_provider(deployed).transcription(own_scenario()) == {"model": "whisper"}


# What goes over it --------------------------------------------------------------------------------------------------
async def test_frames_go_both_ways() -> None:
    async with service() as there:
        connection = await open_socket(there.url.replace("http", "ws"), {}, "the service")
        await connection.send('{"type":"ü"}')
        assert await connection.receive() == '{"type":"ü"}'.encode()
        await connection.close()
        await connection.close()


async def test_messages_that_arrive_together_keep_their_order_and_their_fragments() -> None:
    async def answer(connection: ServerConnection) -> None:
        await connection.send("one")
        await connection.send(["tw", "o"])
        await connection.send("three")
        await connection.close()

    async with service() as target:
        target.answer = answer
        socket = await open_socket(target.url.replace("http", "ws"), {}, "the service")
        assert [await socket.receive() for _ in range(3)] == [b"one", b"two", b"three"]
        with pytest.raises(ConnectionLostError):
            await socket.receive()
        await socket.close()


async def test_a_frame_is_sent_without_waiting_if_possible() -> None:
    async with service() as there:
        connection = await open_socket(there.url.replace("http", "ws"), {}, "the service")
        assert connection.try_send('{"type":"ü"}')
        assert await connection.receive() == '{"type":"ü"}'.encode()
        await connection.close()
        assert not connection.try_send("more")


async def test_a_service_that_does_not_read_is_not_flooded() -> None:
    released = asyncio.Event()

    async def answer(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await released.wait()
        connection.transport.abort()

    async with service() as there:
        there.answer = answer
        connection = await open_socket(there.url.replace("http", "ws"), {}, "the service")
        frames = 0
        while connection.try_send("x" * (1 << 20)):
            frames += 1
            assert frames < 100
        released.set()
        await connection.close()


async def test_a_large_event_is_taken() -> None:
    async with service() as there:
        connection = await open_socket(there.url.replace("http", "ws"), {}, "the service")
        await connection.send("x" * (MAX_FRAME_BYTES - 1))
        assert len(await connection.receive()) == MAX_FRAME_BYTES - 1
        await connection.close()


async def test_a_close_is_reported_with_code_and_reason() -> None:
    async def answer(connection: ServerConnection) -> None:
        await connection.close(1001, TOO_LONG)

    async with service() as there:
        there.answer = answer
        connection = await open_socket(there.url.replace("http", "ws"), {}, "the service")
        with pytest.raises(ConnectionLostError) as caught:
            await connection.receive()
        assert (caught.value.code, caught.value.reason) == (
            1001,
            TOO_LONG,
        )
        with pytest.raises(ConnectionLostError):
            await connection.send("more")
        await connection.close()


async def test_a_broken_connection_is_reported() -> None:
    async def answer(connection: ServerConnection) -> None:
        connection.transport.abort()
        await connection.wait_closed()

    async with service() as there:
        there.answer = answer
        connection = await open_socket(there.url.replace("http", "ws"), {}, "the service")
        with pytest.raises(ConnectionLostError) as caught:
            await connection.receive()
        assert (caught.value.code, caught.value.reason) == (None, "the connection broke")


# What fails ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "retry", "hint"),
    [
        (401, False, "refused the key"),
        (403, False, "network rules"),
        (404, False, "on Azure it is the deployment's"),
        (429, True, "quota"),
        (500, True, None),
        (503, True, None),
        (400, False, None),
    ],
)
async def test_a_refusal_is_reported_with_its_fix(status: int, retry: bool, hint: str | None) -> None:
    async with service() as there:
        there.refuse_with = status
        provider = azure_provider(settings(azure_endpoint=there.url, azure_api_key=KEY))
        with pytest.raises(ProviderError) as caught:
            await provider.connect("gpt")
    assert str(caught.value) == f"azure (127.0.0.1) answered {status}"
    assert (caught.value.code, caught.value.retry) == (status, retry)
    assert (hint is None and caught.value.hint is None) or (hint or "") in (caught.value.hint or "")


async def test_a_redirect_is_not_followed_since_the_key_is_for_one_host() -> None:
    async with service() as there, service() as elsewhere:
        there.redirect_to = elsewhere.url.replace("http", "ws") + "/openai/v1/realtime"
        provider = azure_provider(settings(azure_endpoint=there.url, azure_api_key=KEY))
        with pytest.raises(ProviderError, match="answered 302") as caught:
            await provider.connect("gpt")
    assert not caught.value.retry
    assert elsewhere.requests == []


async def test_an_unreachable_service_may_be_retried() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ProviderError, match="the service cannot be reached") as caught:
        await open_socket(f"ws://127.0.0.1:{port}/", {}, "the service")
    assert caught.value.retry


async def test_something_that_speaks_another_protocol() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProviderError, match="cannot be reached"):
            await open_socket(f"ws://127.0.0.1:{port}/", {}, "the service")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://", "nonsense"])
async def test_an_invalid_address(url: str) -> None:
    with pytest.raises(ProviderError, match="is invalid") as caught:
        await open_socket(url, {}, "the service")
    assert not caught.value.retry


@pytest.mark.parametrize("header", ["api-key", "Authorization"])
async def test_no_error_names_the_key(header: str) -> None:
    async with service() as there:
        there.refuse_with = 401
        with pytest.raises(ProviderError) as caught:
            await open_socket(there.url.replace("http", "ws"), {header: KEY}, "the service")
    assert KEY not in repr(caught.value) + str(caught.value.hint) + repr(caught.value.__cause__)
    assert KEY not in repr(settings(openai_api_key=SecretStr(KEY)))


@pytest.mark.parametrize("proxy", ["socks5://me:hidden@127.0.0.1:9", "ftp://me:hidden@127.0.0.1:9"])
async def test_an_unusable_proxy_is_reported_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    provider = openai_provider(
        settings(openai_api_key=KEY, openai_base_url="https://service.invalid/v1", openai_model="t")
    )
    prompt = TextPrompt(scenario="test", purpose="test", instructions="", items=[])
    for attempt in (
        provider.connect("m"),
        provider.create_ephemeral_secret({"model": "m"}),
        provider.text_model().reply(prompt),
    ):
        with pytest.raises((ProviderError, TextModelError)) as caught:
            await attempt
        assert "proxy" in str(caught.value)
        assert "hidden" not in f"{caught.value} {getattr(caught.value, 'hint', '')}"
    await provider.aclose()


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"apim-request-id": "0f8-1"}, "Azure answered 500: broken (request id 0f8-1)"),
        ({"X-Request-Id": "req_7"}, "Azure answered 500: broken (request id req_7)"),
        ({"x-request-id": "a\nforged line"}, "Azure answered 500: broken"),
        ({}, "Azure answered 500: broken"),
    ],
)
def test_a_refusal_names_the_services_request_id(headers: dict[str, str], said: str) -> None:
    body = b'{"error": {"message": "broken"}}'
    assert str(http_error("Azure", 500, body, headers, {})) == said

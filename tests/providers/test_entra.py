"""Entra ID tokens: fetched once, renewed in time and after a refusal."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trunkline.engine.server import EmbeddedServer
from trunkline.providers import ProviderError
from trunkline.providers.entra import RENEW_BEFORE_S, RENEWAL_RETRY_S, EntraCredentials
from trunkline.providers.from_settings import azure_credentials, azure_provider
from trunkline.settings import Settings

SCOPE = "https://ai.azure.com/.default"


@dataclass(frozen=True)
class FakeToken:
    token: str
    expires_on: int


@dataclass
class Issuer:
    """Who gives tokens, numbered, and counts who asks."""

    now: float = 1_000.0
    lifetime_s: int = 3600
    given: int = 0
    made: int = 0
    closed: int = 0
    scopes: list[str] = field(default_factory=list)
    fails: Exception | None = None
    takes_s: float = 0.0

    def credentials(self) -> EntraCredentials:
        return EntraCredentials(SCOPE, self._make, lambda: self.now)

    def _make(self) -> FakeCredential:
        self.made += 1
        return FakeCredential(self)


@dataclass
class FakeCredential:
    issuer: Issuer
    kept: FakeToken | None = None

    async def get_token(self, *scopes: str) -> FakeToken:
        """As the library's credentials do, it gives the same token again while that is good."""
        issuer = self.issuer
        issuer.scopes += scopes
        await asyncio.sleep(issuer.takes_s)
        if issuer.fails is not None:
            raise issuer.fails
        if self.kept is None or self.kept.expires_on - issuer.now < RENEW_BEFORE_S:
            issuer.given += 1
            self.kept = FakeToken(f"token-{issuer.given}", int(issuer.now) + issuer.lifetime_s)
        return self.kept

    async def close(self) -> None:
        self.issuer.closed += 1


async def test_a_token_is_fetched_once_for_its_scope() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    assert [await credentials.headers() for _ in range(3)] == [{"Authorization": "Bearer token-1"}] * 3
    assert issuer.scopes == [SCOPE]


async def test_calls_that_begin_at_once_ask_for_one_token() -> None:
    issuer = Issuer(takes_s=0.01)
    credentials = issuer.credentials()
    await asyncio.gather(*[credentials.headers() for _ in range(20)])
    assert issuer.scopes == [SCOPE]


async def test_a_token_is_renewed_before_it_expires() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    await credentials.headers()
    issuer.now += 3600 - RENEW_BEFORE_S - 1
    assert await credentials.headers() == {"Authorization": "Bearer token-1"}
    issuer.now += 2
    assert await credentials.headers() == {"Authorization": "Bearer token-2"}


async def test_a_token_that_cannot_be_renewed_is_used_to_its_end() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    await credentials.headers()
    issuer.fails = azure_error("ServiceRequestError")
    issuer.now += 3599
    assert await credentials.headers() == {"Authorization": "Bearer token-1"}
    issuer.now += 1
    with pytest.raises(ProviderError, match="Entra ID gave no token"):
        await credentials.headers()


async def test_a_refused_token_is_given_up_though_the_library_would_give_it_again() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    refused = await credentials.headers()
    assert credentials.on_refused(refused)
    assert await credentials.headers() == {"Authorization": "Bearer token-2"}
    assert (issuer.made, issuer.closed) == (2, 1)


async def test_many_that_were_refused_with_one_token_renew_it_once() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    refused = await credentials.headers()
    assert credentials.on_refused(refused)
    await credentials.headers()
    assert credentials.on_refused(refused)  # another has renewed it: there is a new one to be tried
    assert await credentials.headers() == {"Authorization": "Bearer token-2"}


async def test_the_credential_is_closed() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    await credentials.headers()
    await credentials.aclose()
    await credentials.aclose()
    assert issuer.closed == 1


@pytest.mark.parametrize(("kind", "retry"), [("ClientAuthenticationError", False), ("ServiceRequestError", True)])
async def test_a_failure_says_how_to_sign_in(kind: str, retry: bool) -> None:
    issuer = Issuer(fails=azure_error(kind, "no\n  credential   worked"))
    with pytest.raises(ProviderError, match="no credential worked") as caught:
        await issuer.credentials().headers()
    assert "az login" in (caught.value.hint or "")
    assert caught.value.retry is retry


async def test_a_failure_that_is_not_azures_is_not_taken_for_one() -> None:
    with pytest.raises(ZeroDivisionError):
        await Issuer(fails=ZeroDivisionError()).credentials().headers()


def azure_error(kind: str, message: str = "no") -> Exception:
    exceptions = pytest.importorskip("azure.core.exceptions", reason="the extra `entra` is not installed")
    error = getattr(exceptions, kind)(message)
    assert isinstance(error, Exception)
    return error


# Without the library ------------------------------------------------------------------------------------------------
async def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    with pytest.raises(ProviderError, match="needs the entra extra") as caught:
        await EntraCredentials().headers()
    assert "pip install 'trunkline[entra]'" in (caught.value.hint or "")


def test_without_key_and_library_the_provider_says_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.providers.from_settings.is_installed", lambda: False)
    with pytest.raises(ProviderError, match="AZURE_OPENAI_API_KEY, or Entra ID") as caught:
        azure_provider(Settings.model_validate({"azure_endpoint": "https://x.openai.azure.com", "azure_api_key": None}))
    assert "trunkline[entra]" in (caught.value.hint or "")


# With the library ---------------------------------------------------------------------------------------------------
@asynccontextmanager
async def managed_identity() -> AsyncIterator[tuple[str, list[str]]]:
    """The token endpoint of a managed identity, as App Service has it; and the resources it was asked for."""
    asked: list[str] = []

    async def token(request: Request) -> Response:
        if request.headers.get("x-identity-header") != "the-header":
            return JSONResponse({"error": "no"}, 400)
        asked.append(request.query_params["resource"])
        return JSONResponse(
            {
                "access_token": f"managed-{len(asked)}",
                "expires_on": str(int(time.time()) + 86_400),
                "resource": request.query_params["resource"],
                "token_type": "Bearer",
            }
        )

    app = Starlette(routes=[Route("/token", token)])
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
    server = EmbeddedServer(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/token", asked
    finally:
        server.end()
        await serving


async def test_the_library_gives_the_token_of_a_managed_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azure.identity.aio", reason="the extra `entra` is not installed")
    async with managed_identity() as (url, asked):
        for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "the-header")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        values = {"azure_endpoint": "https://x.openai.azure.com", "azure_api_key": None}
        credentials = azure_credentials(Settings.model_validate(values))
        first = await credentials.headers()
        assert first == {"Authorization": "Bearer managed-1"}
        assert credentials.on_refused(first)
        assert await credentials.headers() == {"Authorization": "Bearer managed-2"}
        await credentials.aclose()
    assert asked == ["https://ai.azure.com"] * 2


async def test_a_renewal_that_fails_is_not_tried_again_by_everybody_while_the_token_holds() -> None:
    issuer = Issuer()
    credentials = issuer.credentials()
    first = await credentials.headers()
    issuer.now += 3600 - 200
    azure_error = type("AzureError", (Exception,), {})
    issuer.fails = azure_error("the network is down")
    asked = len(issuer.scopes)
    for _call in range(6):
        assert await credentials.headers() == first
    assert len(issuer.scopes) == asked + 1
    issuer.now += RENEWAL_RETRY_S
    await credentials.headers()
    assert len(issuer.scopes) == asked + 2
    issuer.fails = None
    issuer.now += RENEWAL_RETRY_S
    assert await credentials.headers() != first


async def test_an_invalid_tenant_is_reported() -> None:
    def make() -> FakeCredential:
        raise ValueError("Invalid tenant ID provided.")

    with pytest.raises(ProviderError, match="Invalid tenant") as caught:
        await EntraCredentials(SCOPE, make).headers()
    assert "AZURE_TENANT_ID" in str(caught.value.hint)

"""Entra ID instead of a key: tokens of Azure's identity library, cached until shortly before they expire."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from trunkline.extras import install_command
from trunkline.providers import ProviderError

SCOPE = "https://ai.azure.com/.default"
RENEW_BEFORE_S = 300.0
"""The renewal time before the expiry, so that no token expires during a request."""
RENEWAL_RETRY_S = 30.0
"""The pause after a failed renewal; calls use the present token meanwhile, without waiting."""
TIMEOUT_S = 30.0
"""The limit for one token. On a developer's machine the library starts `az`, which takes seconds."""
INSTALL = f"Install it: {install_command('entra')}"
ADVICE = (
    "Give the identity the role “Cognitive Services OpenAI User” on the resource (it takes effect after some minutes), "
    "and check AZURE_OPENAI_ENTRA_SCOPE and the tenant."
)
_SIGN_IN = (
    "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or give the machine a "
    "managed identity; or set AZURE_OPENAI_API_KEY."
)


class AccessToken(Protocol):
    """An access token."""

    @property
    def token(self) -> str:
        """The bearer token."""

    @property
    def expires_on(self) -> int:
        """The time of expiry, in Unix seconds."""


class TokenCredential(Protocol):
    """The used part of the credentials in `azure.identity.aio`."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """Return a token for the scopes."""

    async def close(self) -> None:
        """Close the connections."""


def is_installed() -> bool:
    """Return whether the identity library is installed, without importing it."""
    try:
        return importlib.util.find_spec("azure.identity") is not None and bool(importlib.util.find_spec("aiohttp"))
    except ModuleNotFoundError:
        return False


def default_credential() -> TokenCredential:
    """Return a `DefaultAzureCredential`: environment, managed identity, `az`, and the other sources of a machine.

    Raises:
        ProviderError: the library is not installed.
    """
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        message = f"Signing in with Entra ID needs the entra extra ({error})."
        raise ProviderError(message, hint=f"{INSTALL} – or set AZURE_OPENAI_API_KEY.", retry=False) from error
    credential: TokenCredential = DefaultAzureCredential()
    return credential


class EntraCredentials:
    """A bearer token, fetched at its first use and renewed before it expires.

    Args:
        scope: the scope of the token.
        make: makes the credential. A refused token needs a new credential, since the old one caches its tokens.
        clock: returns Unix seconds.
    """

    refused_hint = ADVICE

    def __init__(
        self,
        scope: str = SCOPE,
        make: Callable[[], TokenCredential] = default_credential,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scope = scope
        self._make = make
        self._clock = clock
        self._credential: TokenCredential | None = None
        self._token: AccessToken | None = None
        self._must_replace_credential = False
        self._next_renewal_at = 0.0
        self._fetching = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        async with self._fetching:  # calls that begin together fetch one token
            token = self._token
            if token is None or self._is_due(token):
                token = await self._renew(token)
            self._token = token
            return {"Authorization": f"Bearer {token.token}"}

    def _is_due(self, token: AccessToken) -> bool:
        left_s = token.expires_on - self._clock()
        return left_s <= 0 or (left_s < RENEW_BEFORE_S and self._clock() >= self._next_renewal_at)

    def on_refused(self, headers: Mapping[str, str]) -> bool:
        """Drop the refused token, unless it was already replaced, and return True."""
        if self._token is not None and headers.get("Authorization") == f"Bearer {self._token.token}":
            self._token = None
            self._must_replace_credential = True
        return True

    async def aclose(self) -> None:
        """Close the credential."""
        credential, self._credential, self._token = self._credential, None, None
        if credential is not None:
            await credential.close()

    async def _renew(self, present: AccessToken | None) -> AccessToken:
        if self._must_replace_credential:
            self._must_replace_credential = False
            await self.aclose()
        try:
            if self._credential is None:
                self._credential = self._make_credential()
            return await self._fetch(self._credential)
        except ProviderError:
            if present is None or present.expires_on <= self._clock():
                raise
            self._next_renewal_at = self._clock() + RENEWAL_RETRY_S
            return present  # it stays valid for some minutes

    def _make_credential(self) -> TokenCredential:
        try:
            return self._make()
        except ValueError as error:  # the library raises it for an invalid tenant or authority
            message = f"The Entra ID settings are invalid: {' '.join(str(error).split())[:300]}"
            raise ProviderError(message, hint="Check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.", retry=False) from None

    async def _fetch(self, credential: TokenCredential) -> AccessToken:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await credential.get_token(self._scope)
        except TimeoutError:
            raise ProviderError(f"Entra ID gave no token within {TIMEOUT_S:.0f} s.", hint=_SIGN_IN) from None
        except Exception as error:
            # Azure's own errors are matched by name: the library may not be installed.
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if "AzureError" not in kinds:
                raise
            hopeless = "ClientAuthenticationError" in kinds
            message = " ".join(str(error).split())[:300]
            raise ProviderError(f"Entra ID gave no token: {message}", hint=_SIGN_IN, retry=not hopeless) from None

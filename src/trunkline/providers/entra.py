"""Entra ID in the place of a key: tokens of Azure's identity library, kept until they are about to expire."""

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
"""A token is renewed this long before it expires, so that none expires on its way."""
RENEWAL_RETRY_S = 30.0
"""After a renewal that failed the present token serves so long before another is tried: calls do not queue for it."""
TIMEOUT_S = 30.0
"""The credentials of a developer's machine start programs (`az`), which takes seconds."""
INSTALL = f"Install it: {install_command('entra')}"
ADVICE = (
    "Give the identity the role “Cognitive Services OpenAI User” on the resource (it takes some minutes to hold), "
    "and check AZURE_OPENAI_ENTRA_SCOPE and the tenant."
)
_SIGN_IN = (
    "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or give the machine a "
    "managed identity; or set AZURE_OPENAI_API_KEY."
)


class AccessToken(Protocol):
    """An access token; `expires_on` is in Unix seconds."""

    @property
    def token(self) -> str:
        """The token itself."""

    @property
    def expires_on(self) -> int:
        """When it expires."""


class TokenCredential(Protocol):
    """What of `azure.identity.aio`'s credentials is used."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """A token for the scopes."""

    async def close(self) -> None:
        """Closes its connections."""


def is_installed() -> bool:
    """Whether the identity library is there; it is not imported for that."""
    try:
        return importlib.util.find_spec("azure.identity") is not None and bool(importlib.util.find_spec("aiohttp"))
    except ModuleNotFoundError:
        return False


def default_credential() -> TokenCredential:
    """`DefaultAzureCredential`: environment, managed identity, `az`, and what else a machine has.

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
    """A bearer token that is fetched when it is first needed and renewed before it expires.

    Args:
        scope: what the token is for.
        make: makes the credential that is asked. After a refused token another is made, since each keeps the tokens
            it has got.
        clock: Unix seconds.
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
        self._forgets_credential = False
        self._rests_until = 0.0
        self._fetching = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        async with self._fetching:  # many calls that begin at once ask for one token
            token = self._token
            if token is None or self._is_due(token):
                token = await self._renewed(token)
            self._token = token
            return {"Authorization": f"Bearer {token.token}"}

    def _is_due(self, token: AccessToken) -> bool:
        left_s = token.expires_on - self._clock()
        return left_s <= 0 or (left_s < RENEW_BEFORE_S and self._clock() >= self._rests_until)

    def on_refused(self, headers: Mapping[str, str]) -> bool:
        """The token is given up, unless another has taken its place already."""
        if self._token is not None and headers.get("Authorization") == f"Bearer {self._token.token}":
            self._token = None
            self._forgets_credential = True
        return True

    async def aclose(self) -> None:
        """Closes the credential."""
        credential, self._credential, self._token = self._credential, None, None
        if credential is not None:
            await credential.close()

    async def _renewed(self, present: AccessToken | None) -> AccessToken:
        if self._forgets_credential:
            self._forgets_credential = False
            await self.aclose()
        try:
            if self._credential is None:
                self._credential = self._made()
            return await self._fetched(self._credential)
        except ProviderError:
            if present is None or present.expires_on <= self._clock():
                raise
            self._rests_until = self._clock() + RENEWAL_RETRY_S
            return present  # it is good for some minutes more

    def _made(self) -> TokenCredential:
        try:
            return self._make()
        except ValueError as error:  # the library's word for a tenant or an authority that is none
            message = f"Entra ID's settings cannot be used: {' '.join(str(error).split())[:300]}"
            raise ProviderError(message, hint="Check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.", retry=False) from None

    async def _fetched(self, credential: TokenCredential) -> AccessToken:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await credential.get_token(self._scope)
        except TimeoutError:
            raise ProviderError(f"Entra ID gave no token within {TIMEOUT_S:.0f} s.", hint=_SIGN_IN) from None
        except Exception as error:
            # Azure's own errors; the library is not there to be named where it is not installed.
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if "AzureError" not in kinds:
                raise
            hopeless = "ClientAuthenticationError" in kinds
            message = " ".join(str(error).split())[:300]
            raise ProviderError(f"Entra ID gave no token: {message}", hint=_SIGN_IN, retry=not hopeless) from None

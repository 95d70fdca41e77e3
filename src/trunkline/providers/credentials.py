"""Credentials for a service: a key, or renewable headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from trunkline.providers import ProviderError


class Credentials(Protocol):
    """A source of authentication headers."""

    @property
    def refused_hint(self) -> str:
        """The fix if the service refuses the headers."""

    async def headers(self) -> Mapping[str, str]:
        """Return the authentication headers of one request. No error may show them.

        Raises:
            ProviderError: the headers cannot be obtained.
        """

    def on_refused(self, headers: Mapping[str, str]) -> bool:
        """Handle a 401 for these headers, and return True if `headers` now returns new ones."""

    async def aclose(self) -> None:
        """Close open connections."""


class KeyCredentials:
    """A fixed key, sent as `api-key: KEY` or `Authorization: Bearer KEY`."""

    def __init__(self, header: str, key: SecretStr, refused_hint: str = "Check the key.") -> None:
        self.refused_hint = refused_hint
        self._header = header
        self._key = key

    async def headers(self) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        key = self._key.get_secret_value()
        if not (key.isascii() and key.isprintable()):  # a header cannot contain it
            message = "The key contains an invalid character."
            raise ProviderError(message, hint="Copy the key alone, on one line.", retry=False)
        return {self._header: f"Bearer {key}" if self._header.lower() == "authorization" else key}

    def on_refused(self, headers: Mapping[str, str]) -> bool:
        """Return False: another attempt would send the same key."""
        return False

    async def aclose(self) -> None:
        """Do nothing: a key keeps no connection."""

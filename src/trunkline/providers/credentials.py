"""How a service knows us: a key, or whatever gives headers that can be renewed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from trunkline.providers import ProviderError


class Credentials(Protocol):
    """Gives the headers by which a service knows us."""

    @property
    def refused_hint(self) -> str:
        """What to do when the service refuses them."""

    async def headers(self) -> Mapping[str, str]:
        """The headers of one request. No error may show them.

        Raises:
            ProviderError: there are none to be had.
        """

    def on_refused(self, headers: Mapping[str, str]) -> bool:
        """The service answered 401 to these headers; True if `headers` will give others now."""

    async def aclose(self) -> None:
        """Ends whatever they keep open."""


class KeyCredentials:
    """A key that stays what it is: `api-key: KEY`, or `Authorization: Bearer KEY`."""

    def __init__(self, header: str, key: SecretStr, refused_hint: str = "Check the key.") -> None:
        self.refused_hint = refused_hint
        self._header = header
        self._key = key

    async def headers(self) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        key = self._key.get_secret_value()
        if not (key.isascii() and key.isprintable()):  # no header can hold it
            message = "The key has a character in it that no key has."
            raise ProviderError(message, hint="Copy the key alone, on one line.", retry=False)
        return {self._header: f"Bearer {key}" if self._header.lower() == "authorization" else key}

    def on_refused(self, headers: Mapping[str, str]) -> bool:
        """Another try would show the same key."""
        return False

    async def aclose(self) -> None:
        """Nothing is open."""

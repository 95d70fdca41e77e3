"""API key of the engine, in all the places where the services accept it."""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection

from trunkline.engine.http.errors import invalid_key

PREVIEW_SOCKET_PATH = "/openai/realtime"
"""Path of the preview's WebSocket on Azure: `?api-version=…&deployment=…`."""
_SUBPROTOCOL = "openai-insecure-api-key."


class ApiKey:
    """The key that clients must send. With None, every client is accepted."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def accepts(self, connection: HTTPConnection) -> bool:
        """Return whether a request carries the key."""
        if self._value is None:
            return True
        return any(hmac.compare_digest(key.encode(), self._value.encode()) for key in keys_of(connection))

    def check(self, connection: HTTPConnection) -> None:
        """Check that a request carries the key.

        Raises:
            RequestError: the key is missing or wrong.
        """
        if not self.accepts(connection):
            raise invalid_key()


def keys_of(connection: HTTPConnection) -> list[str]:
    """Return all keys that a request carries: in `api-key`, as a bearer token, or in a subprotocol."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    keys = [connection.headers.get("api-key", "")]
    if scheme.lower() == "bearer":
        keys.append(bearer.strip())
    if connection.url.path == PREVIEW_SOCKET_PATH:
        keys.append(connection.query_params.get("api-key", ""))  # browsers cannot set a header on Azure's preview
    offered = connection.scope.get("subprotocols", ())
    keys.extend(protocol.removeprefix(_SUBPROTOCOL) for protocol in offered if protocol.startswith(_SUBPROTOCOL))
    return keys

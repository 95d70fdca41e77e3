"""STUN and TURN servers of WebRTC calls, for the engine and for pages, and the engine's ICE options."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.settings import IceServer as ConfiguredIceServer
from trunkline.settings import Settings

CREDENTIAL_LIFETIME_S = 24 * 3600
"""The time for which credentials made with a TURN server's secret are valid."""


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server with its URLs.

    TURN servers need a user name and a credential, or the secret with which both are made for each call.
    """

    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = None
    secret: str | None = None

    def with_credentials(self, now_s: float) -> IceServer:
        """Return the server with credentials for the next 24 hours, made with its secret; itself without a secret.

        The user name is the time of expiry and the credential its HMAC, as coturn's `use-auth-secret` expects.

        Args:
            now_s: Unix seconds.
        """
        if self.secret is None:
            return self
        username = f"{int(now_s) + CREDENTIAL_LIFETIME_S}:{self.username or 'trunkline'}"
        signature = hmac.digest(self.secret.encode(), username.encode(), "sha1")  # SHA-1 is what TURN servers check
        return IceServer(self.urls, username, base64.b64encode(signature).decode())

    def for_page(self, now_s: float) -> Mapping[str, object]:
        """Return the server as browsers' `RTCIceServer`.

        Args:
            now_s: Unix seconds.
        """
        ready = self.with_credentials(now_s)
        shown = {"urls": ready.urls, "username": ready.username, "credential": ready.credential}
        return {name: value for name, value in shown.items() if value is not None}


def ice_servers(settings: Settings) -> list[IceServer]:
    """Return the STUN and TURN servers that the settings name."""
    return [_ice_server(one) for one in settings.ice_servers]


def _ice_server(given: str | ConfiguredIceServer) -> IceServer:
    if isinstance(given, str):
        return IceServer(given)
    credential = given.credential.get_secret_value() if given.credential else None
    secret = given.secret.get_secret_value() if given.secret else None
    return IceServer(given.urls, given.username, credential, secret)


@dataclass(frozen=True)
class IceOptions:
    """Options of the engine's WebRTC peers.

    Attributes:
        servers: STUN and TURN servers. By default the engine contacts no server.
        loopback: use 127.0.0.1 only, for tests. A browser then needs `--allow-loopback-in-peer-connection`.
        grace_s: time for which a session continues after its caller disconnected.
        connect_timeout_s: time for the caller to connect after the answer.
    """

    servers: Sequence[IceServer] = ()
    loopback: bool = False
    grace_s: float = 0.5
    connect_timeout_s: float = 30.0

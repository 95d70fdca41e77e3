"""State of the link to the model: one value, which only `Link` changes. docs/architecture.md has the diagram."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from trunkline.providers import Connection


@dataclass(frozen=True, eq=False)
class Route:
    """The way to the model. On a `resumable` route (a sideband) a new connection finds the session as it was.

    Attributes:
        connect: opens a connection, or raises `ProviderError`.
        reason: the reason to leave the former route.
    """

    connect: Callable[[], Awaitable[Connection]]
    resumable: bool = False
    reason: str = "the caller changed the audio connection"


@dataclass(frozen=True)
class WaitingForRoute:
    """The link has no way to the model: the caller's page must post an offer first."""


@dataclass(frozen=True)
class Connecting:
    """A connection is being opened."""


@dataclass(frozen=True)
class Configuring:
    """The connection is open, and its session is not configured yet. The caller's audio is held."""

    route: Route
    connection: Connection


@dataclass(frozen=True)
class Up:
    """The session is configured: events and audio flow."""

    route: Route
    connection: Connection


@dataclass(frozen=True)
class Renewing:
    """As `Up`, while the connection to another session is being opened, which will replace this one.

    Attributes:
        audio: the caller's audio since the renewal began. The new session gets it too, so that no word is lost.
    """

    route: Route
    connection: Connection
    audio: deque[bytes] = field(default_factory=deque)


@dataclass(frozen=True)
class BackingOff:
    """The connection was refused or lost; the link connects again after a pause."""

    pause_s: float


@dataclass(frozen=True)
class GivenUp:
    """The connection was refused or lost, and another try by this route is useless."""


LinkState = WaitingForRoute | Connecting | Configuring | Up | Renewing | BackingOff | GivenUp

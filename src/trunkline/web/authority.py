"""Authority of clients: the tokens that they may show, and the roles that these give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from starlette.requests import HTTPConnection

from trunkline.calls.audience import Audience
from trunkline.listener.client_address import address_of
from trunkline.settings import Settings, is_loopback
from trunkline.web.auth_token import AuthToken

ROLE = "trunkline.role"
"""Key in a request's scope: the client's `Role`."""
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Role(Enum):
    """Role of a client of the server."""

    CALLER = "caller"
    OPERATOR = "operator"
    """It has shown the operator's token."""
    THIS_MACHINE = "this machine"
    """It is on this machine, and the server has no token: it is the operator, too."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of a server; None if it is not set.

    Attributes:
        caller: TRUNKLINE_TOKEN, for everyone who may use the server.
        operator: TRUNKLINE_OPERATOR_TOKEN.
    """

    caller: AuthToken | None
    operator: AuthToken | None

    def __iter__(self) -> Iterator[tuple[AuthToken, Role]]:
        """Yield the tokens that are set, with their roles; the operator's first."""
        if self.operator is not None:
            yield self.operator, Role.OPERATOR
        if self.caller is not None:
            yield self.caller, Role.CALLER

    def find(self, shown: str) -> tuple[AuthToken, Role] | None:
        """Return the token that a client shows, with its role. All tokens are compared, in constant time."""
        found = [(token, role) for token, role in self if token.matches(shown)]
        return found[0] if found else None

    def role_of_cookie(self, connection: HTTPConnection) -> Role | None:
        """Return the role of a signed-in browser."""
        for token, role in self:
            if any(token.is_signed_in(connection.cookies.get(name, "")) for name in token.cookies):
                return role
        return None


def tokens_from(settings: Settings) -> Tokens:
    """Return the tokens of the settings."""

    def token(value: str | None) -> AuthToken | None:
        return None if value is None else AuthToken(value)

    return Tokens(
        token(settings.token.get_secret_value() if settings.token is not None else None),
        token(settings.operator_token.get_secret_value() if settings.operator_token is not None else None),
    )


def is_on_this_machine(connection: HTTPConnection) -> bool:
    """Return whether a client is on this machine, and is not a proxy with clients of its own."""
    address = address_of(connection.scope)
    return is_loopback(address) and not any(name in connection.headers for name in _FORWARDED)


def is_operator(connection: HTTPConnection) -> bool:
    """Return whether the client of a request is an operator."""
    return connection.scope.get(ROLE) in (Role.OPERATOR, Role.THIS_MACHINE)


def audience_of(connection: HTTPConnection, settings: Settings) -> Audience:
    """Return the part of the calls' logs that a client may see."""
    return "operator" if connection.scope.get(ROLE) is Role.OPERATOR else settings.default_audience

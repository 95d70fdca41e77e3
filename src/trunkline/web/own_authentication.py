"""Authentication by the app that embeds Trunkline: its hook maps each request to a caller, or refuses it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.web.auth_middleware import AUTHENTICATED, path_of, refuse
from trunkline.web.authority import ROLE, Role
from trunkline.web.errors import ApiError
from trunkline.web.rate_limit import CALLER

OPEN_PATHS = ("/api/health", "/api/ready")
"""The paths that need no caller."""
Authenticate: TypeAlias = Callable[[HTTPConnection], str | Awaitable[str | None] | None]
"""A function from a request or WebSocket to the caller's id; None refuses it with 401.

It may raise Starlette's or FastAPI's `HTTPException`, such as 403, or 303 with a `location` for a page to sign in.
"""


class OwnAuthMiddleware:
    """ASGI middleware, inside the `OriginGuard`: requests without a caller are refused.

    Args:
        authenticate: the app's hook.
    """

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Map the request to its caller, then pass it to the app or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope.get(ROLE) is Role.OPERATOR:  # it has shown the operator's token, which the app does not know
            await self._app(scope, receive, send)
            return
        is_open = path_of(scope) in OPEN_PATHS
        caller = None
        try:
            caller = await self._caller_of(HTTPConnection(scope))
            if caller is None and not is_open:
                raise ApiError(401, "not_signed_in", "The app that runs this server does not know you: sign in to it.")
        except HTTPException as error:
            if not is_open:
                await refuse(error, scope, receive, send)
                return
        scope[AUTHENTICATED] = caller is not None
        scope[CALLER] = caller
        await self._app(scope, receive, send)

    async def _caller_of(self, connection: HTTPConnection) -> str | None:
        found = self._authenticate(connection)
        caller = await found if inspect.isawaitable(found) else found
        if caller is not None and not isinstance(caller, str):
            raise TypeError(f"authenticate must return the caller's id as text, or None, and not {caller!r}.")
        return caller or None


def caller_of(connection: HTTPConnection) -> str | None:
    """Return the id that the app's hook gave to the caller of a request; None without a hook."""
    caller: str | None = connection.scope.get(CALLER)
    return caller

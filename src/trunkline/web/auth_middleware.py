"""Authentication by the server's token: as a bearer token, or through a session cookie from the sign-in page."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from trunkline.listener.client_address import address_of
from trunkline.listener.refusals import Refusals
from trunkline.settings import is_loopback
from trunkline.web.authority import ROLE, Role, Tokens, is_on_this_machine
from trunkline.web.errors import ApiError, error_response
from trunkline.web.rate_limit import RateLimiter, client_of

PUBLIC_PATHS = ("/api/health", "/api/ready", "/sign-in", "/sign-out")
"""Paths that need no token."""
WRONG_TOKEN_DELAY_S = 1.0
"""Time in s after which a client on this machine gets the answer to a wrong token."""
MAX_WRONG_TOKENS_PER_MINUTE = 10
"""Wrong tokens that a client may send in a minute, as bearer tokens and at the sign-in page together."""
PAGE = "page"
"""Parameter of the sign-in page: the console's page that asked for it; without one, `/`."""
_CONSOLE_PAGE = re.compile(r"(?:calls(?:/[\w-]{1,200})?)?", re.ASCII)
AUTHENTICATED = "trunkline.authenticated"
"""Key in a request's scope: true if the client has shown the token or a valid cookie."""
SIGNED_IN = "trunkline.signed_in"
"""Key in a request's scope: true if a valid cookie came with it, which the client can sign out."""


class AuthMiddleware:
    """ASGI middleware, inside the `OriginGuard`: it finds the client's role, and refuses requests without the token.

    Args:
        tokens: the server's tokens.
        wrong: the limit on each client's wrong tokens. The sign-in page shares it.
        refusals: counts and logs the refused clients.
        trusts_this_machine: True makes clients on this machine operators if the server has no token.
    """

    def __init__(
        self, app: ASGIApp, tokens: Tokens, wrong: WrongTokens, refusals: Refusals, *, trusts_this_machine: bool
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._wrong = wrong
        self._refusals = refusals
        self._trusts_this_machine = trusts_this_machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate the request, then pass it to the app or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_open = path_of(scope) in PUBLIC_PATHS or self._tokens.caller is None
        connection = HTTPConnection(scope)
        try:
            role = self._tokens.role_of_cookie(connection)
            if any(self._tokens):
                scope[SIGNED_IN] = role is not None
            role = role or await self._role_of_bearer(connection, is_open=is_open)
            if role is None and not any(self._tokens) and self._trusts_this_machine and is_on_this_machine(connection):
                role = Role.THIS_MACHINE
            if not (is_open or role):
                message = "The token is missing: send 'Authorization: Bearer …', or sign in at sign-in."
                raise ApiError(401, "token_needed", message)
        except ApiError as error:
            await refuse(error, scope, receive, send)
            return
        if self._tokens.caller is not None:
            scope[AUTHENTICATED] = role is not None
        scope[ROLE] = role or Role.CALLER
        await self._app(scope, receive, send)

    async def _role_of_bearer(self, connection: HTTPConnection, *, is_open: bool) -> Role | None:
        scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not any(self._tokens):
            return None
        if wait_s := self._wrong.wait_s(connection):  # before the comparison, or the client could continue to guess
            if is_open:
                return None
            self._refusals.add("locked_out", address_of(connection.scope))
            message = "Too many wrong tokens from this address: try again later."
            raise ApiError(429, "too_often", message, retry_after_s=wait_s)
        found = self._tokens.find(shown.strip())
        if found is not None:
            return found[1]
        self._refusals.add("wrong_token", address_of(connection.scope), "bearer")
        await self._wrong.count(connection)
        return None


class WrongTokens:
    """Limit on the wrong tokens of each client: it locks a client out, and no other.

    A proxy on this machine that does not report its clients makes all of them one client. Such a client is never locked
    out, since that would hit everybody; instead the answer to each wrong token is late.

    Args:
        delay_s: the time in s by which such an answer is late.
    """

    def __init__(self, delay_s: float = WRONG_TOKEN_DELAY_S) -> None:
        self._delay_s = delay_s
        self.limiter = RateLimiter(MAX_WRONG_TOKENS_PER_MINUTE)
        """The wrong tokens by the client."""

    def wait_s(self, connection: HTTPConnection) -> float:
        """Return the time in s until the client may try again; 0 if it may now."""
        return 0.0 if self._is_shared(connection) else self.limiter.wait_s(client_of(connection.scope))

    async def count(self, connection: HTTPConnection) -> None:
        """Count a wrong token of the client."""
        if self._is_shared(connection):
            await asyncio.sleep(self._delay_s)
        else:
            self.limiter.count(client_of(connection.scope))

    def _is_shared(self, connection: HTTPConnection) -> bool:
        return is_loopback(address_of(connection.scope))


def path_of(scope: Scope) -> str:
    """Return a request's path inside the app, also when the app is mounted. Routing uses the same path."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    inside = path.removeprefix(root)
    return inside if inside != path and (not inside or inside.startswith("/")) else path


async def refuse(error: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the handshake of a WebSocket, with an error."""
    if scope["type"] == "websocket":
        response = error_response(error)
        if "websocket.http.response" in scope.get("extensions", {}):
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": error.detail[:120]})
        return
    response = error_response(error)
    if isinstance(error, ApiError) and error.code == "token_needed":
        response = _page_or(response, scope)
    await response(scope, receive, send)


def _page_or(response: Response, scope: Scope) -> Response:
    """Return a redirect to the sign-in page for a page of the console, with its query; else the response."""
    page = path_of(scope).removeprefix("/")
    if not is_console_page(page) or Request(scope).method not in ("GET", "HEAD"):
        return response
    # Relative, so that it is correct under any prefix, also under one that a proxy removes.
    address = URL(path="../sign-in" if "/" in page else "sign-in", query=scope["query_string"].decode("latin-1"))
    if page:
        address = address.include_query_params(**{PAGE: page})
    return RedirectResponse(str(address), 303, {"cache-control": "no-store"})


def is_console_page(path: str) -> bool:
    """Return whether a path inside the app, without its first slash, is a page of the console."""
    return _CONSOLE_PAGE.fullmatch(path) is not None

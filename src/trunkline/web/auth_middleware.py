"""Authentication by the server's token: as a bearer token, or through a session cookie from the sign-in page."""

from __future__ import annotations

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from trunkline.web.auth_token import AuthToken
from trunkline.web.errors import ApiError, error_response
from trunkline.web.rate_limit import RateLimiter, address_of, client_of
from trunkline.web.refusals import Refusals

PUBLIC_PATHS = ("/api/health", "/api/ready", "/sign-in", "/sign-out")
"""Paths that need no token."""
MAX_WRONG_TOKENS_PER_MINUTE = 10
"""Wrong tokens that a client may send in a minute, as bearer tokens and at the sign-in page together."""
AUTHENTICATED = "trunkline.authenticated"
"""Key in a request's scope: true if the client has shown the token or a valid cookie."""
SIGNED_IN = "trunkline.signed_in"
"""Key in a request's scope: true if a valid cookie came with it, which the client can sign out."""


class AuthMiddleware:
    """ASGI middleware, inside the `OriginGuard`: requests without the token are refused.

    Args:
        token: the server's token.
        wrong: the limit on each client's wrong tokens. The sign-in page shares it.
        refusals: counts and logs the refused clients.
    """

    def __init__(self, app: ASGIApp, token: AuthToken, wrong: RateLimiter, refusals: Refusals) -> None:
        self._app = app
        self._token = token
        self._wrong = wrong
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate the request, then pass it to the app or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_open = path_of(scope) in PUBLIC_PATHS
        try:
            scope[SIGNED_IN] = self._is_signed_in(HTTPConnection(scope))
            scope[AUTHENTICATED] = scope[SIGNED_IN] or self._shows_token(HTTPConnection(scope), is_open=is_open)
            if not (is_open or scope[AUTHENTICATED]):
                message = "The token is missing: send 'Authorization: Bearer …', or sign in at sign-in."
                raise ApiError(401, "token_needed", message)
        except ApiError as error:
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_signed_in(self, connection: HTTPConnection) -> bool:
        cookie = connection.cookies.get(self._token.cookie)
        return cookie is not None and self._token.is_signed_in(cookie)

    def _shows_token(self, connection: HTTPConnection, *, is_open: bool) -> bool:
        scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        client = client_of(connection.scope)
        if wait_s := self._wrong.wait_s(client):  # before the comparison, or the client could continue to guess
            if is_open:
                return False
            self._refusals.add("locked_out", address_of(connection.scope))
            message = "Too many wrong tokens from this address: try again later."
            raise ApiError(429, "too_often", message, retry_after_s=wait_s)
        if self._token.matches(shown.strip()):
            return True
        self._wrong.count(client)
        self._refusals.add("wrong_token", address_of(connection.scope), "bearer")
        return False


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
    """Return a redirect to the sign-in page for the console's page, with its query; else the response."""
    if path_of(scope) != "/" or Request(scope).method not in ("GET", "HEAD"):
        return response
    # Relative, so that it is correct under any prefix, also under one that a proxy removes.
    address = URL(path="sign-in", query=scope["query_string"].decode("latin-1"))
    return RedirectResponse(str(address), 303, {"cache-control": "no-store"})

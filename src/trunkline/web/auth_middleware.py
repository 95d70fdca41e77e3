"""Who may come in where a token is set: whoever shows it as a bearer, or has signed in with it."""

from __future__ import annotations

from starlette.datastructures import URL
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from trunkline.web.auth_token import AuthToken
from trunkline.web.errors import ApiError, error_response
from trunkline.web.rate_limit import RateLimiter, client_of

PUBLIC_PATHS = ("/api/health", "/sign-in", "/sign-out")
"""What a stranger may see."""
MAX_WRONG_TOKENS_PER_MINUTE = 10
"""How many wrong tokens a client may show in a minute, as bearers and at the sign-in page together."""
AUTHENTICATED = "trunkline.authenticated"
"""In a request's scope: whether whoever sent it may come in."""
SIGNED_IN = "trunkline.signed_in"
"""In a request's scope: whether the cookie says so, which can be given back, and not a bearer."""


class AuthMiddleware:
    """ASGI middleware, behind the `OriginGuard`: nobody comes in without the token.

    Args:
        wrong: counts the wrong tokens of each client. The sign-in page has the same.
    """

    def __init__(self, app: ASGIApp, token: AuthToken, wrong: RateLimiter) -> None:
        self._app = app
        self._token = token
        self._wrong = wrong

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_open = path_of(scope) in PUBLIC_PATHS
        try:
            scope[SIGNED_IN] = self._is_signed_in(HTTPConnection(scope))
            scope[AUTHENTICATED] = scope[SIGNED_IN] or self._shows_token(HTTPConnection(scope), is_open=is_open)
            if not (is_open or scope[AUTHENTICATED]):
                message = "Show the server's token: 'Authorization: Bearer …', or sign in at sign-in."
                raise ApiError(401, "token_needed", message)
        except ApiError as error:
            await _refuse(error, scope, receive, send)
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
        if wait_s := self._wrong.wait_s(client):  # before comparing, or guessing would go on
            if is_open:
                return False
            message = "Too many wrong tokens came from here: try again later."
            raise ApiError(429, "too_often", message, retry_after_s=wait_s)
        if self._token.matches(shown.strip()):
            return True
        self._wrong.count(client)
        return False


def path_of(scope: Scope) -> str:
    """A request's path inside the app, wherever that is mounted. Routes are found by the same."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    inside = path.removeprefix(root)
    return inside if inside != path and (not inside or inside.startswith("/")) else path


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        response = error_response(error)
        if "websocket.http.response" in scope.get("extensions", {}):
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": error.detail[:120]})
        return
    await _page_or(error_response(error), scope)(scope, receive, send)


def _page_or(response: Response, scope: Scope) -> Response:
    """Whoever opens the console is sent to the sign-in page, which keeps what its address asked for."""
    if response.status_code != 401 or path_of(scope) != "/" or Request(scope).method not in ("GET", "HEAD"):
        return response
    # Relative, so that it is right under any prefix, also one that a proxy takes away.
    address = URL(path="sign-in", query=scope["query_string"].decode("latin-1"))
    return RedirectResponse(str(address), 303, {"cache-control": "no-store"})

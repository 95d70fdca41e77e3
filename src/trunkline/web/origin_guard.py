"""Exact check of Host and Origin, and the headers of every answer.

A page of another site can make the browser send requests and open WebSockets to 127.0.0.1; only the `Origin` header
reveals it. An attacker's DNS name for 127.0.0.1 makes a page of that name look like the console; only the `Host` header
reveals it. So both are compared exactly. Clients other than browsers send no Origin.

A browser sends no Origin with a request that a page merely embeds or links to, but reports another site in
`Sec-Fetch-Site`: such a request may open the console, as a link does, and nothing more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.web.auth_middleware import path_of
from trunkline.web.errors import error_response

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CLOSE = {"connection": "close"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": "600",
}


class OriginGuard:
    """ASGI middleware that refuses requests of other origins.

    Args:
        app: the guarded app.
        hosts: the server's host names; None accepts any, which is safe if a token is required.
        origins: other origins that may call the server.
        addresses: accepts any IP address as the host, too. DNS cannot point an IP address at this server.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str] | None = LOOPBACK,
        origins: Sequence[str] = (),
        *,
        addresses: bool = False,
    ) -> None:
        self._app = app
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        self._origins = {_normal(origin) for origin in origins}
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it to the app or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._problem(scope, headers)
        if "content-length" in headers and "transfer-encoding" in headers:
            # A proxy in front may have read it as two requests (RFC 9112, 6.1).
            message = "The request has both content-length and transfer-encoding: send one of them."
            refusal = JSONResponse({"error": {"message": message, "code": "bad_request"}}, 400, _CLOSE)
            await refusal(scope, receive, _with_headers(send))
        elif problem is None:
            await self._let_in(scope, headers, receive, send)
        elif scope["type"] == "http":
            refusal = JSONResponse({"error": {"message": problem, "code": "forbidden_origin"}}, 403)
            await refusal(scope, receive, _with_headers(send))
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": problem[:120]})

    async def _let_in(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        origin = headers.get("origin", "")
        allowed = origin if _normal(origin) in self._origins else None
        send = _with_headers(send, allowed)
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(None, 204, _PREFLIGHT)(scope, receive, send)
        else:
            await _answered(self._app, scope, receive, send)

    def _problem(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "").lower()
        if not self._goes_by(_name(host)):
            return f"{_name(host)!r} is not a name of this server: add its origin to TRUNKLINE_ALLOWED_ORIGINS."
        origin = headers.get("origin")
        if origin is None:
            return _embedded(scope, headers)
        secure = scope["scheme"] in ("https", "wss")
        own = _normal(f"{'https' if secure else 'http'}://{host}")
        if _normal(origin) == own or _normal(origin) in self._origins:
            return None
        return "Pages of this origin may not call the server: add the origin to TRUNKLINE_ALLOWED_ORIGINS."

    def _goes_by(self, name: str) -> bool:
        return self._hosts is None or name in self._hosts or (self._addresses and _is_address(name))


async def _answered(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the app, and add the headers to Starlette's answer to an exception, which passes no middleware."""
    begun = False

    async def watched(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await app(scope, receive, watched)
    except Exception as error:
        if not begun:
            await error_response(error)(scope, receive, send)
        raise


def _embedded(scope: Scope, headers: Headers) -> str | None:
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return None
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if opened and scope.get("method") in ("GET", "HEAD") and not path_of(scope).startswith("/api/"):
        return None
    return "Pages of another origin may only link to the console: open it by its address."


def _normal(origin: str) -> str:
    """Return an origin as browsers write it: in lower case, without the default port."""
    origin = origin.rstrip("/").lower()
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], "\0"))


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send, allowed_origin: str | None = None) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if allowed_origin is not None:
                # Never with credentials: another origin sends the token as a bearer, if one is set.
                headers["access-control-allow-origin"] = allowed_origin
                headers["access-control-expose-headers"] = "retry-after"
                headers.add_vary_header("origin")
        await send(message)

    return wrapped

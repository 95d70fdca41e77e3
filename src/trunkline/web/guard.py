"""Who may talk to the server: an exact check of Host and Origin, and the headers every answer carries.

A page of another site can make the browser send requests and open WebSockets to 127.0.0.1; only the `Origin` header
tells. And a name that an attacker's DNS points to 127.0.0.1 makes another site's page look like our own; only the
`Host` header tells. So both are compared exactly. Clients that are no browsers send no Origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        hosts: the host names this server goes by; None (it listens on a public address) takes any.
        origins: origins beside its own that may call it.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None = LOOPBACK, origins: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        problem = self._problem(scope)
        if problem is None:
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            refusal = JSONResponse({"error": {"message": problem, "code": "forbidden_origin"}}, 403)
            await refusal(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": problem[:120]})

    def _problem(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._hosts is not None and _name(host) not in self._hosts:
            return f"This server does not go by the name {_name(host)!r}."
        origin = headers.get("origin")
        if origin is None:
            return None
        secure = scope["scheme"] in ("https", "wss")
        own = f"{'https' if secure else 'http'}://{host}"
        if origin.lower() == own or origin.lower() in self._origins:
            return None
        return "Pages of another origin may not call this server; TRUNKLINE_ALLOWED_ORIGINS can allow them."


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped

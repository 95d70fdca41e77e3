"""The web server's part of the origin guard: the format of its refusals, and the headers of every answer."""

from __future__ import annotations

import socket

from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from trunkline.origin_guard import GuardPolicy, OriginGuard, OriginRules, Refusal
from trunkline.settings import Settings
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

_SECURE_HEADERS = {"strict-transport-security": "max-age=31536000"}
"""Browsers that came over HTTPS come back over HTTPS, for a year."""


def origin_guard(settings: Settings, *, authenticates: bool = False) -> Middleware:
    """Return the guard of the web server's routes and sockets.

    Args:
        authenticates: true if the app authenticates every request itself.
    """
    names = [socket.gethostname(), f"{socket.gethostname()}.local"]
    rules = OriginRules.of_listener(
        settings.host, settings.allowed_origins, names, has_secret=authenticates or settings.token is not None
    )
    policy = GuardPolicy(
        refuse=_refused, failed=error_response, may_link=_may_link, headers=_HEADERS, secure_headers=_SECURE_HEADERS
    )
    return Middleware(OriginGuard, rules=rules, policy=policy)


def _refused(_scope: Scope, refusal: Refusal) -> Response:
    close = {"connection": "close"} if refusal.status == 400 else None
    return JSONResponse({"error": {"message": refusal.message, "code": refusal.code}}, refusal.status, close)


def _may_link(scope: Scope) -> bool:
    return not path_of(scope).startswith("/api/")

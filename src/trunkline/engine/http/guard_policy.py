"""The engine's part of the origin guard: errors in the service's format, and the requests that any page may send.

A page that has an ephemeral key may use it from any origin, as with the services: to open a session or post an offer.
Everything else needs an origin that the engine allows, with the engine's key and without it.
"""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from trunkline.engine.http.api_key import PREVIEW_SOCKET_PATH, keys_of
from trunkline.engine.http.client_secrets import ClientSecrets
from trunkline.engine.http.errors import CROSS_ORIGIN, RequestError
from trunkline.engine.http.preview import CALLS_PATHS
from trunkline.origin_guard import GuardPolicy, OriginGuard, OriginRules, Refusal

_CALL_PATHS = ("/openai/v1/realtime/calls", "/v1/realtime/calls", *CALLS_PATHS)
_SOCKET_PATHS = ("/openai/v1/realtime", "/v1/realtime", PREVIEW_SOCKET_PATH)
_HEADERS = {"x-content-type-options": "nosniff"}


def origin_guard(rules: OriginRules, secrets: ClientSecrets) -> Middleware:
    """Return the guard of the engine's routes and sockets."""

    def exempt(scope: Scope) -> bool:
        path = scope["path"]
        if scope["type"] == "http" and path in _CALL_PATHS and scope["method"] == "OPTIONS":
            return True  # it only asks whether a page may send a key
        if path not in (_SOCKET_PATHS if scope["type"] == "websocket" else _CALL_PATHS):
            return False
        return any(secrets.find(key) is not None for key in keys_of(HTTPConnection(scope)))

    policy = GuardPolicy(refuse=_refused, failed=_failed, may_link=_may_link, exempt=exempt, headers=_HEADERS)
    return Middleware(OriginGuard, rules=rules, policy=policy)


def _refused(scope: Scope, refusal: Refusal) -> Response:
    message, headers = refusal.message, {}
    if scope["type"] == "http" and scope["path"] in _CALL_PATHS:
        headers = CROSS_ORIGIN  # so that a page can read why its key was refused
        message = f"{message} Any page may send an ephemeral key that has not expired."
    if refusal.status == 400:
        headers = {**headers, "connection": "close"}
    error = RequestError(refusal.status, refusal.code, message)
    return error.response_to(HTTPConnection(scope), headers)


def _failed(_error: Exception) -> Response:
    return Response("Internal Server Error", 500, media_type="text/plain")


def _may_link(scope: Scope) -> bool:
    return bool(scope["path"] == "/")

"""ASGI app for the other servers: requests of their clients, as if these clients had come here, and who owns a call."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from trunkline.cluster.node import KEY_HEADER, STANDING_PATH, Standing, StandingQuestion

CLIENT_HEADER = "x-trunkline-client"
FORWARDED = "trunkline.forwarded"
"""Key in a request's scope: true if another server has passed it on."""
_OWN_HEADERS = (KEY_HEADER, CLIENT_HEADER)
_OWNERS = "/cluster/calls/"


class OriginalRequest(msgspec.Struct, frozen=True):
    """The facts of a client's request that its connection shows, and the passed-on request does not.

    Attributes:
        client: the client's address and port; None if it is unknown.
        scheme: `http`, `https`, `ws` or `wss`.
        host: the `Host` header.
    """

    client: tuple[str, int] | None
    scheme: str
    host: str


class PeerGate:
    """Admits requests with the key of the cluster, and passes them to the app, with all its checks.

    Args:
        app: the app that the clients use.
        key: the key of the cluster.
        runs: returns whether this server runs a call.
        reaches_database: returns whether this server can write to the database of the live records now.
    """

    def __init__(
        self,
        app: ASGIApp,
        key: SecretStr,
        runs: Callable[[str], bool],
        reaches_database: Callable[[], Awaitable[bool]],
    ) -> None:
        self._app = app
        self._key = key
        self._runs = runs
        self._reaches_database = reaches_database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of another server."""
        headers = Headers(scope=scope)
        if not hmac.compare_digest(headers.get(KEY_HEADER, "").encode(), self._key.get_secret_value().encode()):
            await _answer(_refusal(403, "wrong_cluster_key", "This address is for the servers of a cluster."))(
                scope, receive, send
            )
            return
        if scope["type"] == "http" and scope["path"].startswith(_OWNERS):
            runs = self._runs(scope["path"].removeprefix(_OWNERS))
            await Response(status_code=204 if runs else 404)(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == STANDING_PATH:
            await (await self._standing(Request(scope, receive)))(scope, receive, send)
            return
        try:
            original = msgspec.json.decode(headers.get(CLIENT_HEADER, ""), type=OriginalRequest)
        except msgspec.DecodeError:
            await _answer(_refusal(400, "bad_request", "The client's address is missing."))(scope, receive, send)
            return
        await self._app(_original_scope(scope, original), receive, send)

    async def _standing(self, request: Request) -> Response:
        try:
            question = msgspec.json.decode(await request.body(), type=StandingQuestion)
        except msgspec.MsgspecError:
            return _refusal(400, "bad_request", "The body must have the ids of calls as 'calls'.")
        reaches = await self._reaches_database()
        standing = Standing(reaches, [call_id for call_id in question.calls if self._runs(call_id)])
        return Response(msgspec.json.encode(standing), media_type="application/json")


def _original_scope(scope: Scope, original: OriginalRequest) -> Scope:
    kept = [(name, value) for name, value in scope["headers"] if name.decode("latin-1") not in (*_OWN_HEADERS, "host")]
    return {
        **scope,
        "headers": [(b"host", original.host.encode("latin-1")), *kept],
        "client": original.client,
        "scheme": original.scheme,
        FORWARDED: True,
    }


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "code": code}}, status)


def _answer(response: Response) -> ASGIApp:
    """Return an app that answers a request, or the handshake of a WebSocket."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await response(scope, receive, send)

    return app


def passed_on(headers: Iterable[tuple[bytes, bytes]], dropped: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return a request's headers to pass on, without those of the connection, the cluster's own and `dropped`."""
    without = {*_OWN_HEADERS, *_HOP_BY_HOP, *dropped}
    decoded = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    return [(name, value) for name, value in decoded if name not in without]


_HOP_BY_HOP = (
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)

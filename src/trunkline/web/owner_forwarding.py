"""ASGI middleware that passes requests for a call of another server on to that server, and the listener for the others.

It is the innermost middleware: the origin and the tokens of a request have been checked here, and are checked again by
the owner, together with the grants on the call.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.cluster.forwarding import forward_request, forward_socket
from trunkline.cluster.node import ClusterNode, PeerUnreachableError
from trunkline.cluster.peer_gate import FORWARDED, PeerGate
from trunkline.engine.server import EmbeddedServer
from trunkline.web.auth_middleware import path_of, refuse
from trunkline.web.errors import ApiError
from trunkline.web.server_state import ServerState
from trunkline.web.uvicorn_websocket import CallSocketProtocol

_CALL = re.compile(r"/api/calls/(?P<call_id>call_\w+)(?P<leg>/leg)?")
RETRY_AFTER_S = 1.0

logger = logging.getLogger(__name__)


class ForwardToOwner:
    """Passes on the requests that need a running call, if another server runs it.

    Args:
        server: the state of this server.
    """

    def __init__(self, app: ASGIApp, server: ServerState) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the app, or to the call's owner."""
        cluster = self._server.cluster
        call_id = None if cluster is None or scope.get(FORWARDED) else _running_call(scope)
        if cluster is None or call_id is None or self._server.runs(call_id):
            await self._app(scope, receive, send)
            return
        forward = forward_socket if scope["type"] == "websocket" else forward_request
        try:
            owner = await cluster.owner_of(call_id)
            if owner is not None:
                await forward(scope, receive, send, owner, cluster)
        except PeerUnreachableError as problem:
            logger.warning("a request for the call %s was not passed on: %s", call_id, problem)
            message = "The server of this call does not answer: try again."
            error = ApiError(503, "owner_unreachable", message, retry_after_s=RETRY_AFTER_S)
            await refuse(error, scope, receive, send)
            return
        if owner is None:
            await self._app(scope, receive, send)


def _running_call(scope: Scope) -> str | None:
    """Return the id of the call that a request joins, ends or connects to; None for any other request."""
    if scope["type"] not in ("http", "websocket") or (found := _CALL.fullmatch(path_of(scope))) is None:
        return None
    if scope["type"] == "http" and (scope["method"], bool(found["leg"])) not in (("POST", True), ("DELETE", False)):
        return None
    return found["call_id"]


@asynccontextmanager
async def serving_peers(app: ASGIApp, server: ServerState, cluster: ClusterNode) -> AsyncIterator[None]:
    """Serve the other servers of the cluster while the context is open."""
    config = uvicorn.Config(
        PeerGate(app, cluster.key, server.runs),
        lifespan="off",
        log_config=None,
        access_log=False,
        ws=CallSocketProtocol,
        ws_max_size=server.settings.max_frame_bytes,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    peers = EmbeddedServer(config)
    cluster.listener.setblocking(False)
    serving = asyncio.create_task(peers.serve([cluster.listener]), name="cluster listener")
    try:
        yield
    finally:
        peers.end()
        await serving
        await cluster.aclose()

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
from weakref import WeakValueDictionary

from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.cluster.claim_rules import Claim
from trunkline.cluster.forwarding import OPEN_TIMEOUT_S, forward_request, forward_socket
from trunkline.cluster.live_calls import Ownership
from trunkline.cluster.node import ClusterNode, OwnerUnknownError, PeerUnreachableError, StoppingError
from trunkline.cluster.peer_gate import FORWARDED, PeerGate
from trunkline.engine.server import EmbeddedServer
from trunkline.listener.config import ListenerConfig
from trunkline.listener.limits import ListenerLimits
from trunkline.web.auth_middleware import path_of, refuse
from trunkline.web.capacity import capacity_of
from trunkline.web.errors import ApiError
from trunkline.web.server_state import ServerState
from trunkline.web.uvicorn_websocket import CONNECTION, CallSocketProtocol

_CALL = re.compile(r"/api/calls/(?P<call_id>call_\w+)(?P<leg>/leg)?")
PASSED_HEADER = b"x-trunkline-passed"
"""The header of a request whose connection a worker has passed on. A client gains nothing by it."""
RETRY_AFTER_S = 1.0
PATIENCE_S = 5.0
"""The time in s for which a page's WebSocket waits for an owner that does not answer. After 3 s without a sign, the
owner counts as gone."""
RETRY_S = 0.25
CLAIM_ATTEMPTS = 3
_MAX_DIGITS = 15

logger = logging.getLogger(__name__)


class ForwardToOwner:
    """Passes on the requests that need a running call, if another server runs it, or takes the call over.

    Args:
        server: the state of this server.
    """

    def __init__(self, app: ASGIApp, server: ServerState) -> None:
        self._app = app
        self._server = server
        self._claiming: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the app, or to the call's owner."""
        server = self._server
        alone = server.cluster is None and server.live is None
        call_id = None if alone else _running_call(scope)
        if call_id is not None:
            await server.until_sure(call_id)
        if call_id is None or server.runs(call_id):
            await self._app(scope, receive, send)
            return
        try:
            if scope.get(FORWARDED):
                await self._expect_here(call_id, _seen(scope))
                await self._app(scope, receive, send)
            elif not await self._is_passed_on(call_id, scope, receive, send):
                await self._app(scope, receive, send)
        except (PeerUnreachableError, OwnerUnknownError, StoppingError) as problem:
            logger.warning("a request for the call %s was not passed on: %s", call_id, problem)
            message = "The server of this call does not answer: try again."
            error = ApiError(503, "owner_unreachable", message, retry_after_s=RETRY_AFTER_S)
            await refuse(error, scope, receive, send)

    async def _expect_here(self, call_id: str, seen: int) -> None:
        """Wait until this server runs the call of a request that another server has passed on, unless nobody has it.

        The other one may have read of a claim that is still under way here, or of a call that was given up here since.

        Raises:
            PeerUnreachableError: a server that may run it does not answer.
            OwnerUnknownError: another server runs it, or the owner cannot be found at the moment.
        """
        if self._server.has_lost(call_id) or await self._owner_of(call_id, seen) is not None:
            raise OwnerUnknownError("another server runs it by now")

    async def _is_passed_on(self, call_id: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Pass a request on to the call's owner; return False if this server answers it.

        A WebSocket waits for an owner that does not answer, until it does or this server takes the call over.

        Raises:
            PeerUnreachableError: the owner does not answer.
            OwnerUnknownError: the owner cannot be found.
        """
        is_socket = scope["type"] == "websocket"
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE_S
        while True:
            try:
                owner = await self._find_owner(call_id, _seen(scope))
                if owner is None or (cluster := self._server.cluster) is None:
                    return False
                if not await _is_given_away(call_id, scope, owner, cluster):
                    await (forward_socket if is_socket else forward_request)(scope, receive, send, owner, cluster)
                return True
            except (PeerUnreachableError, OwnerUnknownError):
                if not is_socket or clock() > until:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _find_owner(self, call_id: str, seen: int) -> str | None:
        """Return the owner as `_owner_of` does; without a database, the server that says it runs the call."""
        try:
            return await self._owner_of(call_id, seen)
        except OwnerUnknownError:
            cluster = self._server.cluster
            owner = None if cluster is None else await cluster.owner_of(call_id)
            if owner is None:
                raise
            return owner

    async def _owner_of(self, call_id: str, seen: int) -> str | None:
        """Return the address of the call's server; None if this server runs it by now, or if nobody does.

        Raises:
            PeerUnreachableError: another server does not answer.
            OwnerUnknownError: the owner cannot be found at the moment, or nobody can continue the call.
            StoppingError: another server can take the call over, and this one stops.
        """
        live, cluster = self._server.live, self._server.cluster
        owner: Ownership | None = None
        if live is not None:
            claiming = self._claiming.setdefault(call_id, asyncio.Lock())
            async with claiming:  # of several pages of a call, one has it taken over
                for _attempt in range(CLAIM_ATTEMPTS):
                    if self._server.runs(call_id) or (owner := await live.owner_of(call_id)) is None:
                        break
                    match await live.decide(owner):
                        case Claim.FORWARD:
                            return owner.address
                        case Claim.TAKE_OVER:
                            await self._server.take_over(call_id, owner, seen)
                        case Claim.WAIT:
                            raise OwnerUnknownError("the database was away, so owners show first that they live")
                        case Claim.LEAVE:
                            raise StoppingError("this server stops, and another one takes the call over")
            if self._server.runs(call_id):
                return None
        if owner is not None:
            raise OwnerUnknownError("no server can take it over at the moment")
        return None if cluster is None else await cluster.owner_of(call_id)


async def _is_given_away(call_id: str, scope: Scope, owner: str, cluster: ClusterNode) -> bool:
    """Pass the connection of a WebSocket to its call's worker. Return False if its messages have to be forwarded.

    A worker that is stopped would keep the connection without an answer, so it is asked first.

    Raises:
        PeerUnreachableError: it does not answer.
    """
    connection = scope.get("extensions", {}).get(CONNECTION)
    passing = cluster.passing
    if passing is None or not isinstance(connection, CallSocketProtocol) or _was_passed(scope):
        return False
    if not passing.reaches(owner) or not await cluster.runs(owner, call_id, OPEN_TIMEOUT_S):
        return False
    return connection.pass_on(lambda own, head: passing.pass_to(owner, own, _marked(head)))


def _was_passed(scope: Scope) -> bool:
    """Return whether a worker has passed this connection here. It is passed once, so that it cannot go in a circle."""
    return any(name == PASSED_HEADER for name, _value in scope["headers"])


def _marked(head: bytes) -> bytes:
    return head.removesuffix(b"\r\n") + PASSED_HEADER + b": 1\r\n\r\n"


def _seen(scope: Scope) -> int:
    """Return the number of the last event that a page has seen, by its own account."""
    after = QueryParams(scope["query_string"]).get("after", "0")
    return int(after) if after.isascii() and after.isdecimal() and len(after) <= _MAX_DIGITS else 0


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
    capacity = capacity_of(server.settings)
    config = ListenerConfig(
        PeerGate(app, cluster.key, server.runs, server.reaches_database),
        ListenerLimits.of(server.settings, capacity, capacity.connections),  # another server has many clients
        CallSocketProtocol,
        lifespan="off",
        log_config=None,
        ws_max_size=server.settings.max_frame_bytes,
        timeout_graceful_shutdown=3,
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

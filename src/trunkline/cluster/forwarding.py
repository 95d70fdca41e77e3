"""Requests and WebSockets of clients, passed on to the server that owns their call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from trunkline.cluster.node import ClusterNode, PeerUnreachableError
from trunkline.cluster.peer_gate import CLIENT_HEADER, OriginalRequest, passed_on
from trunkline.send_queue import CloseFrame

OPEN_TIMEOUT_S = 1.5
PING_INTERVAL_S = 1.0
PING_TIMEOUT_S = 2.0
"""The time in s without an answer after which another server counts as gone for the page, which connects again."""
OWNER_LOST = CloseFrame(1012, "the server of this call has gone: connect again")
"""The close frame for a page whose call's server has died. The page connects again, to any server."""
_NO_CLOSE_FRAME = (1005, 1006, 1015)
"""Codes that no close frame may have (RFC 6455, 7.4.1)."""

logger = logging.getLogger(__name__)


async def forward_request(scope: Scope, receive: Receive, send: Send, owner: str, cluster: ClusterNode) -> None:
    """Pass a request on to another server, and its answer back.

    Args:
        owner: the other server's address.
        cluster: this server among the others.

    Raises:
        PeerUnreachableError: it does not answer.
    """
    request = Request(scope, receive)

    async def body() -> AsyncIterator[bytes]:
        async for chunk in request.stream():
            yield chunk

    headers = [*passed_on(scope["headers"], ()), (CLIENT_HEADER, _original(scope)), *cluster.auth_headers.items()]
    answer = await cluster.request(request.method, _target(scope, owner), headers=headers, content=body())
    response = Response(answer.content, answer.status_code)
    response.raw_headers = [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.lower() not in (b"connection", b"transfer-encoding", b"content-encoding", b"date")
    ]
    await response(scope, receive, send)


async def forward_socket(scope: Scope, receive: Receive, send: Send, owner: str, cluster: ClusterNode) -> None:
    """Pass a WebSocket on to another server, until one side closes it.

    Args:
        owner: the other server's address.
        cluster: this server among the others.

    Raises:
        PeerUnreachableError: it does not answer; the client's handshake is not answered yet.
    """
    page = WebSocket(scope, receive, send)
    dropped = tuple(name for name in page.headers if name.startswith("sec-websocket-"))
    headers = [*passed_on(scope["headers"], dropped), (CLIENT_HEADER, _original(scope)), *cluster.auth_headers.items()]
    try:
        connection = await connect(
            _target(scope, owner).replace("http", "ws", 1),
            additional_headers=headers,
            compression=None,
            max_size=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=1.0,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            user_agent_header=None,
            proxy=None,
        )
    except InvalidStatus as refused:
        answer = refused.response
        await page.send_denial_response(
            Response(answer.body or b"", answer.status_code, media_type=answer.headers.get("content-type"))
        )
        return
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise PeerUnreachableError(str(error) or type(error).__name__) from error
    await page.accept()
    async with connection, asyncio.TaskGroup() as group:
        upwards = group.create_task(_pass_up(page, connection))
        close = await _pass_down(connection, page)
        upwards.cancel()
    if close is not None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the page may have closed at the same time
            await page.close(close.code, close.reason)


async def _pass_up(page: WebSocket, connection: ClientConnection) -> None:
    """Send the page's frames to the owner, and its close."""
    with suppress(ConnectionClosed):
        while True:
            message = await page.receive()
            if message["type"] == "websocket.disconnect":
                await connection.close(1000, "the page has closed")
                return
            audio = message.get("bytes")
            await connection.send(audio if audio is not None else message.get("text", ""))


async def _pass_down(connection: ClientConnection, page: WebSocket) -> CloseFrame | None:
    """Send the owner's frames to the page; return the owner's close, None if the page has gone."""
    try:
        while True:
            frame = await connection.recv()
            if isinstance(frame, str):
                await page.send_text(frame)
            else:
                await page.send_bytes(frame)
    except ConnectionClosed as closed:
        if closed.rcvd is None or closed.rcvd.code in _NO_CLOSE_FRAME:
            return None if closed.sent is not None and closed.sent.code == 1000 else OWNER_LOST
        return CloseFrame(closed.rcvd.code, closed.rcvd.reason)
    except (WebSocketDisconnect, RuntimeError):  # the page has gone
        return None


def _original(scope: Scope) -> str:
    client = scope.get("client")
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    original = OriginalRequest(tuple(client) if client else None, scope["scheme"], host)
    return msgspec.json.encode(original).decode()


def _target(scope: Scope, owner: str) -> str:
    """Return the request's address on another server, where the app is mounted at the root."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    query = scope["query_string"].decode("latin-1")
    inside = path.removeprefix(root) or "/"
    return f"{owner}{inside}?{query}" if query else f"{owner}{inside}"

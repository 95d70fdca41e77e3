"""Two servers of one cluster in this process, each with a port of its own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.web.web_server import SCENARIO, Client, client, listening, own_settings, with_model
from trunkline.cluster.node import ClusterNode
from trunkline.web import create_app

KEY = SecretStr("the key of the cluster")


def loopback_listener() -> socket.socket:
    """Return a socket that listens on a free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL of a listener."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def two_servers(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[tuple[Client, Client]]:
    """Run two servers that know each other; yield a client of each."""
    model = with_model(monkeypatch)
    listeners = loopback_listener(), loopback_listener()
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for number, own in enumerate(listeners):
            other = listeners[1 - number]
            given = own_settings(take_over="off", **settings)
            app = create_app([SCENARIO], given)
            app.state.server.join_cluster(ClusterNode(str(number), KEY, (address_of(other),), own))
            url = await stack.enter_async_context(listening(app, given))
            clients.append(await stack.enter_async_context(client(url, model)))
        yield clients[0], clients[1]

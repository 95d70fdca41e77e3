"""Garbage collection: a server that owns its process excludes the objects of its start."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Iterator

import pytest

from tests.web.test_draining import SignalledServer
from tests.web.web_server import SCENARIO, own_settings, serving, with_model
from trunkline.garbage_collection import freeze_startup_objects
from trunkline.web import create_app
from trunkline.web.uvicorn_config import server_config


@pytest.fixture(autouse=True)
def no_frozen_objects() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


async def test_a_server_of_its_own_process_excludes_the_objects_of_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with_model(monkeypatch)
    given = own_settings()
    app = create_app([SCENARIO], given)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = SignalledServer(server_config(app, given, log_config=None), app.state.server)
    running = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event
        await asyncio.sleep(0.01)
    await app.state.server.ready()
    assert gc.get_freeze_count() > 10_000
    server.should_exit = True
    await running


async def test_an_app_in_another_process_leaves_its_collector_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        assert (await caller.http.get("/api/scenarios")).is_success  # the answer waits for the start
        assert gc.get_freeze_count() == 0


def test_garbage_of_the_start_is_collected_before() -> None:
    class Node:
        itself: Node

    node = Node()
    node.itself = node
    left = weakref.ref(node)
    del node
    freeze_startup_objects()
    assert left() is None

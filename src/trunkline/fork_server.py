"""Processes of a server that start fast: they are forked from a process that has imported the libraries.

To import the Agents SDK takes most of a server's start. The fork server does so once, and has no threads of its own, so
that its copies are safe. Only Linux has it: on macOS, system libraries do not allow a fork, and Windows has none.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

_LIBRARIES = (
    "agents.realtime",
    "aiortc",
    "aiosqlite",
    "alembic.runtime.environment",
    "httpx2",
    "jsonschema",
    "openai",
    "sqlalchemy.ext.asyncio",
    "starlette.applications",
    "uvicorn.protocols.http.h11_impl",
    "websockets.asyncio.client",
)
_OWN_MODULES = (
    "trunkline.builtin_scenarios",
    "trunkline.calls.metrics.exporters",
    "trunkline.cluster.live_recorder",
    "trunkline.doctor",
    "trunkline.engine.default",
    "trunkline.store.call_archive",
    "trunkline.store.call_store",
    "trunkline.web.server",
    "trunkline.web.uvicorn_config",
)


def server_context(changing: Iterable[Path] = ()) -> ForkServerContext | SpawnContext:
    """Return the context for the processes of a server. On Linux its fork server begins to import the libraries.

    Args:
        changing: folders of which the code may change between two starts. Their modules are not imported before.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    package = Path(__file__).parent
    own = () if any(package.is_relative_to(folder) for folder in changing) else _OWN_MODULES
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_LIBRARIES, *own])
    forkserver.ensure_running()
    return context

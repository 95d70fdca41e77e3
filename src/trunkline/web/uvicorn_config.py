"""Uvicorn's configuration for `trunkline serve`: limits on connections, messages and slow clients."""

from __future__ import annotations

import logging
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from trunkline.descriptors import soft_limit
from trunkline.event_loop import ServerLoop
from trunkline.listener.config import ListenerConfig
from trunkline.listener.limits import ListenerLimits
from trunkline.settings import Settings
from trunkline.web.capacity import capacity_of
from trunkline.web.server_state import ServerState
from trunkline.web.uvicorn_websocket import CallSocketProtocol

logger = logging.getLogger(__name__)
SHUTDOWN_TIMEOUT_S = 3
"""The time in s that a stopping server waits for unfinished answers."""


def server_config(app: ASGIApp, settings: Settings, **options: Any) -> uvicorn.Config:
    """Return the configuration that serves a Trunkline app.

    Args:
        options: options of `uvicorn.Config`, which override these.
    """
    state = getattr(getattr(app, "state", None), "server", None)
    server = state if isinstance(state, ServerState) else None
    config = ListenerConfig(
        app,
        _limits(settings),
        CallSocketProtocol,
        lambda address: server.refusals.add("connections", address) if server is not None else None,
        **{
            "lifespan": "on",
            "loop": f"{ServerLoop.__module__}:{ServerLoop.__name__}",
            "log_level": "debug" if settings.log_content and settings.log_level == "debug" else "warning",
            "ws_max_size": settings.max_frame_bytes,
            "timeout_graceful_shutdown": SHUTDOWN_TIMEOUT_S,
            "proxy_headers": bool(settings.trusted_proxies),
            "forwarded_allow_ips": settings.trusted_proxies,
            **options,
        },
    )
    if server is not None:
        server.use_gate(config.gate)
    return config


def _limits(settings: Settings) -> ListenerLimits:
    capacity = capacity_of(settings)
    if capacity.connections < settings.max_connections:
        logger.warning(
            "the process may open only %s descriptors, which is enough for %d connections instead of %d: raise "
            "`ulimit -n`",
            soft_limit(),
            capacity.connections,
            settings.max_connections,
        )
    return ListenerLimits.of(settings, capacity, settings.max_client_connections)

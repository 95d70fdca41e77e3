"""Server of `trunkline serve`: Uvicorn, with a log that stays readable when connections cannot be accepted."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn

from trunkline.web.connection_gate import AcceptErrors

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Uvicorn server that runs alone in its process."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(AcceptErrors(_log_accept_error, loop.time, loop.get_exception_handler()))
        await super().startup(sockets)


def _log_accept_error(problem: str) -> None:
    logger.error("connections cannot be accepted (%s); the server tries again each second", problem)

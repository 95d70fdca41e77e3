"""Server of `trunkline serve`: Uvicorn, which drains on SIGTERM and logs failures to accept connections once."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import uvicorn

from trunkline.listener.accept_errors import log_accept_errors_once
from trunkline.web.server_state import ServerState

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Uvicorn server that runs alone in its process.

    At SIGTERM it drains: it accepts no new calls, and ends when the running ones have ended. A second signal, and
    Ctrl-C, end it at once.

    Args:
        state: the state of the app, which may exclude its objects from garbage collection; None ends the server at
            once at SIGTERM, too.
        on_started: called when the server listens.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState | None = None,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._state = state
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._has_asked_to_drain = False
        self._exits = ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        self._loop = asyncio.get_running_loop()
        log_accept_errors_once(self._loop)
        if self._state is not None:
            self._state.owns_process = True
        await super().startup(sockets)
        if not self.started:
            return
        if self._state is not None and self._state.cluster is not None and (passing := self._state.cluster.passing):
            self._exits.enter_context(passing.receiving(self._accept))
        self._on_started()

    def _accept(self, connection: socket.socket, head: bytes) -> None:
        """Serve a connection that another worker has accepted."""
        accepting = asyncio.create_task(self._serve_connection(connection, head), name="passed connection")
        self.server_state.tasks.add(accepting)
        accepting.add_done_callback(self.server_state.tasks.discard)

    async def _serve_connection(self, connection: socket.socket, head: bytes) -> None:
        connection.setblocking(False)
        try:
            _transport, http = await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client has gone
            connection.close()
            return
        http.data_received(head)  # the client waits for the answer, and has sent nothing else

    def _protocol(self) -> asyncio.Protocol:
        """Return the protocol of one connection, as Uvicorn makes it for those that it accepts."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # its type is that of any asyncio protocol
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal: drain at the first SIGTERM, else end at once."""
        drains = sig == signal.SIGTERM and self._state is not None and self._loop is not None
        if not drains or self._has_asked_to_drain or self.should_exit:
            super().handle_exit(sig, frame)
            return
        self._has_asked_to_drain = True
        self._captured_signals.append(sig)
        assert self._loop is not None  # noqa: S101 - checked above
        self._loop.call_soon_threadsafe(self._begin_to_drain)

    def _begin_to_drain(self) -> None:
        self._draining = asyncio.create_task(self._drain(), name="draining")

    async def _drain(self) -> None:
        assert self._state is not None  # noqa: S101 - without a state nothing drains
        logger.info("SIGTERM: no new calls; the server ends after the running ones, or at a second signal")
        try:
            await self._state.drain()
        finally:
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop draining, and end."""
        self._exits.close()
        if self._draining is not None:
            self._draining.cancel()
        await super().shutdown(sockets)

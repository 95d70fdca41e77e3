"""Server of the engine, with its own listener."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from types import TracebackType
from typing import Self

import uvicorn

from trunkline.engine.http.app import MAX_MESSAGE_BYTES, Engine
from trunkline.engine.http.wrong_keys import WrongKeyReports
from trunkline.listener.accept_errors import log_accept_errors_once
from trunkline.listener.config import ListenerConfig
from trunkline.listener.limits import ListenerLimits
from trunkline.listener.refusals import Refusals
from trunkline.tls import TlsIdentity
from trunkline.uvicorn_websocket import RefusableSocketProtocol


class EngineServer:
    """Server that runs an engine at an address, as an async context manager.

    Args:
        port: 0 selects a free port.
        listener: a socket that listens already, in place of host and port.
        limits: the limits on connections and slow clients.
        tls: the certificate, with which the server speaks `https` and `wss` alone; None means plain HTTP.

    Attributes:
        url: the base URL for Realtime clients, such as `http://127.0.0.1:40123/openai/v1`.

    Raises:
        OSError: on entry, if the address is not available.
    """

    def __init__(
        self,
        engine: Engine,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: TlsIdentity | None = None,
        listener: socket.socket | None = None,
        limits: ListenerLimits | None = None,
    ) -> None:
        self._listener = listener
        self._limits = limits or ListenerLimits()
        self._refusals = Refusals()
        self.engine = engine
        self._tls = tls
        self.host = host
        self.port = port
        self._server: EmbeddedServer | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL for clients. Its port is known after the start."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}/openai/v1"

    async def __aenter__(self) -> Self:
        listener = self._listener or _listen(self.host, self.port)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        log_accept_errors_once(asyncio.get_running_loop())
        config = ListenerConfig(
            WrongKeyReports(self.engine.app, lambda address: self._refusals.add("wrong_key", address)),
            self._limits,
            RefusableSocketProtocol,
            lambda address: self._refusals.add("connections", address),
            lifespan="off",
            log_config=None,
            ws_max_size=MAX_MESSAGE_BYTES,
            timeout_graceful_shutdown=5,
            ssl_certfile=None if self._tls is None else self._tls.certificate,
            ssl_keyfile=None if self._tls is None else self._tls.key,
        )
        self._server = EmbeddedServer(config)
        self._serving = asyncio.create_task(self._server.serve([listener]), name="engine server")
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.002)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is None or self._serving is None:
            return
        self.engine.close()
        self._server.end()
        await self._serving
        await self.engine.aclose()


class EmbeddedServer(uvicorn.Server):
    """Uvicorn server for a program with its own signal handlers.

    It stops at once when `end` is called. Uvicorn's own loop would check only ten times a second.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop the server, so that `serve` returns."""
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Update the `Date` header of responses until the end."""
        while not self._ended.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._ended.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signal handlers of the program in place."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With an explicit protocol, asyncio disables Nagle's algorithm. Small frames would otherwise wait up to 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener

"""Server in a thread of this process, so that a test can inject faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.calls.call import Call
from trunkline.calls.log_events import LogEvent
from trunkline.providers import realtime_socket as provider_socket
from trunkline.providers.realtime_socket import Pings, RealtimeSocket, open_socket
from trunkline.settings import Settings
from trunkline.web import create_app

T = TypeVar("T")
START_TIMEOUT_S = 30.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class BreakableServer:
    """Serves the console and calls as `trunkline serve` does; pages and links can be cut."""

    def __init__(self) -> None:
        settings = Settings.model_validate({"provider": "local", "ice_loopback": True})
        self.app = create_app((), settings)
        self.links: list[RealtimeSocket] = []
        self._shut = False
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        listener.setblocking(False)
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._gate(self.app), lifespan="on", log_config=None, access_log=False, ws="websockets-sansio",
            ws_per_message_deflate=False, timeout_graceful_shutdown=3, server_header=False,
        )  # fmt: skip
        self._server = _Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="breakable server")

    def start(self) -> None:
        """Starts it."""
        self._remember_links()
        started = threading.Event()
        self._started = started
        self._thread.start()
        assert started.wait(START_TIMEOUT_S), "the server did not start"

    def stop(self) -> None:
        """Ends it."""
        self._patch.undo()
        self._server.should_exit = True
        self._thread.join(START_TIMEOUT_S)
        assert not self._thread.is_alive(), "the server did not stop"

    # What a test does with it ---------------------------------------------------------------------------------------
    def call(self, call_id: str) -> Call:
        """A call, to be looked at."""
        found = self.app.state.server.registry.find(call_id)
        assert isinstance(found, Call)
        return found

    def logged(self, call_id: str, *kinds: type[LogEvent]) -> list[Any]:
        """The log's events of some kinds."""
        return self.within(
            lambda: [e.event for e in self.call(call_id).log.since(0) if isinstance(e.event, kinds)],
        )

    def offline(self) -> None:
        """Cuts every page's socket, and lets none come back until `online`."""
        self._shut = True
        self.within(self._abort_pages)

    def online(self) -> None:
        """Pages can connect again."""
        self._shut = False

    def cut_links(self) -> None:
        """Breaks the sockets to the model, without a goodbye."""
        self.within(self._abort_links)

    def end_media_call(self, call_id: str) -> None:
        """The service ends the WebRTC call by itself."""
        call = self.call(call_id)
        assert call._media.rtc_call_id is not None
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(call._provider.hang_up(call._media.rtc_call_id), self._loop).result(5)

    def lose_datagrams(self, *, also_later: bool = False) -> None:
        """The network loses every datagram of what is connected, and with `also_later` of all that follows."""
        self.within(lambda: self._lose(also_later))

    def within(self, work: Callable[[], T]) -> T:
        """Does something in the server's own thread."""

        async def do() -> T:
            return work()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(10)

    # Inside ---------------------------------------------------------------------------------------------------------
    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve([self._listener]))
        while not self._server.started:
            await asyncio.wait({serving}, timeout=0.01)
            if serving.done():
                break
        self._started.set()
        await serving

    def _gate(self, app: ASGIApp) -> ASGIApp:
        async def gated(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket" and self._shut:
                await receive()
                await send({"type": "websocket.close", "code": 1013})
                return
            await app(scope, receive, send)

        return gated

    def _remember_links(self) -> None:
        self._patch = pytest.MonkeyPatch()

        async def opened(
            url: str, headers: Mapping[str, str], what: str, advice: str | None, pings: Pings
        ) -> RealtimeSocket:
            connection = await open_socket(url, headers, what, advice, pings)
            self.links.append(connection)
            return connection

        self._patch.setattr(provider_socket, "open_socket", opened)

    def _lose(self, also_later: bool) -> None:
        loop: Any = asyncio.get_running_loop()

        def lose(transport: Any) -> None:
            loop._remove_reader(transport.get_extra_info("socket").fileno())
            transport.sendto = lambda data, addr=None: None

        for transport in list(loop._transports.values()):
            if transport.get_extra_info("socket").type == socket.SOCK_DGRAM:
                lose(transport)
        if also_later:
            create = loop.create_datagram_endpoint

            async def create_lost(*given: Any, **options: Any) -> Any:
                transport, protocol = await create(*given, **options)
                loop.call_soon(lose, transport)
                return transport, protocol

            self._patch.setattr(loop, "create_datagram_endpoint", create_lost)

    def _abort_pages(self) -> None:
        for connection in list(self._server.server_state.connections):
            if type(connection).__name__.startswith("WebSockets"):
                connection.transport.abort()

    def _abort_links(self) -> None:
        for link in self.links:
            if link._socket.transport is not None:
                link._socket.transport.abort()
        self.links.clear()

"""STUN and TURN servers: the page and the engine both ask the server that the settings name."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from aioice import stun

from tests.browser.conftest import Caller, Server

pytestmark = pytest.mark.browser


class TurnServer:
    """A TURN server that notes each client that asks for an allocation, and refuses it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.clients: set[str] = set()
        self.two_clients = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                data, address = self._socket.recvfrom(2048)
            except OSError:
                return
            asked = stun.parse_message(data)
            if asked.message_method != stun.Method.ALLOCATE:
                continue
            self.clients.add("engine" if "LIFETIME" in asked.attributes else "page")  # Chromium does not name one
            refused = stun.Message(asked.message_method, stun.Class.ERROR, transaction_id=asked.transaction_id)
            refused.attributes["ERROR-CODE"] = (403, "Forbidden")
            self._socket.sendto(bytes(refused), address)
            if len(self.clients) == 2:
                self.two_clients.set()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def turn() -> Iterator[TurnServer]:
    running = TurnServer()
    yield running
    running.close()


@pytest.fixture
def with_turn(turn: TurnServer) -> Iterator[Server]:
    given = {"urls": f"turn:127.0.0.1:{turn.port}", "username": "caller", "credential": "word"}
    server = Server(environment={"TRUNKLINE_ICE_SERVERS": json.dumps([given])})
    server.start()
    yield server
    server.stop()


def test_page_and_engine_ask_the_turn_server(turn: TurnServer, with_turn: Server, tab: Callable[[str], Caller]) -> None:
    tab(f"{with_turn.url}/?agentConfig=simpleHandoff&transport=webrtc")
    assert turn.two_clients.wait(40), turn.clients

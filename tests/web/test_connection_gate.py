"""Admission of connections: limits, and the eviction of those that send nothing."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.listener.accept_errors import AcceptErrors
from trunkline.listener.connection_gate import (
    MAX_LINGERING,
    MAX_OF_ALL,
    MAX_OF_CLIENT,
    ConnectionGate,
    exempt_addresses,
)

pytestmark = pytest.mark.pure


class Gate:
    """A gate, with the connections that it has evicted."""

    def __init__(self, max_connections: int = 4, max_of_client: int = 4) -> None:
        self.gate = ConnectionGate(max_connections, max_of_client, exempt_addresses(["10.0.0.0/24"]))
        self.evicted: list[str] = []

    def admit(self, name: str, address: str = "192.0.2.1") -> bytes | None:
        return self.gate.admit(name, address, lambda: self.evicted.append(name))

    def requests(self, name: str) -> None:
        self.gate.has_sent_head(name)


def test_a_full_gate_refuses_when_every_client_has_sent_a_request() -> None:
    gate = Gate()
    for name in "abcd":
        assert gate.admit(name) is None
        gate.requests(name)
    assert gate.admit("e", "192.0.2.9") == MAX_OF_ALL
    gate.gate.release("a")
    assert gate.admit("f", "192.0.2.9") is None
    assert gate.evicted == []


def test_a_full_gate_replaces_the_oldest_connection_without_a_request() -> None:
    gate = Gate()
    for name in "abcd":
        gate.admit(name)
    gate.requests("a")
    assert gate.admit("e", "192.0.2.9") is None
    assert gate.admit("f", "192.0.2.9") is None
    assert gate.evicted == ["b", "c"]
    assert gate.gate.open == 4


def test_only_some_refused_connections_may_wait_for_their_client() -> None:
    gate = Gate().gate
    assert all(gate.linger(number) for number in range(MAX_LINGERING))
    assert not gate.linger("one more")
    gate.release(0)
    assert gate.linger("another")


def test_idle_connections_of_one_client_do_not_lock_out_another() -> None:
    gate = Gate(max_connections=10, max_of_client=100)
    for number in range(1500):
        gate.admit(f"idle {number}")
    assert gate.admit("caller", "192.0.2.9") is None
    gate.requests("caller")
    for number in range(1500):
        gate.admit(f"more {number}")
    assert "caller" not in gate.evicted


def test_one_address_has_a_limit() -> None:
    gate = Gate(max_connections=100)
    assert [gate.admit(name) for name in "abcd"] == [None] * 4
    assert gate.admit("e") == MAX_OF_CLIENT
    assert gate.admit("f", "192.0.2.2") is None
    gate.gate.release("a")
    assert gate.admit("g") is None


def test_one_ipv6_network_is_one_client() -> None:
    gate = Gate(max_connections=100)
    for number in range(4):
        assert gate.admit(str(number), f"2001:db8::{number}") is None
    assert gate.admit("e", "2001:db8::ffff") == MAX_OF_CLIENT
    assert gate.admit("f", "2001:db8:0:1::1") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "unix"])
def test_loopback_and_proxies_have_only_the_limit_of_all(address: str) -> None:
    gate = Gate(max_connections=100)
    assert [gate.admit(str(number), address) for number in range(50)] == [None] * 50


def test_a_refused_connection_is_not_counted() -> None:
    gate = Gate(max_connections=100)
    for name in "abcde":
        gate.admit(name)
    gate.gate.release("e")
    assert gate.gate.open == 4
    assert gate.admit("f") == MAX_OF_CLIENT


async def test_errors_of_accepting_are_logged_once_a_minute() -> None:
    logged: list[str] = []
    others: list[object] = []
    now = 0.0
    errors = AcceptErrors(logged.append, lambda: now, lambda _loop, context: others.append(context))
    loop = asyncio.get_running_loop()
    full = {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many open files")}
    for _ in range(1000):
        errors(loop, full)
    now = 61.0
    errors(loop, full)
    errors(loop, {"message": "another"})
    assert logged == ["[Errno 24] Too many open files"] * 2
    assert errors.count == 1001
    assert others == [{"message": "another"}]

"""Passing of connections between workers: the descriptor and the head arrive, and a failure leaves all as it was."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from trunkline.cluster.connection_passing import MAX_HEAD_BYTES, passing_between

HEAD = b"GET /api/calls/call_1 HTTP/1.1\r\nhost: localhost\r\n\r\n"
FIRST, SECOND = "http://127.0.0.1:1", "http://127.0.0.1:2"


async def test_a_connection_arrives_with_the_head_that_was_read_from_it() -> None:
    client, accepted = socket.socketpair()
    arrived: asyncio.Queue[tuple[socket.socket, bytes]] = asyncio.Queue()
    with passing_between([FIRST, SECOND]) as (first, second), client:
        with second.receiving(lambda *given: arrived.put_nowait(given)):
            assert first.pass_to(SECOND, accepted, HEAD)
            accepted.close()
            passed, head = await asyncio.wait_for(arrived.get(), 5)
        with passed:
            assert head == HEAD
            passed.sendall(b"answer")
            assert client.recv(100) == b"answer"


@pytest.mark.parametrize("address", ["http://192.0.2.1:3100", FIRST])
def test_a_server_of_another_machine_gets_no_connection(address: str) -> None:
    one, other = socket.socketpair()
    with one, other, passing_between([FIRST, SECOND]) as (first, _second):
        assert not first.pass_to(address, one, HEAD)


def test_a_head_that_is_too_long_is_not_passed() -> None:
    one, other = socket.socketpair()
    with one, other, passing_between([FIRST, SECOND]) as (first, _second):
        assert not first.pass_to(SECOND, one, b"x" * (MAX_HEAD_BYTES + 1))


async def test_a_worker_that_does_not_keep_up_gets_no_more_connections() -> None:
    one, other = socket.socketpair()
    with one, other, passing_between([FIRST, SECOND]) as (first, second), first.receiving(lambda *_given: None):
        outcomes = {first.pass_to(SECOND, one, HEAD) for _ in range(5000)}
        with second.receiving(lambda passed, _head: passed.close()):
            await asyncio.sleep(0)
    assert outcomes == {True, False}


def test_only_this_user_can_send_to_the_workers() -> None:
    with passing_between([FIRST, SECOND]) as (first, _second):
        folder = Path(first._paths[SECOND]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()

"""Connections that a worker passes to the worker that runs their call: the descriptor, with the request's head.

The workers of one server accept connections from one listener, so a page reaches any of them. Passed on, its connection
belongs to the right process: no frame passes a second one. The kernel copies descriptors only between processes of one
machine, and TLS keeps its state in a process: in the other cases the messages are forwarded.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 << 10
"""Bytes of the largest head that is passed on."""


class ConnectionPassing:
    """Passing of connections between the workers of one machine.

    Args:
        own: the datagram socket on which this worker gets connections.
        paths: the paths of the other workers' sockets, by the addresses at which they serve each other.
    """

    def __init__(self, own: socket.socket, paths: Mapping[str, str]) -> None:
        self._own = own
        self._paths = dict(paths)

    def reaches(self, address: str) -> bool:
        """Return whether the worker at an address is on this machine."""
        return address in self._paths

    def pass_to(self, address: str, connection: socket.socket, head: bytes) -> bool:
        """Pass a connection to the worker at an address. It stays open here, too: close it after a success.

        Args:
            head: the head of the request that was read from it.

        Returns:
            True if the worker will get it; False if it is on another machine, or does not keep up.
        """
        path = self._paths.get(address)
        if path is None or len(head) > MAX_HEAD_BYTES:
            return False
        try:
            # `socket.send_fds` ignores the address before Python 3.13.
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [connection.fileno()]))
            self._own.sendmsg([head], [rights], 0, path)
        except OSError as error:
            logger.warning("a connection was not passed to %s: %s", address, error)
            return False
        return True

    @contextmanager
    def receiving(self, accept: Callable[[socket.socket, bytes], None]) -> Iterator[None]:
        """Call `accept` for each connection that another worker passes here, with the head of its request."""
        loop = asyncio.get_running_loop()
        self._own.setblocking(False)
        loop.add_reader(self._own.fileno(), self._receive, accept)
        try:
            yield
        finally:
            loop.remove_reader(self._own.fileno())

    def _receive(self, accept: Callable[[socket.socket, bytes], None]) -> None:
        with suppress(BlockingIOError):
            head, descriptors, _flags, _sender = socket.recv_fds(self._own, MAX_HEAD_BYTES, 1)
            for descriptor in descriptors:
                accept(socket.socket(fileno=descriptor), head)


@contextmanager
def passing_between(addresses: Sequence[str]) -> Iterator[list[ConnectionPassing]]:
    """Yield the passing of connections for the worker at each address.

    The sockets are in a folder that only this user can enter. A worker that is started again uses its former socket.
    """
    with tempfile.TemporaryDirectory(prefix="trunkline-") as folder:
        paths = {address: str(Path(folder) / f"{number}.sock") for number, address in enumerate(addresses)}
        own = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in addresses]
        for one, path in zip(own, paths.values(), strict=True):
            one.bind(path)
        try:
            yield [
                ConnectionPassing(one, {other: path for other, path in paths.items() if other != address})
                for one, address in zip(own, addresses, strict=True)
            ]
        finally:
            for one in own:
                one.close()

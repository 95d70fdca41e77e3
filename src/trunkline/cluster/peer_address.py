"""Address of a server for the other servers of its cluster, and the listener behind it."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_PORT = 65_535


class PeerAddressError(Exception):
    """A server cannot listen for the others. The message has the reason and the fix."""


@dataclass(frozen=True)
class PeerAddress:
    """A host at which the others reach a server, and the port of its listener."""

    host: str
    port: int

    @classmethod
    def of_workers(cls, url: str, count: int, server_port: int) -> list[PeerAddress]:
        """Return the address of each worker: their ports are counted from that of the configured one.

        Args:
            url: the configured address, such as `http://10.0.0.5:3100`.
            count: the number of workers.
            server_port: the port for clients.

        Raises:
            PeerAddressError: not all of them have a port.
        """
        parts = urlsplit(url)
        first = parts.port or 0
        ports = range(first, first + count)
        if server_port in ports:
            raise PeerAddressError(
                f"The port {server_port} of TRUNKLINE_CLUSTER_ADDRESS is the server's own: choose another one, since "
                f"the address takes {_counted(count)} for the other servers alone."
            )
        if ports[-1] > MAX_PORT:
            raise PeerAddressError(
                f"TRUNKLINE_CLUSTER_ADDRESS takes {_counted(count)}: choose a lower one than {first}."
            )
        return [cls(parts.hostname or "", port) for port in ports]

    @property
    def url(self) -> str:
        """The address as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def listen(self) -> socket.socket:
        """Return a socket that listens at this address, or on all addresses if the machine does not have it (NAT).

        Raises:
            PeerAddressError: the host is unknown, or the port is taken.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise PeerAddressError(
                f"The host {self.host!r} of TRUNKLINE_CLUSTER_ADDRESS is unknown on this machine: {error}."
            ) from None
        everywhere = ("::" if found[0][0] == socket.AF_INET6 else "0.0.0.0", self.port)  # noqa: S104 - behind NAT
        for family, address in [*((one[0], one[4]) for one in found), (found[0][0], everywhere)]:
            listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(address)
                listener.listen(256)
            except OSError as error:
                listener.close()
                if error.errno == errno.EADDRNOTAVAIL:
                    continue
                raise PeerAddressError(
                    f"The server cannot listen at {self.url} (TRUNKLINE_CLUSTER_ADDRESS): {error.strerror}. Choose "
                    "another port."
                ) from None
            return listener
        raise PeerAddressError(f"This machine cannot listen at {self.url}: correct TRUNKLINE_CLUSTER_ADDRESS.")


def _counted(count: int) -> str:
    return "one port" if count == 1 else f"{count} ports in a row, one for each worker"

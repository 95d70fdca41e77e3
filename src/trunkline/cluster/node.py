"""A server among others: its own address, the shared key, and the search for the owner of a call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from typing import Any

import httpx2
import msgspec
from pydantic import SecretStr

from trunkline.cluster.connection_passing import ConnectionPassing

KEY_HEADER = "x-trunkline-cluster-key"
STANDING_PATH = "/cluster/standing"
STANDING_TIMEOUT_S = 0.9
"""The time in s in which another server has to say if it reaches the database. It tries for a part of it."""
FIND_TIMEOUT_S = 5.0
"""The time in s in which a server has to say if it runs a call. A process that starts is busy for some of it."""
TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 2.0
"""The time in s in which another machine has to accept a connection."""


class StandingQuestion(msgspec.Struct, frozen=True):
    """The question of a server that does not reach the database: its calls."""

    calls: list[str]


class Standing(msgspec.Struct, frozen=True):
    """The answer of another server: if it reaches the database, and which of the calls it runs itself."""

    reaches_database: bool
    runs: list[str]


class PeerUnreachableError(Exception):
    """Another server of the cluster does not answer."""


class OwnerUnknownError(Exception):
    """The owner of a call cannot be found at the moment."""


class StoppingError(Exception):
    """A server that stops claims no call: another one takes it over."""


class ClusterNode:
    """A server among others. Use `aclose` at the end.

    Args:
        name: the server's name in the log, such as "1".
        key: the secret that the servers share.
        peers: the addresses of the servers that it knows from the start, such as `http://127.0.0.1:40123`.
        listener: the socket on which this server serves the others.
        address: the address of this server for the others; by default that of the listener.
        passing: passes connections to the other workers of this machine; None without others.

    Attributes:
        peers: the addresses of all other servers that are known to live.
    """

    def __init__(
        self,
        name: str,
        key: SecretStr,
        peers: Sequence[str],
        listener: socket.socket,
        address: str | None = None,
        passing: ConnectionPassing | None = None,
    ) -> None:
        self.name = name
        self.key = key
        self._first_peers = frozenset(peers)
        self.peers = tuple(peers)
        self.listener = listener
        self.passing = passing
        host, port = listener.getsockname()[:2]
        self.address = address or f"http://{host}:{port}"
        """The address of this server for the others."""
        self._http: httpx2.AsyncClient | None = None

    def meet(self, addresses: Iterable[str]) -> None:
        """Note the other servers that live, beside those that are known from the start."""
        self.peers = tuple(sorted((self._first_peers | set(addresses)) - {self.address, ""}))

    @property
    def auth_headers(self) -> dict[str, str]:
        """The headers by which a server of the cluster is known."""
        return {KEY_HEADER: self.key.get_secret_value()}

    async def request(self, method: str, url: str, *, timeout_s: float = TIMEOUT_S, **request: Any) -> httpx2.Response:
        """Send a request to another server.

        Raises:
            PeerUnreachableError: it does not answer.
        """
        if self._http is None:  # shared, since a client takes milliseconds to make
            self._http = httpx2.AsyncClient(trust_env=False, follow_redirects=False)
        try:
            timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
            return await self._http.request(method, url, timeout=timeout, **request)
        except httpx2.HTTPError as error:
            raise PeerUnreachableError(f"{url}: {str(error) or type(error).__name__}") from error

    async def standings(self, call_ids: Sequence[str]) -> list[Standing]:
        """Return the answers of the other servers to a server that does not reach the database.

        Args:
            call_ids: the calls that the asking server runs.
        """
        body = msgspec.json.encode(StandingQuestion(list(call_ids)))
        answers = await asyncio.gather(*(self._standing(peer, body) for peer in self.peers))
        return [answer for answer in answers if answer is not None]

    async def _standing(self, peer: str, body: bytes) -> Standing | None:
        """Return the answer of one server; None if it does not answer."""
        try:
            async with asyncio.timeout(STANDING_TIMEOUT_S):
                answer = await self.request("POST", f"{peer}{STANDING_PATH}", headers=self.auth_headers, content=body)
            return msgspec.json.decode(answer.content, type=Standing) if answer.status_code == 200 else None
        except (PeerUnreachableError, TimeoutError, msgspec.MsgspecError):
            return None

    async def owner_of(self, call_id: str) -> str | None:
        """Return the address of the other server that runs a call; None if none does.

        Raises:
            PeerUnreachableError: a server that may run it does not answer.
        """
        asking = [asyncio.ensure_future(self._owns(peer, call_id)) for peer in self.peers]
        unreachable: PeerUnreachableError | None = None
        try:
            for answered in asyncio.as_completed(asking):
                try:
                    if (owner := await answered) is not None:
                        return owner
                except PeerUnreachableError as error:
                    unreachable = error
        finally:
            for one in asking:
                one.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        if unreachable is not None:
            raise unreachable
        return None

    async def runs(self, peer: str, call_id: str, timeout_s: float = FIND_TIMEOUT_S) -> bool:
        """Ask another server whether it runs a call.

        Raises:
            PeerUnreachableError: it does not answer in time.
        """
        asked = f"{peer}/cluster/calls/{call_id}"
        answer = await self.request("GET", asked, timeout_s=timeout_s, headers=self.auth_headers)
        return answer.status_code == 204

    async def _owns(self, peer: str, call_id: str) -> str | None:
        return peer if await self.runs(peer, call_id) else None

    async def aclose(self) -> None:
        """Close the connections to the other servers."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

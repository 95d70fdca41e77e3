"""Rate limit: a token bucket for each client, refilled over time."""

from __future__ import annotations

import itertools
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from starlette.types import Scope

from trunkline.listener.client_address import address_of, client_address
from trunkline.web.errors import ApiError

Value = TypeVar("Value")
RECENT_S = 60.0
"""The silence in s after which no limit of a minute remembers a client's tries."""
MAX_CLIENTS = 10_000
"""Clients that are remembered; the least recently seen one is forgotten first."""
MAX_SHARED = 1_000
"""Clients in the report to other servers: the latest ones."""
ALL_CLIENTS = "everybody"
CALLER = "trunkline.caller"
"""Key in a request's scope: the caller's id, if the app authenticates requests itself."""


class RateLimiter:
    """Limit of tries a minute for each client. A burst may use all of them at once.

    Args:
        clock: returns seconds.
    """

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, max_clients: int = MAX_CLIENTS
    ) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._max_clients = max_clients
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """The remaining tries of each client, and the time of that count."""
        self._recent: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """The tries of each client since it was last silent for a minute, and the time of the latest."""

    def wait_s(self, client: str) -> float:
        """Return the time in s until the client may try again; 0 if it may now."""
        left, _now = self._filled(client)
        return 0.0 if left >= 1 else (1 - left) * 60 / self._most

    def count(self, client: str) -> None:
        """Count a try of the client."""
        now = self._use(client, 1)
        self._forget_silent(now)
        tries, _latest = self._recent.get(client, (0, now))
        _put_last(self._recent, client, (tries + 1, now), self._max_clients)

    def recent(self) -> dict[str, int]:
        """Return the tries of the clients that were active in the last minute, for other servers."""
        self._forget_silent(self._clock())
        latest = itertools.islice(reversed(self._recent.items()), MAX_SHARED)
        return {client: tries for client, (tries, _latest) in latest}

    def count_elsewhere(self, client: str, tries: int) -> None:
        """Count tries of the client on another server."""
        self._use(client, tries)

    def _use(self, client: str, tries: int) -> float:
        left, now = self._filled(client)
        _put_last(self._left, client, (max(0.0, left - tries), now), self._max_clients)
        return now

    def _forget_silent(self, now: float) -> None:
        while self._recent and now - next(iter(self._recent.values()))[1] > RECENT_S:
            self._recent.popitem(last=False)

    def take(self, client: str, what: str) -> None:
        """Count a try, or refuse it.

        Args:
            what: the complaint for people, such as "Too many calls were started".

        Raises:
            ApiError: 429, with the time to wait.
        """
        if wait_s := self.wait_s(client):
            raise ApiError(429, "too_often", f"{what}: try again in {math.ceil(wait_s)} s.", retry_after_s=wait_s)
        self.count(client)

    def _filled(self, client: str) -> tuple[float, float]:
        now = self._clock()
        left, at = self._left.get(client, (self._most, now))
        return min(self._most, left + (now - at) * self._most / 60), now


def _put_last(kept: OrderedDict[str, Value], client: str, value: Value, most: int) -> None:
    """Set the value of a client as the newest one, and drop the oldest beyond `most`."""
    kept[client] = value
    kept.move_to_end(client)
    while len(kept) > most:
        kept.popitem(last=False)


def client_of(scope: Scope) -> str:
    """Return the client that a request counts for: the caller that the app knows, else its address.

    For IPv6 the address is that of the network.

    Behind a trusted proxy, the server has replaced the address by the one that the proxy gave.
    """
    if scope.get(CALLER) is not None:
        return f"caller {scope[CALLER]}"
    return client_address(address_of(scope))

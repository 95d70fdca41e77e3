"""Usage that the servers of a deployment share, so that a client's limits hold for all of them together. Pure.

Each server reports its own usage every second, and reads that of the others. So a limit that was just reached on one
server holds on the others about two seconds later.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

MAX_SERVERS = 1_000
"""Servers that are remembered; the one that was not seen for the longest time is forgotten first."""


class ServerUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """The usage of one server, as the others need it.

    Attributes:
        calls: running calls by the client that started them.
        tries: the tries of the last minute, by the limit and the client.
        signed_out: the browsers' cookies that were signed out a short time ago, by the token's name.
    """

    calls: dict[str, int] = {}
    tries: dict[str, dict[str, int]] = {}
    signed_out: dict[str, list[str]] = {}


@dataclass
class NewUsage:
    """The usage of other servers that this one has not counted yet.

    Attributes:
        tries: the number of tries, by the limit and the client.
        signed_out: pairs of the token's name and a cookie.
    """

    tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    signed_out: set[tuple[str, str]] = field(default_factory=set)


class OtherServers:
    """The usage of the other servers, as they have last reported it."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, dict[str, dict[str, int]]] = OrderedDict()
        """The tries that were counted, by the server's id. They stay while a server cannot be seen."""
        self._calls: Counter[str] = Counter()

    def update(self, reports: Mapping[str, ServerUsage]) -> NewUsage:
        """Take the latest reports, by the server's id, and return the new usage. A server without a report has gone."""
        new = NewUsage()
        for server, report in reports.items():
            former = self._counted.get(server, {})
            for limit, by_client in report.tries.items():
                counted = former.get(limit, {})
                for client, tries in by_client.items():
                    before = counted.get(client, 0)
                    # A smaller number is a new count: the former tries are more than a minute old.
                    new.tries[limit, client] += tries - before if tries >= before else tries
            for name, cookies in report.signed_out.items():
                new.signed_out.update((name, cookie) for cookie in cookies)
            self._counted[server] = report.tries
            self._counted.move_to_end(server)
        while len(self._counted) > MAX_SERVERS:
            self._counted.popitem(last=False)
        self._calls = Counter()
        for report in reports.values():
            self._calls.update(report.calls)
        return new

    def calls_of(self, client: str) -> int:
        """Return the number of a client's calls on the other servers."""
        return self._calls[client]

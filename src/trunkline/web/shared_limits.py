"""Limits of a client that hold for all servers of a deployment together."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.calls.metrics.cost_limits import DayUsage
from trunkline.calls.registry import CallRegistry
from trunkline.cluster.shared_usage import OtherServers, ServerUsage
from trunkline.web.auth_token import AuthToken
from trunkline.web.rate_limit import RateLimiter


class DeploymentLimits:
    """The limits of this server, which also count the other servers if there are any.

    The limits of all clients together stay those of one server: they protect its process.
    """

    def __init__(self) -> None:
        self._limiters: dict[str, RateLimiter] = {}
        self._tokens: dict[str, AuthToken] = {}
        self._others = OtherServers()
        self._registry: CallRegistry | None = None

    def add_limiter(self, name: str, limiter: RateLimiter) -> None:
        """Share a limit of tries; all servers use the same name."""
        self._limiters[name] = limiter

    def add_token(self, token: AuthToken) -> None:
        """Share the cookies of a token that are signed out."""
        self._tokens[token.cookie] = token

    def use_registry(self, registry: CallRegistry | None) -> None:
        """Share the calls of this registry; None ends it."""
        self._registry = registry

    def calls_of(self, client: str) -> int:
        """Return the number of running calls that a client has started, on all servers."""
        own = 0 if self._registry is None else self._registry.running_of(client)
        return own + self._others.calls_of(client)

    # See `cluster.usage_exchange.SharedLimits` ------------------------------------------------------------------------
    def usage(self) -> ServerUsage:
        """Return the usage of this server."""
        tries = {name: limiter.recent() for name, limiter in self._limiters.items()}
        signed_out = {name: token.recently_signed_out() for name, token in self._tokens.items()}
        return ServerUsage(
            calls={} if self._registry is None else self._registry.running_by_client,
            tries={name: recent for name, recent in tries.items() if recent},
            signed_out={name: recent for name, recent in signed_out.items() if recent},
        )

    def on_reports(self, reports: Mapping[str, ServerUsage]) -> None:
        """Count the usage of the other servers."""
        new = self._others.update(reports)
        for (name, client), tries in new.tries.items():
            if tries and (limiter := self._limiters.get(name)) is not None:
                limiter.count_elsewhere(client, tries)
        for name, cookie in new.signed_out:
            if (token := self._tokens.get(name)) is not None:
                token.on_signed_out_elsewhere(cookie)

    def day_usage(self) -> DayUsage | None:
        """Return the usage of this server today; None if no limit of the day is set."""
        budget = None if self._registry is None else self._registry.day_budget
        return None if budget is None or not budget.limits.has_day_limit else budget.usage

    def on_day_usage(self, usage: DayUsage) -> None:
        """Count the usage of the other servers on a day."""
        if self._registry is not None:
            self._registry.day_budget.count_elsewhere(usage)

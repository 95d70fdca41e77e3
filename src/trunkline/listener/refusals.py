"""Log lines about refused clients, which programs such as fail2ban can read, and their numbers."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Literal

from trunkline.structured_log import log_event

logger = logging.getLogger("trunkline.web.access")
Reason = Literal["wrong_token", "wrong_key", "locked_out", "rate", "connections", "calls"]
AGAIN_AFTER_S = 60.0
_MAX_CLIENTS = 10_000


class Refusals:
    """The refusals of one server.

    A wrong token is always logged, since its number is limited. Other reasons are logged once a minute for each
    client, so that a flood of requests does not become a flood of lines.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged: OrderedDict[tuple[str, Reason], float] = OrderedDict()
        self.counts: Counter[Reason] = Counter()

    def add(self, reason: Reason, client: str, detail: str | None = None) -> None:
        """Count a refusal, and log it."""
        self.counts[reason] += 1
        if reason != "wrong_token" and not self._is_due(client, reason):
            return
        log_event(logger, logging.WARNING, "access.refused", client=client, reason=reason, detail=detail)

    def _is_due(self, client: str, reason: Reason) -> bool:
        now, key = self._clock(), (client, reason)
        last = self._logged.get(key)
        if last is not None and now - last < AGAIN_AFTER_S:
            return False
        self._logged[key] = now
        self._logged.move_to_end(key)
        if len(self._logged) > _MAX_CLIENTS:
            self._logged.popitem(last=False)
        return True

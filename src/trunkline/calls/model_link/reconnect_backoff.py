"""Back-off of a link: the pauses between its tries to connect, and the end of trying."""

from __future__ import annotations

import random

from trunkline.calls.model_link.link_state import Route

FIRST_RETRY_S = 0.25
MAX_RETRY_S = 5.0
GIVE_UP_AFTER_S = 60.0


class ReconnectBackoff:
    """The tries to connect since the link was last up, and their failures on the present route.

    Args:
        now_s: the time of a monotonic clock, in seconds, as in all methods.

    Attributes:
        attempts: the number of tries on the present route since it failed first, or since it was last up for long.
    """

    def __init__(self, now_s: float) -> None:
        self.attempts = 0
        self._route: Route | None = None
        self._failing_since_s = self._down_since_s = now_s
        self._opened_at_s: float | None = None

    def on_try(self, route: Route, now_s: float) -> None:
        """Count a try on a route. Another route begins again."""
        if route is not self._route:
            self._route, self._failing_since_s, self.attempts = route, now_s, 0
        self.attempts += 1

    def on_opened(self, now_s: float) -> float:
        """Note that the connection is open, and return the time in seconds for which the link was down."""
        self._opened_at_s = now_s
        return now_s - self._down_since_s

    def on_lost(self, now_s: float) -> None:
        """Note the end of a connection, or a failed try. A link that breaks at once counts as a failed try."""
        if self._opened_at_s is None:
            return
        if now_s - self._opened_at_s > MAX_RETRY_S:
            self._failing_since_s, self.attempts = now_s, 0
        self._opened_at_s, self._down_since_s = None, now_s

    def is_exhausted(self, now_s: float) -> bool:
        """Return whether the route has failed for so long that the link gives up."""
        return now_s - self._failing_since_s > GIVE_UP_AFTER_S

    def pause_s(self, requested_s: float) -> float:
        """Return the pause before the next try: at least `requested_s`, with jitter, so that calls spread out."""
        longest = min(MAX_RETRY_S, FIRST_RETRY_S * 2.0 ** min(max(1, self.attempts) - 1, 10))
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - this is not security
        return max(longest * jitter, min(requested_s, GIVE_UP_AFTER_S) * (0.5 + jitter))

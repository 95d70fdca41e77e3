"""Log of connections that cannot be accepted: one line a minute instead of one for each connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)


def log_accept_errors_once(loop: asyncio.AbstractEventLoop) -> None:
    """Give a loop an `AcceptErrors` in front of its present handler. Do nothing the second time."""
    former = loop.get_exception_handler()
    if not isinstance(former, AcceptErrors):
        loop.set_exception_handler(AcceptErrors(_log, loop.time, former))


def _log(problem: str) -> None:
    logger.error("connections cannot be accepted (%s); the server tries again each second", problem)


class AcceptErrors:
    """Exception handler of an event loop: errors of accepting connections are logged once, until a pause.

    asyncio pauses for a second when the process has no descriptor left, but logs each pending connection.

    Args:
        log: logs the error, with its text.
        clock: returns seconds.
        former: the handler for all other errors; None is the loop's default.
    """

    AGAIN_AFTER_S = 60.0

    def __init__(
        self,
        log: Callable[[str], None],
        clock: Callable[[], float],
        former: Callable[[asyncio.AbstractEventLoop, dict[str, object]], object] | None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._former = former
        self._logged_at: float | None = None
        self.count = 0
        """The number of connections that could not be accepted."""

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Handle an error of the loop."""
        if context.get("message") != "socket.accept() out of system resource":
            if self._former is None:
                loop.default_exception_handler(context)
            else:
                self._former(loop, context)
            return
        self.count += 1
        now = self._clock()
        if self._logged_at is None or now - self._logged_at >= self.AGAIN_AFTER_S:
            self._logged_at = now
            self._log(str(context.get("exception")))

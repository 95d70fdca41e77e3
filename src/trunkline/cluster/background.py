"""Background tasks that last as long as their owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

RESTART_PAUSE_S = 1.0

logger = logging.getLogger(__name__)


async def keep_running(work: Callable[[], Awaitable[None]], name: str, pause_s: float = RESTART_PAUSE_S) -> NoReturn:
    """Run a coroutine function until cancelled. If it ends, or fails with an error nobody expected, it begins again.

    The error is logged with its traceback: without it, a server would stay half alive and give no reason.
    """
    while True:
        try:
            await work()
        except Exception:
            logger.exception("the background task %r failed, and begins again in %g s", name, pause_s)
        await asyncio.sleep(pause_s)

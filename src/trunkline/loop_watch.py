"""Watchdog of an event loop: it names the code that blocks the loop, and measures the loop's delay.

A blocked loop stops every call of the process. Nothing in the loop can report that, so the loop gives a sign of life
ten times a second. A separate thread looks at the stack of the loop's thread when one is late: it sleeps until then,
since each wake-up of a thread costs more than the sign.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

from trunkline.users_code import is_users_code

logger = logging.getLogger(__name__)
BLOCKED_AFTER_S = 0.25
"""The delay of a sign of life after which the loop counts as blocked."""
SIGN_EVERY_S = 0.1
SAME_PLACE_EVERY_S = 10.0
"""The time in which a place that blocks the loop again is not reported again."""


@dataclass(frozen=True)
class Place:
    """A line of a running function.

    Attributes:
        is_users: True if the function belongs to a scenario.
    """

    function: str
    file: str
    line: int
    is_users: bool

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


class LoopWatch:
    """Watchdog of the running loop, as a context manager.

    Args:
        report: receives the place that blocks the loop, once for each block; it runs in the watchdog's thread. By
            default, the place is logged.
        blocked_after_s: the time after which the loop counts as blocked.
    """

    def __init__(
        self, report: Callable[[Place, float], None] | None = None, *, blocked_after_s: float = BLOCKED_AFTER_S
    ) -> None:
        self._report = report or _Reporter().report
        self._blocked_after_s = blocked_after_s
        self._stopping = threading.Event()
        self._due_s = 0.0
        """The time of the next sign of life on the monotonic clock."""
        self.last_delay_s = 0.0
        """The delay of the latest sign of life."""
        self.max_delay_s = 0.0
        """The longest delay so far."""
        self.blocks = 0
        """The number of times that the loop was blocked."""

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._expect_sign()
        self._thread = threading.Thread(target=self._watch, name="loop watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._next_sign.cancel()
        self._stopping.set()
        self._thread.join()

    def _expect_sign(self) -> None:
        self._due_s = time.monotonic() + SIGN_EVERY_S
        self._next_sign = self._loop.call_later(SIGN_EVERY_S, self._give_sign)

    def _give_sign(self) -> None:
        self.last_delay_s = max(0.0, time.monotonic() - self._due_s)
        self.max_delay_s = max(self.max_delay_s, self.last_delay_s)
        self._expect_sign()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            due_s = self._due_s
            left_s = due_s + self._blocked_after_s - time.monotonic()
            if left_s > 0:
                self._stopping.wait(left_s)
                continue
            self.blocks += 1
            if (place := self._blocking_place()) is not None:
                self._report(place, self._blocked_after_s)
            while self._due_s == due_s and not self._stopping.is_set():
                self._stopping.wait(SIGN_EVERY_S)

    def _blocking_place(self) -> Place | None:
        frame = sys._current_frames().get(self._loop_thread)
        return None if frame is None else blocking_place(frame)


def blocking_place(innermost: FrameType) -> Place:
    """Return the place that blocks: the outermost users' function that the loop runs, such as a tool, at its line.

    Without a users' function on the stack, it is the innermost line.
    """
    found, is_users = innermost, False
    frame: FrameType | None = innermost
    while frame is not None and frame.f_code is not _CALLBACK:
        if is_users_code(frame.f_code.co_filename):
            found, is_users = frame, True
        frame = frame.f_back
    return Place(found.f_code.co_qualname, found.f_code.co_filename, found.f_lineno, is_users)


_CALLBACK = asyncio.Handle._run.__code__
"""The function with which asyncio calls a task. The frames outside of it belong to the program."""


class _Reporter:
    """Log lines about blocks, at most one for each place in `SAME_PLACE_EVERY_S`."""

    def __init__(self) -> None:
        self._reported: dict[Place, float] = {}

    def report(self, place: Place, blocked_s: float) -> None:
        now = time.monotonic()
        if now - self._reported.get(place, float("-inf")) < SAME_PLACE_EVERY_S:
            return
        self._reported[place] = now
        if not place.is_users:  # an import, or a machine without time for this process
            logger.debug("the event loop is blocked for more than %.0f ms by %s", blocked_s * 1000, place)
            return
        logger.warning(
            "the event loop is blocked for more than %.0f ms by %s: every call waits. "
            "Write a tool that computes or waits without `await` as a plain `def`, which runs in a thread.",
            blocked_s * 1000,
            place,
        )

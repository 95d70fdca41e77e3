"""Gate of one call: while it is closed, the call does nothing, and sends nothing to its model and its pages.

It closes while the server does not know if it still owns the call. Every frame asks, so a frame that was ready before
the server stood still is held back too, in whatever order the event loop continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class SendGate:
    """A gate that is open unless another part guards it."""

    def __init__(self) -> None:
        self._is_owner: Callable[[], bool] | None = None
        self._changed = asyncio.Event()
        self.is_shut = False
        """True once another server owns the call: the gate never opens again."""

    def guard(self, is_owner: Callable[[], bool]) -> None:
        """Open the gate only while a function returns true. Call `reopened` when it does so again."""
        self._is_owner = is_owner

    def is_open(self) -> bool:
        """Return whether the call may act now."""
        return not self.is_shut and (self._is_owner is None or self._is_owner())

    async def wait(self) -> bool:
        """Wait until the gate is open or shut; return whether it is open."""
        while not (self.is_shut or self.is_open()):
            self._changed.clear()
            await self._changed.wait()
        return not self.is_shut

    def reopened(self) -> None:
        """Let all that waits look again."""
        self._changed.set()

    def shut(self) -> None:
        """Close the gate for ever."""
        self.is_shut = True
        self._changed.set()

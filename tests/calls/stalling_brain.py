"""A model that stalls in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta

BEFORE = "Let me have a look at that. "
AFTER = "There are plenty of pears."
GREETING = "Welcome."


class StallingBrain:
    """A brain that greets, and stalls in each further answer until `goes_on` is set."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """See `Brain.respond`."""
        if sum(item.get("role") == "user" for item in request.items) == 1:
            yield TextDelta(GREETING)
            return
        yield TextDelta(BEFORE)
        await self.goes_on.wait()
        yield TextDelta(AFTER)

    def prepare(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """See `Brain.prepare`."""
        return self.respond(request)

    def grammar(self, request: BrainRequest) -> str | None:
        """See `Brain.grammar`."""
        return None

    async def aclose(self) -> None:
        """See `Brain.aclose`."""

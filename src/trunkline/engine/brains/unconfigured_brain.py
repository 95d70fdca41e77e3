"""Brain for an engine without a model: it explains how to set one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta

SETTINGS = "TRUNKLINE_CHAT_BASE_URL, TRUNKLINE_CHAT_MODEL and TRUNKLINE_CHAT_API_KEY"
_EXPLANATION = (
    "This conversation has no language model yet. To set one, put the address, the name and the key of any chat model "
    f"with an OpenAI-compatible endpoint into the environment as {SETTINGS}, and restart. You can also add a rehearsal "
    "to the scenario."
)


class UnconfiguredBrain:
    """Brain that gives the same explanation to each request."""

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """Yield the explanation, as `Brain.respond`."""
        yield TextDelta(_EXPLANATION, "en")

    def grammar(self, request: BrainRequest) -> str | None:
        """Return None, because any speech is acceptable."""
        return None

    async def aclose(self) -> None:
        """Do nothing."""

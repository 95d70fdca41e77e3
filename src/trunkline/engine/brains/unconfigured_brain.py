"""The brain for an engine that has none: it says that there is no model, and how to set one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta

SPOKEN = "There is no language model for this conversation yet. "
SETTINGS = "TRUNKLINE_CHAT_BASE_URL, TRUNKLINE_CHAT_MODEL and TRUNKLINE_CHAT_API_KEY"


class UnconfiguredBrain:
    """Answers every request the same way. `subject` names what has no model, such as "the scenario billing"."""

    def __init__(self, subject: str | None = None) -> None:
        opening = SPOKEN if subject is None else f"There is no language model for {subject} yet. "
        self._answer = (
            f"{opening}To set one, put the address, the name and the key of any chat model with an OpenAI-compatible "
            f"endpoint into the environment as {SETTINGS}, and start again. A rehearsal in the scenario will also do."
        )

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """See `Brain.respond`."""
        yield TextDelta(self._answer, "en")

    def grammar(self, request: BrainRequest) -> str | None:
        """See `Brain.grammar`."""
        return None

    async def aclose(self) -> None:
        """Nothing to end."""

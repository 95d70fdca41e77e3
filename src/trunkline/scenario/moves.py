"""The moves that a part of a rehearsal yields: words, tool calls, transfers, and questions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.scenario.phrases import Phrases

MIN_SPEED, MAX_SPEED = 0.25, 1.5


@dataclass(frozen=True)
class say:  # noqa: N801 - a verb of the rehearsal's language, written like a function
    """Words of the agent. A plain text yields the same in English.

    Attributes:
        language: the language of the voice, such as "de".
        speed: the voice's speed relative to the agent's other words, from 0.25 to 1.5. 1.3 suits a text that must be
            read out but that few callers want to hear.

    Raises:
        ValueError: the speed is out of range.
    """

    text: str
    language: str | None = None
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise ValueError(
                f"say({self.text[:20]!r}…, speed={self.speed:g}) is out of range. "
                f"Choose from {MIN_SPEED} to {MAX_SPEED}."
            )


@dataclass(frozen=True)
class call_tool:  # noqa: N801 - a verb of the rehearsal's language
    """A tool call; the value of the yield is its result, decoded if it is JSON."""

    tool: str
    arguments: Mapping[str, object]

    def __init__(self, tool: str, /, **arguments: object) -> None:
        object.__setattr__(self, "tool", tool)
        object.__setattr__(self, "arguments", arguments)


@dataclass(frozen=True)
class transfer:  # noqa: N801 - a verb of the rehearsal's language
    """A handoff of the caller to another agent. Its part begins.

    If the application refuses the handoff, its answer is the value of the yield, and the part continues.
    """

    agent: str


class ask:  # noqa: N801 - a verb of the rehearsal's language
    """A question and the meanings of the expected replies; the value of the yield is the `Reply`.

    Args:
        question: the words of the question.
        meanings: the expected replies; without any, each reply is accepted.
        again: the answer to a reply that matches no meaning.
        tries: the maximum number of times that `again` is said; then the yield returns a reply with `meant` None.
        language: the language of the voice, such as "de".
    """

    def __init__(
        self,
        question: str,
        *meanings: Phrases,
        again: str = "Sorry, I didn't catch that.",
        tries: int = 1_000_000,
        language: str | None = None,
    ) -> None:
        self.question, self.meanings, self.again, self.tries = question, meanings, again, tries
        self.language = language


Move = str | say | call_tool | transfer | ask
Lines = AsyncGenerator[Move, Any]
"""The type of a part: an async generator of moves."""


def act(move: Move) -> Awaitable[Any]:
    """Make a move from a function that a part awaits, and return its value.

    answer = await act(call_tool("lookUp", …))
    """
    return AwaitedMove(move)


@dataclass(frozen=True)
class AwaitedMove:
    """A move that a function awaits instead of yielding it; see `act`."""

    move: Move

    def __await__(self) -> Generator[AwaitedMove, object, Any]:
        return (yield self)

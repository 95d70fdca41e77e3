"""The caller of a rehearsed conversation, and the caller's replies."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.scenario.phrases import Phrases


@dataclass(frozen=True)
class Reply:
    """The caller's words.

    Attributes:
        text: the words; empty if nothing was recognised.
        meant: the phrases that they match, if any.
        slots: the values of the phrases' slots by name; `reply["name"]` reads one.
        heard: the agent's last words as the caller heard them: shorter than said if the caller interrupted.
    """

    text: str
    meant: Phrases | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    heard: str = ""

    def __getitem__(self, slot: str) -> str:
        return self.slots[slot]


class Caller:
    """The other side of a rehearsed conversation.

    Attributes:
        notes: facts for the other agents' parts. Every run of the rehearsal builds them again.
    """

    def __init__(self) -> None:
        self.notes: dict[str, Any] = {}

    def says(self, *meanings: Phrases) -> AwaitedReply:
        """Wait for the caller's next words: `reply = await caller.says(YES, NO)`.

        The speech recogniser listens for the meanings. Without any, it uses free dictation, which is less accurate.
        """
        return AwaitedReply(meanings)


@dataclass(frozen=True)
class AwaitedReply:
    """A reply that a part waits for; see `Caller.says`."""

    meanings: tuple[Phrases, ...]

    def __await__(self) -> Generator[AwaitedReply, Reply, Reply]:
        return (yield self)

"""A recorded call as turns: each action of the caller, with the agents' answer to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trunkline.calls import log_events
from trunkline.testing.conversation_view import ToolCallView

ActionKind = Literal[
    "says", "types", "push_to_talk", "keys", "image", "backchannel", "inaudible", "stops_agent", "silence"
]
NOT_ALLOWED = ("the caller did not allow it", "The call ended before the tool finished.")
"""Errors in `tool.done` of tools that did not answer."""
EndKind = Literal["caller", "agent", "limit", "server", "unknown"]


class UnusableLogError(ValueError):
    """A log from which no test can be made. The message has the reason and the fix."""


@dataclass(frozen=True)
class Span:
    """A part of a call, in ms of its clock."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Cut:
    """The heard part of the agents' last speech when the caller interrupted it.

    Attributes:
        heard_ms: its duration in the recorded call.
        typed_ms: its duration in a typed test, in which agents speak at an even pace.
    """

    heard_ms: int
    typed_ms: int


@dataclass(frozen=True)
class CallerAction:
    """An action of the caller.

    Attributes:
        kind: `says` and `types` differ in the recording only; `inaudible` is speech of which no words are known.
        at_ms: the time at which it began.
        words: the words, or the keys.
        speech: the speech in the recording; None for an action without speech.
        cut: the heard part of the agents' speech, if the action interrupted it.
        images: the images that the caller showed, as data URLs.
        silent_ms: the duration of a silence that agents broke.
        parts: the number of utterances that were joined, since nobody answered the first ones.
    """

    kind: ActionKind
    at_ms: int
    words: str = ""
    speech: Span | None = None
    cut: Cut | None = None
    images: tuple[str, ...] = ()
    silent_ms: int = 0
    parts: int = 1


@dataclass(frozen=True)
class RecordedTool:
    """A tool call, with its result or error.

    Attributes:
        hangs_up: the reason with which this tool ended the call; None for all others.
    """

    name: str
    arguments: object
    done: bool = True
    result: object = None
    error: str | None = None
    duration_ms: int = 0
    hangs_up: str | None = None

    @property
    def was_answered(self) -> bool:
        """The fact that the tool itself answered: it ended, and the caller had not refused it."""
        return self.done and self.error not in NOT_ALLOWED

    def __str__(self) -> str:
        return str(ToolCallView(self.name, self.arguments, "", 0, 0))


@dataclass(frozen=True)
class Answer:
    """A message of an agent: the whole text, heard or not."""

    agent: str
    text: str


@dataclass(frozen=True)
class Trip:
    """A guardrail that did not pass a message. `status` is `fail` or `error`."""

    guardrail: str
    status: str
    category: str | None = None


@dataclass(frozen=True)
class Approval:
    """A decision of the caller about a tool; `reason` is set if they gave none."""

    tool: str
    approved: bool
    reason: str | None = None


@dataclass(frozen=True)
class RecordedTurn:
    """A turn: the caller's action, and the agents' answer. The first turn of a call, its opening, has no action.

    Attributes:
        tools: the tool calls of agents, without those of text models.
        handoffs: the agents that were given the caller.
        latency_ms: the time to the first audio of the answer; None if it was not measured.
    """

    action: CallerAction | None
    at_ms: int
    answers: tuple[Answer, ...] = ()
    tools: tuple[RecordedTool, ...] = ()
    handoffs: tuple[str, ...] = ()
    trips: tuple[Trip, ...] = ()
    approvals: tuple[Approval, ...] = ()
    latency_ms: int | None = None

    @property
    def is_empty(self) -> bool:
        """The fact that nothing followed the caller's action."""
        return not (self.answers or self.tools or self.handoffs or self.trips)


@dataclass(frozen=True)
class RecordedEnd:
    """The end of a call. `reason` is None for a log that stops without one."""

    kind: EndKind
    reason: str | None


@dataclass(frozen=True)
class RecordedCall:
    """A call as turns.

    Attributes:
        path: the agents that had the caller, in order.
        codec: the codec that the call began with.
        has_payloads: False for a log without arguments and results of tools, such as a caller's view.
        on_rehearsal: True if a rehearsal played the model, so that the agents' words can be compared.
    """

    call_id: str
    scenario: str
    first_agent: str
    started_at: str
    provider: str
    model: str
    turns: tuple[RecordedTurn, ...]
    path: tuple[str, ...]
    end: RecordedEnd
    metadata: dict[str, str] = field(default_factory=dict)
    codec: log_events.Codec = "pcm16"
    has_payloads: bool = True
    on_rehearsal: bool = False

    @property
    def tools(self) -> list[RecordedTool]:
        """The tool calls of the whole call, in order."""
        return [tool for turn in self.turns for tool in turn.tools]

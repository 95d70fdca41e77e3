"""What goes into a call's machine and what comes out of it.

`CallMachine.step(input, now_ms)` is pure: it gets one of the inputs below and answers with effects, which the shell
(`call.py`) carries out. What an effect brings about comes back as an input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from trunkline.calls.commands import CommandUnion
from trunkline.calls.log import Codec, LogEventUnion, Notice, Transport
from trunkline.realtime.events import Event


# Inputs -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LinkOpened:
    """The model is connected, for the first time or again after `lost_for_ms` and `attempts` tries.

    `resumed`: it is the same session as before, with its conversation; nothing needs to be replayed. `renewed`: it took
    the place of one that was still there.
    """

    attempts: int = 1
    lost_for_ms: int = 0
    resumed: bool = False
    renewed: bool = False


@dataclass(frozen=True)
class LinkDropped:
    """The connection to the model is gone; a new one is tried in `retry_in_ms`, or never if that is None.

    `resumable`: it was a sideband, and sound goes on flowing between caller and model. `needs_leg`: the WebRTC call
    itself is over, so the caller's page must dial again.
    """

    reason: str
    code: int | None = None
    retry_in_ms: int | None = None
    resumable: bool = False
    needs_leg: bool = False


@dataclass(frozen=True)
class RenewalFailed:
    """The connection that was to take the present one's place could not be had."""

    reason: str


@dataclass(frozen=True)
class WireArrived:
    """An event from the model."""

    event: Event


@dataclass(frozen=True)
class SoundArrived:
    """Sound from the model, `ms` long, for a message."""

    item_id: str
    pcm: bytes
    ms: float


@dataclass(frozen=True)
class CallerJoined:
    """The caller's leg is up. `reason` says why it is not the wanted transport."""

    leg_id: str
    transport: Transport
    reason: str | None = None


@dataclass(frozen=True)
class CallerLeft:
    """The caller's leg is gone."""

    leg_id: str
    reason: str


@dataclass(frozen=True)
class Commanded:
    """The caller's page asks for something."""

    command: CommandUnion


@dataclass(frozen=True)
class AgentConfigured:
    """The session configuration of an agent is worked out (its instructions may be a function)."""

    agent: str
    session: Event
    purpose: ConfigurePurpose


@dataclass(frozen=True)
class AgentFailed:
    """An agent's configuration could not be worked out."""

    agent: str
    error: str
    purpose: ConfigurePurpose


@dataclass(frozen=True)
class ToolEnded:
    """A tool returned `output`, the text for the model; or failed, with the real `error` for the log."""

    call_id: str
    name: str
    output: str
    result: Any
    error: str | None


@dataclass(frozen=True)
class ApprovalWanted:
    """A tool may run only if the caller allows it."""

    call_id: str
    arguments: str


@dataclass(frozen=True)
class Checked:
    """How one guardrail found what an agent was saying; `check` is that of the `Check` it belongs to."""

    item_id: str
    check: int
    guardrail: str
    status: Literal["pass", "fail", "error"]
    category: str | None = None
    rationale: str | None = None
    duration_ms: int = 0


@dataclass(frozen=True)
class Stopped:
    """The call is ended from outside."""

    reason: str


@dataclass(frozen=True)
class Woke:
    """A wake-up that was asked for with `WakeAt`."""

    key: str


Input = (
    LinkOpened | LinkDropped | RenewalFailed | WireArrived | SoundArrived | CallerJoined | CallerLeft | Commanded
    | AgentConfigured | AgentFailed | ToolEnded | ApprovalWanted | Checked | Stopped | Woke
)  # fmt: skip


# Effects ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Connecting:
    """Why an agent is configured: the link has just opened for the `opening`th time, and needs the whole session."""

    opening: int


@dataclass(frozen=True)
class HandingOff:
    """Why an agent is configured: `call_id` of tool `tool` asked for it, with `arguments` as JSON text."""

    call_id: str
    tool: str
    arguments: str
    previous: str


ConfigurePurpose = Connecting | HandingOff


@dataclass(frozen=True)
class Send:
    """Send an event to the model."""

    event: Event


@dataclass(frozen=True)
class Append:
    """Append to the call's log."""

    event: LogEventUnion


@dataclass(frozen=True)
class Play:
    """Let the caller hear this."""

    pcm: bytes


@dataclass(frozen=True)
class Configure:
    """Work out an agent's session configuration."""

    agent: str
    purpose: ConfigurePurpose


@dataclass(frozen=True)
class RunTool:
    """Run a tool of the agent. `arguments` is the model's JSON text."""

    call_id: str
    name: str
    arguments: str
    agent: str


@dataclass(frozen=True)
class Approved:
    """Tell a tool that waits for it whether it may run."""

    call_id: str
    approved: bool


@dataclass(frozen=True)
class Check:
    """Let every guardrail of `agent` look at `text`, what it has said so far in `item_id`."""

    item_id: str
    check: int
    agent: str
    text: str


@dataclass(frozen=True)
class Renew:
    """Connect to a new session. `gently`: the present connection is used until the new one is there."""

    reason: str
    gently: bool


@dataclass(frozen=True)
class WakeAt:
    """Give `Woke(key)` at `at_ms`; a later one with the same key replaces it, `at_ms` None takes it back."""

    key: str
    at_ms: float | None


@dataclass(frozen=True)
class End:
    """End the call."""

    reason: str


Effect = Send | Append | Play | Configure | RunTool | Approved | Check | Renew | WakeAt | End


@dataclass(frozen=True)
class CallPlan:
    """What a call is to be, fixed when it is made.

    Attributes:
        transfers: agent -> {tool name: target agent}.
        tools: agent -> names of its own tools.
        caller_wait_ms: how long the call waits for its caller.
        turn_detection: the scenario's, as the session knows it; None is push-to-talk.
        guardrails: agent -> names of its guardrails.
        hold: whether nothing is shown or heard before its guardrails have passed it.
        retries: how often an answer that a guardrail stopped is asked for again.
        session_limit_ms: how long a provider lets a session live; None is for ever.
        longest_ms: how long a call may last.
        idle_ms: how long the caller may say nothing.
        notices: what the provider wants to be known.
    """

    call_id: str
    scenario: str
    first_agent: str
    agents: Sequence[str]
    transfers: Mapping[str, Mapping[str, str]]
    tools: Mapping[str, Sequence[str]]
    transport: Transport
    provider: str
    model: str
    started_at: str
    caller_wait_ms: float
    turn_detection: Mapping[str, Any] | None = None
    codec: Codec = "pcm16"
    guardrails: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hold: bool = False
    retries: int = 2
    session_limit_ms: float | None = None
    longest_ms: float | None = None
    idle_ms: float | None = None
    notices: Sequence[Notice] = ()

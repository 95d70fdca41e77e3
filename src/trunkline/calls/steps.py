"""What goes into a call's machine and what comes out of it.

`CallMachine.step(input, now_ms)` is pure: it gets one of the inputs below and answers with effects, which the shell
(`call.py`) carries out. What an effect brings about comes back as an input. They are structs of msgspec, which are
made six times as fast as frozen dataclasses: sound makes hundreds of them a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from trunkline.calls.commands import CommandUnion
from trunkline.calls.log import Codec, LogEventUnion, Notice, Transport
from trunkline.realtime.events import Event


# Inputs -------------------------------------------------------------------------------------------------------------
class LinkOpened(msgspec.Struct, frozen=True):
    """The model is connected, for the first time or again after `lost_for_ms` and `attempts` tries.

    `resumed`: it is the same session as before, with its conversation; nothing needs to be replayed. `renewed`: it took
    the place of one that was still there.
    """

    attempts: int = 1
    lost_for_ms: int = 0
    resumed: bool = False
    renewed: bool = False


class LinkDropped(msgspec.Struct, frozen=True):
    """The connection to the model is gone; a new one is tried in `retry_in_ms`, or never if that is None.

    `resumable`: it was a sideband, and sound goes on flowing between caller and model. `needs_leg`: the WebRTC call
    itself is over, so the caller's page must dial again.
    """

    reason: str
    code: int | None = None
    retry_in_ms: int | None = None
    resumable: bool = False
    needs_leg: bool = False


class RenewalFailed(msgspec.Struct, frozen=True):
    """The connection that was to take the present one's place could not be had."""

    reason: str


class WireArrived(msgspec.Struct, frozen=True):
    """An event from the model."""

    event: Event


class SoundArrived(msgspec.Struct, frozen=True):
    """Sound from the model, `ms` long, for a message."""

    item_id: str
    pcm: bytes
    ms: float


class CallerJoined(msgspec.Struct, frozen=True):
    """The caller's leg is up. `reason` says why it is not the wanted transport."""

    leg_id: str
    transport: Transport
    reason: str | None = None


class CallerLeft(msgspec.Struct, frozen=True):
    """The caller's leg is gone."""

    leg_id: str
    reason: str


class CodecChosen(msgspec.Struct, frozen=True):
    """The caller wants their sound to travel otherwise."""

    codec: Codec


class Commanded(msgspec.Struct, frozen=True):
    """The caller's page asks for something."""

    command: CommandUnion


class AgentConfigured(msgspec.Struct, frozen=True):
    """The session configuration of an agent is worked out (its instructions may be a function)."""

    agent: str
    session: Event
    purpose: ConfigurePurpose


class AgentFailed(msgspec.Struct, frozen=True):
    """An agent's configuration could not be worked out."""

    agent: str
    error: str
    purpose: ConfigurePurpose


class ToolEnded(msgspec.Struct, frozen=True):
    """A tool returned `output`, the text for the model; or failed, with the real `error` for the log."""

    call_id: str
    name: str
    output: str
    result: Any
    error: str | None


class ApprovalWanted(msgspec.Struct, frozen=True):
    """A tool may run only if the caller allows it."""

    call_id: str
    arguments: str


class Checked(msgspec.Struct, frozen=True):
    """How one guardrail found what an agent was saying; `check` is that of the `Check` it belongs to."""

    item_id: str
    check: int
    guardrail: str
    status: Literal["pass", "fail", "error"]
    category: str | None = None
    rationale: str | None = None
    duration_ms: int = 0


class Stopped(msgspec.Struct, frozen=True):
    """The call is ended from outside."""

    reason: str


class Woke(msgspec.Struct, frozen=True):
    """A wake-up that was asked for with `WakeAt`."""

    key: str


Input = (
    LinkOpened | LinkDropped | RenewalFailed | WireArrived | SoundArrived | CallerJoined | CallerLeft | CodecChosen
    | Commanded | AgentConfigured | AgentFailed | ToolEnded | ApprovalWanted | Checked | Stopped | Woke
)  # fmt: skip


# Effects ------------------------------------------------------------------------------------------------------------
class Connecting(msgspec.Struct, frozen=True):
    """Why an agent is configured: the link has just opened for the `opening`th time, and needs the whole session."""

    opening: int


class HandingOff(msgspec.Struct, frozen=True):
    """Why an agent is configured: `call_id` of tool `tool` asked for it, with `arguments` as JSON text."""

    call_id: str
    tool: str
    arguments: str
    previous: str


ConfigurePurpose = Connecting | HandingOff


class Send(msgspec.Struct, frozen=True):
    """Send an event to the model."""

    event: Event


class Append(msgspec.Struct, frozen=True):
    """Append to the call's log."""

    event: LogEventUnion


class Play(msgspec.Struct, frozen=True):
    """Let the caller hear this."""

    pcm: bytes


class Configure(msgspec.Struct, frozen=True):
    """Work out an agent's session configuration."""

    agent: str
    purpose: ConfigurePurpose


class RunTool(msgspec.Struct, frozen=True):
    """Run a tool of the agent. `arguments` is the model's JSON text."""

    call_id: str
    name: str
    arguments: str
    agent: str


class Approved(msgspec.Struct, frozen=True):
    """Tell a tool that waits for it whether it may run."""

    call_id: str
    approved: bool


class Check(msgspec.Struct, frozen=True):
    """Let every guardrail of `agent` look at `text`, what it has said so far in `item_id`."""

    item_id: str
    check: int
    agent: str
    text: str


class Renew(msgspec.Struct, frozen=True):
    """Connect to a new session. `gently`: the present connection is used until the new one is there."""

    reason: str
    gently: bool


class Remember(msgspec.Struct, frozen=True):
    """Keep the caller's sound for another session: a turn began `since_ms` into this one's; None is now."""

    turn: str
    since_ms: int | None


class Forget(msgspec.Struct, frozen=True):
    """The sound of a turn is not needed any more. It ended `until_ms` into the session's sound; None is by now."""

    turn: str
    until_ms: int | None = None


class WakeAt(msgspec.Struct, frozen=True):
    """Give `Woke(key)` at `at_ms`; a later one with the same key replaces it, `at_ms` None takes it back."""

    key: str
    at_ms: float | None


class End(msgspec.Struct, frozen=True):
    """End the call."""

    reason: str


Effect = Send | Append | Play | Configure | RunTool | Approved | Check | Renew | Remember | Forget | WakeAt | End


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

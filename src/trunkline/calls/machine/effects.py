"""Effects of the call's machine: orders to the shell. Their results come back as inputs."""

from __future__ import annotations

import msgspec

from trunkline.calls.log_events import LogEventUnion
from trunkline.realtime.events import Event


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

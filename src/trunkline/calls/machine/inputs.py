"""Inputs of the call's machine: facts from the model, the caller's page, tools and timers.

`CallMachine.step(input, now_ms)` is pure: the shell (`calls/call.py`) gives it one of these and carries out the
effects it returns. They are msgspec structs, which are made six times as fast as frozen dataclasses: audio makes
hundreds of them a second.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trunkline.calls.commands import CommandUnion
from trunkline.calls.log_events import Codec, Transport
from trunkline.calls.machine.effects import ConfigurePurpose
from trunkline.realtime.events import Event


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

"""Inputs of the call's machine: facts from the model, the caller's page, tools and timers.

`CallMachine.step(input, now_ms)` is pure: the shell (`calls/call.py`) passes one input and carries out the effects that
it returns. Inputs are msgspec structs, which are created six times as fast as frozen dataclasses: audio makes hundreds
of them a second.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal

import msgspec

from trunkline.calls.commands import CommandUnion
from trunkline.calls.log_events import Codec, Transport
from trunkline.calls.machine.effects import ConfigurePurpose
from trunkline.calls.machine.timers import Timer
from trunkline.realtime.events import Event
from trunkline.scenario.interruption import HeardWords


class LinkOpened(msgspec.Struct, frozen=True):
    """The model is connected, for the first time or again after `lost_for_ms` and `attempts` tries.

    `resumed`: the session is the same and still has its conversation, so nothing is replayed. `renewed`: the session
    replaces one that was still up.
    """

    attempts: int = 1
    lost_for_ms: int = 0
    resumed: bool = False
    renewed: bool = False


class LinkDropped(msgspec.Struct, frozen=True):
    """The connection to the model is lost. The link reconnects in `retry_in_ms`, or never if that is None.

    `resumable`: it was a sideband, and audio still flows between caller and model. `needs_reoffer`: the WebRTC call
    itself has ended, so the caller's page must post a new offer. `failed`: the service or the network is the reason,
    and not the call.
    """

    reason: str
    code: int | None = None
    retry_in_ms: int | None = None
    resumable: bool = False
    needs_reoffer: bool = False
    failed: bool = False


class RenewalFailed(msgspec.Struct, frozen=True):
    """The link could not connect to the session that was to replace the current one."""

    reason: str


class WireEventReceived(msgspec.Struct, frozen=True, gc=False):
    """An event from the model."""

    event: Event


class AudioReceived(msgspec.Struct, frozen=True, gc=False):
    """Decoded audio of message `item_id` from the model, `ms` long."""

    item_id: str
    pcm: bytes
    ms: float


class CallerJoined(msgspec.Struct, frozen=True):
    """The caller's leg is up. `reason` says why it does not use the requested transport."""

    leg_id: str
    transport: Transport
    reason: str | None = None


class CallerLeft(msgspec.Struct, frozen=True):
    """The caller's leg is gone.

    `keeps_audio`: the page keeps the caller's audio, and sends it when it is back. So their turn continues then.
    """

    leg_id: str
    reason: str
    keeps_audio: bool = False


class CallerAudioArrived(msgspec.Struct, frozen=True):
    """Audio of the caller has arrived on the relay. The shell says so only while it watches the audio."""


class WordsHeard(msgspec.Struct, frozen=True):
    """The words of the caller's speech `speech_id` so far, by the recogniser beside the relay.

    A stretch is a part of the speech without a pause; `first` marks the first words of one. `speech_ms` is its duration
    so far. `paused`: the caller is silent, and these are all words of the stretch.
    """

    speech_id: str
    words: HeardWords
    speech_ms: float
    first: bool = False
    paused: bool = False


class FillerFetched(msgspec.Struct, frozen=True):
    """The audio of a filler: `pcm` says `text` and is `ms` long. PCM16 little-endian, mono, 24 kHz."""

    text: str
    pcm: bytes
    ms: float


class CodecChosen(msgspec.Struct, frozen=True):
    """The caller's page chose a codec for the caller's audio."""

    codec: Codec


class CommandReceived(msgspec.Struct, frozen=True):
    """A command from the caller's page."""

    command: CommandUnion


class AgentTools(msgspec.Struct, frozen=True):
    """The tools and handoffs that an agent has, enabled or not: tool names, and transfer tool -> target agent."""

    tools: tuple[str, ...]
    transfers: dict[str, str]


class AgentConfigured(msgspec.Struct, frozen=True):
    """The session configuration of an agent is ready (its instructions may be a function).

    `has` are the agent's tools by now; None means those of the plan.
    """

    agent: str
    session: Event
    purpose: ConfigurePurpose
    has: AgentTools | None = None


class AgentFailed(msgspec.Struct, frozen=True):
    """The session configuration of an agent could not be built.

    `advice` is set if only the handoff was refused: the output of the transfer tool for the model.
    """

    agent: str
    error: str
    purpose: ConfigurePurpose
    advice: str | None = None


class ToolsChanged(msgspec.Struct, frozen=True):
    """The model may use other tools of `agent` from now on: `tools` in the form of a session."""

    agent: str
    tools: list[Event]
    has: AgentTools


class BudgetSpent(msgspec.Struct, frozen=True):
    """The call has reached a limit of cost: it ends after the agent's goodbye."""

    reason: str


class HangUpRequested(msgspec.Struct, frozen=True):
    """A tool ends the call, after the agent's goodbye."""

    reason: str


class ToolFinished(msgspec.Struct, frozen=True):
    """A tool returned `result`, or failed with `error`, which goes into the log. `output` is the text for the model."""

    tool_call_id: str
    name: str
    output: str
    result: object
    error: str | None


class ApprovalRequested(msgspec.Struct, frozen=True):
    """A tool needs the caller's approval before it runs."""

    tool_call_id: str
    arguments: str


class GuardrailFinished(msgspec.Struct, frozen=True):
    """The result of one guardrail for a message; `check_id` is that of the `RunGuardrails` that started it."""

    item_id: str
    check_id: int
    guardrail: str
    status: Literal["pass", "fail", "error"]
    category: str | None = None
    rationale: str | None = None
    duration_ms: int = 0


class HandOverMoment(Enum):
    """The moment at which a call is handed over to another server.

    Attributes:
        BETWEEN_TURNS: nobody speaks, no answer and no tool is under way, and all audio was heard. Over WebRTC, where
            the audio continues: as soon as no tool runs.
        NO_TOOL: no tool runs, and the caller does not speak. An answer that is cut off is given again.
        NOW: at once.
    """

    BETWEEN_TURNS = auto()
    NO_TOOL = auto()
    NOW = auto()


class HandOverRequested(msgspec.Struct, frozen=True):
    """The server stops: hand the call over at this moment. It replaces an earlier request."""

    moment: HandOverMoment


class StopRequested(msgspec.Struct, frozen=True):
    """The server ends the call."""

    reason: str


class TimerFired(msgspec.Struct, frozen=True):
    """A timer set with `SetTimer` is due."""

    timer: Timer


OtherInput = (
    LinkOpened
    | LinkDropped
    | RenewalFailed
    | CallerJoined
    | CallerLeft
    | CallerAudioArrived
    | WordsHeard
    | FillerFetched
    | CodecChosen
    | CommandReceived
    | AgentConfigured
    | AgentFailed
    | ToolsChanged
    | BudgetSpent
    | HangUpRequested
    | ToolFinished
    | ApprovalRequested
    | GuardrailFinished
    | HandOverRequested
    | StopRequested
    | TimerFired
)
Input = WireEventReceived | AudioReceived | OtherInput

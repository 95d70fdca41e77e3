"""Effects of the call's machine: orders to the shell. Their results come back as inputs."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.calls.log_events import CallSettings, LogEventUnion
from trunkline.calls.machine.timers import Timer
from trunkline.realtime.client_events import ClientEvent
from trunkline.scenario.fillers import FillerKind


class Connecting(msgspec.Struct, frozen=True):
    """Reason to configure an agent: a link has opened and needs the whole session configuration.

    `generation` counts the links; a configuration for an earlier one is stale. `settings` are those of the call, and
    `turn_detection` is the session's, None for push-to-talk.
    """

    generation: int
    settings: CallSettings
    turn_detection: dict[str, Any] | None


class HandingOff(msgspec.Struct, frozen=True):
    """Reason to configure an agent: `previous` called the transfer `tool`, with `arguments` as JSON text."""

    tool_call_id: str
    tool: str
    arguments: str
    previous: str


ConfigurePurpose = Connecting | HandingOff


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send an event to the model."""

    event: ClientEvent


class AppendToLog(msgspec.Struct, frozen=True, gc=False):
    """Append an event to the call's log."""

    event: LogEventUnion


class PlayAudio(msgspec.Struct, frozen=True, gc=False):
    """Send the agent's audio to the caller's page: PCM16 little-endian, mono, 24 kHz."""

    pcm: bytes


class DropQueuedAudio(msgspec.Struct, frozen=True):
    """Drop the audio that is queued for the caller's page."""


class FetchFiller(msgspec.Struct, frozen=True):
    """Get the audio of a filler. Answered by `FillerFetched`."""

    kind: FillerKind


class PlayFiller(msgspec.Struct, frozen=True):
    """Send a filler's audio to the caller's page, on either transport: PCM16 little-endian, mono, 24 kHz."""

    pcm: bytes


class ConfigureAgent(msgspec.Struct, frozen=True):
    """Build an agent's session configuration. Answered by `AgentConfigured` or `AgentFailed`."""

    agent: str
    purpose: ConfigurePurpose


class RunTool(msgspec.Struct, frozen=True):
    """Run a tool of `agent`; `arguments` is the model's JSON text. Answered by `ToolFinished`."""

    tool_call_id: str
    name: str
    arguments: str
    agent: str


class RefreshTools(msgspec.Struct, frozen=True):
    """Find the tools and handoffs that `agent` may use now. Answered by `ToolsChanged` if they have changed."""

    agent: str


class ResolveApproval(msgspec.Struct, frozen=True):
    """Pass the caller's decision to a tool that waits for approval."""

    tool_call_id: str
    approved: bool


class RunGuardrails(msgspec.Struct, frozen=True):
    """Run every guardrail of `agent` on `text`, the text of message `item_id` so far.

    Each guardrail answers with a `GuardrailFinished` of the same `check_id`.
    """

    item_id: str
    check_id: int
    agent: str
    text: str


class RunInputGuardrails(msgspec.Struct, frozen=True):
    """Run every input guardrail of the scenario on `text`, the caller's message `item_id` to `agent`.

    Each guardrail answers with a `GuardrailFinished` of the same `check_id`, which is negative.
    """

    item_id: str
    check_id: int
    agent: str
    text: str


class RenewSession(msgspec.Struct, frozen=True):
    """Connect to a new session. `make_before_break` keeps the old one in use until the new one is up."""

    reason: str
    make_before_break: bool


class ChangeModel(msgspec.Struct, frozen=True):
    """Use another model for the sessions from now on."""

    model: str


class KeepCallerAudio(msgspec.Struct, frozen=True):
    """Keep the audio of a caller's turn, to resend it to another session.

    The turn began `since_ms` into the audio of this session; None means now.
    """

    turn_id: str
    since_ms: int | None


class ReleaseCallerAudio(msgspec.Struct, frozen=True):
    """Release the audio kept for a turn, which ended `until_ms` into the audio of this session; None means now."""

    turn_id: str
    until_ms: int | None = None


class WatchCallerAudio(msgspec.Struct, frozen=True):
    """Feed `CallerAudioArrived` for the caller's audio, at most every 100 ms; `on` False ends it."""

    on: bool


class ListenForWords(msgspec.Struct, frozen=True):
    """Feed `WordsHeard` with the words of the caller's speech `speech_id`, which has just begun; None ends it."""

    speech_id: str | None


class SendSilence(msgspec.Struct, frozen=True):
    """Send `ms` of silence to the model, in place of audio of the caller that is missing."""

    ms: float


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Feed `TimerFired(timer)` at `at_ms`. It replaces the timer's earlier time; `at_ms` None cancels the timer."""

    timer: Timer
    at_ms: float | None


class HandOver(msgspec.Struct, frozen=True):
    """Stop the call here without an end: another server continues it."""


class EndCall(msgspec.Struct, frozen=True):
    """End the call."""

    reason: str


Effect = (
    Send
    | AppendToLog
    | PlayAudio
    | DropQueuedAudio
    | FetchFiller
    | PlayFiller
    | ConfigureAgent
    | RunTool
    | RefreshTools
    | ResolveApproval
    | RunGuardrails
    | RunInputGuardrails
    | RenewSession
    | ChangeModel
    | KeepCallerAudio
    | ReleaseCallerAudio
    | WatchCallerAudio
    | ListenForWords
    | SendSilence
    | SetTimer
    | HandOver
    | EndCall
)

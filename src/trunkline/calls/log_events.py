"""The vocabulary of the call's log: every kind of event, with its fields and units."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["user", "assistant", "system"]
Transport = Literal["webrtc", "websocket"]
Codec = Literal["pcm16", "opus", "pcmu", "pcma"]
"""How the caller's sound travels: uncompressed on the relay, Opus on WebRTC, or as on a telephone, at 8 kHz."""


class LogEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """What every event shares: `kind` is its tag."""


class CallStarted(LogEvent, frozen=True, tag="call.started"):
    """The call exists. `started_at` is ISO 8601 UTC with milliseconds; `model` is what the provider calls it."""

    call_id: str
    scenario: str
    agent: str
    transport: Transport
    provider: str
    model: str
    started_at: str


class LegJoined(LogEvent, frozen=True, tag="leg.joined"):
    """The caller's side is connected: sound and commands can flow. `reason` says why it is not the wanted transport."""

    leg_id: str
    transport: Transport
    reason: str | None = None


class LegLost(LogEvent, frozen=True, tag="leg.lost"):
    """The caller's side went away; the call waits `waiting_ms` for it to come back."""

    leg_id: str
    reason: str
    waiting_ms: int


class LegReofferRequested(LogEvent, frozen=True, tag="leg.reoffer_requested"):
    """WebRTC must be made anew: the page should post a new offer."""

    reason: str


class LinkUp(LogEvent, frozen=True, tag="link.up"):
    """The model is connected for the first time."""

    model: str


class LinkLost(LogEvent, frozen=True, tag="link.lost"):
    """The connection to the model dropped; the call goes on and tries again in `retry_in_ms`."""

    reason: str
    code: int | None = None
    retry_in_ms: int | None = None


class LinkRestored(LogEvent, frozen=True, tag="link.restored"):
    """The model is connected again; `replayed` items of the conversation were given back to it."""

    attempts: int
    lost_for_ms: int
    replayed: int = 0


class LinkRolledOver(LogEvent, frozen=True, tag="link.rolled_over"):
    """A new connection to the model took the old one's place in time; `replayed` items were given to it."""

    reason: str
    replayed: int = 0


class AgentChanged(LogEvent, frozen=True, tag="agent.changed"):
    """`agent` now speaks; `previous` is None for the first agent of the call."""

    agent: str
    previous: str | None = None
    reason: str | None = None


class MessageAdded(LogEvent, frozen=True, tag="message.added"):
    """A message begins. `hidden` ones are part of the conversation but not shown (the greeting's "hi")."""

    item_id: str
    role: Role
    previous_item_id: str | None = None
    agent: str | None = None
    spoken: bool = False
    hidden: bool = False


class MessageDelta(LogEvent, frozen=True, tag="message.delta"):
    """`text` is to be appended to the message."""

    item_id: str
    text: str


class MessageDone(LogEvent, frozen=True, tag="message.done"):
    """The message is complete; `text` replaces what the deltas built.

    `status` is `interrupted` when it was cut short (a later `message.truncated` says what was heard),
    `inaudible` when speech was heard but no words were recognised, `failed` when the model or the recogniser
    broke off.
    """

    item_id: str
    role: Role
    text: str
    status: Literal["completed", "interrupted", "inaudible", "failed"] = "completed"


class MessageTruncated(LogEvent, frozen=True, tag="message.truncated"):
    """The caller heard only `heard_ms` of this message; `text`, where known, is the part that was heard."""

    item_id: str
    heard_ms: int
    text: str | None = None


class SpeechStarted(LogEvent, frozen=True, tag="speech.started"):
    """The caller began to speak, `audio_ms` into the sound received."""

    item_id: str
    audio_ms: int | None = None


class SpeechStopped(LogEvent, frozen=True, tag="speech.stopped"):
    """The caller stopped speaking."""

    item_id: str
    audio_ms: int | None = None


class AudioStarted(LogEvent, frozen=True, tag="audio.started"):
    """The agent's sound for `item_id` begins; on the relay the binary frames after this event belong to it."""

    item_id: str


class AudioCleared(LogEvent, frozen=True, tag="audio.cleared"):
    """Sound not yet played is void: the page drops it at once and reports what it had played."""

    item_id: str | None = None


class AudioDone(LogEvent, frozen=True, tag="audio.done"):
    """All of the sound of `item_id`, `ms` long, has been sent."""

    item_id: str
    ms: int


class AudioStats(LogEvent, frozen=True, tag="audio.stats"):
    """Sound over the wire since the last count, at most once a second: milliseconds and frames each way."""

    sent_ms: int
    sent_frames: int
    received_ms: int
    received_frames: int


class ToolStarted(LogEvent, frozen=True, tag="tool.started"):
    """A tool runs; `arguments` are the decoded JSON, or the raw text where it does not decode.

    `parent` is the call id of the tool on whose behalf a text model called this one.
    """

    call_id: str
    name: str
    arguments: Any
    agent: str
    parent: str | None = None


class ToolProgress(LogEvent, frozen=True, tag="tool.progress"):
    """A tool that still runs says how far it is; `fraction` is from 0 to 1 where it is known."""

    call_id: str
    message: str
    fraction: float | None = None


class ApprovalNeeded(LogEvent, frozen=True, tag="approval.needed"):
    """A tool waits until the caller allows it; the page answers with the command `approve`."""

    call_id: str
    name: str
    arguments: Any
    agent: str


class ApprovalResolved(LogEvent, frozen=True, tag="approval.resolved"):
    """The caller's answer; `approved` False also stands for one that never came."""

    call_id: str
    approved: bool
    reason: str | None = None


class ToolDone(LogEvent, frozen=True, tag="tool.done"):
    """A tool ended with either `result` or `error`."""

    call_id: str
    name: str
    duration_ms: int
    result: Any = None
    error: str | None = None


class Breadcrumb(LogEvent, frozen=True, tag="breadcrumb"):
    """A note that a tool or scenario left in the transcript."""

    title: str
    data: Any = None
    call_id: str | None = None


class GuardrailChecked(LogEvent, frozen=True, tag="guardrail.checked"):
    """A guardrail looks at what the agent says in `item_id`: `pending` first, then how it came out.

    `fail` means that it tripped, `error` that it could not be run; neither is ever taken for a pass. `text` is what was
    looked at, given when it did not pass.
    """

    item_id: str
    guardrail: str
    status: Literal["pending", "pass", "fail", "error"]
    category: str | None = None
    rationale: str | None = None
    text: str | None = None
    duration_ms: int | None = None


class CallSettings(LogEvent, frozen=True, tag="call.settings"):
    """What was chosen for this call at run time; it survives handoffs and new links."""

    push_to_talk: bool = False
    codec: Codec = "pcm16"
    voice: str | None = None
    speed: float | None = None


class LatencyPart(msgspec.Struct, frozen=True):
    """A part of a turn's delay, in ms."""

    name: str
    ms: int


class TurnLatency(LogEvent, frozen=True, tag="turn.latency"):
    """How long the caller waited for the message `item_id`: from the end of their turn to its first sound.

    `parts` add up to `total_ms`. `after` says what the turn answered.
    """

    item_id: str
    total_ms: int
    parts: list[LatencyPart]
    after: Literal["speech", "text", "greeting"]
    tool_ms: int = 0
    guardrail_ms: int = 0


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one or more responses; the cached ones are part of the input."""

    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0


class UsageUpdated(LogEvent, frozen=True, tag="usage.updated"):
    """A response was paid for. `cost` and `total_cost` are in US dollars, None without a price for the model.

    `seconds` of sound is what transcription by time is paid by, in place of tokens; `total_seconds` is the call's.
    """

    source: Literal["response", "transcription", "text"]
    model: str
    tokens: Tokens
    total: Tokens
    cost: float | None = None
    total_cost: float | None = None
    item_id: str | None = None
    seconds: float = 0.0
    total_seconds: float = 0.0


class Notice(LogEvent, frozen=True, tag="notice"):
    """Something worth knowing that is no error: a setting that is missing, a limit that is near."""

    message: str
    code: str
    hint: str | None = None


class WireSent(LogEvent, frozen=True, tag="wire.sent"):
    """A raw event sent to the provider, sound left out."""

    event: dict[str, Any]


class WireReceived(LogEvent, frozen=True, tag="wire.received"):
    """A raw event received from the provider, sound left out."""

    event: dict[str, Any]


class CallError(LogEvent, frozen=True, tag="error"):
    """Something went wrong and the call goes on. `hint` says what to do next."""

    message: str
    code: str | None = None
    source: Literal["command", "provider", "tool", "scenario", "leg", "call"] = "call"
    hint: str | None = None


class CallEnded(LogEvent, frozen=True, tag="call.ended"):
    """The last event of a call."""

    reason: str


LogEventUnion = (
    CallStarted
    | LegJoined
    | LegLost
    | LegReofferRequested
    | LinkUp
    | LinkLost
    | LinkRestored
    | LinkRolledOver
    | AgentChanged
    | MessageAdded
    | MessageDelta
    | MessageDone
    | MessageTruncated
    | SpeechStarted
    | SpeechStopped
    | AudioStarted
    | AudioCleared
    | AudioDone
    | AudioStats
    | ToolStarted
    | ToolProgress
    | ApprovalNeeded
    | ApprovalResolved
    | ToolDone
    | Breadcrumb
    | GuardrailChecked
    | CallSettings
    | TurnLatency
    | UsageUpdated
    | Notice
    | WireSent
    | WireReceived
    | CallError
    | CallEnded
)

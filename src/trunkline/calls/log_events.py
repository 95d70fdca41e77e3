"""Vocabulary of the call's log: every kind of event, with its fields and units."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["user", "assistant", "system"]
Transport = Literal["webrtc", "websocket"]
LegRole = Literal["caller", "viewer"]
Phase = Literal["commentary", "final_answer"]
"""Phase of an agent's message: words on the way to the answer, or the answer. Only models that reason report it."""
Codec = Literal["pcm16", "opus", "pcmu", "pcma"]
"""Codec of the caller's audio: PCM on the relay, Opus over WebRTC, or G.711 at 8 kHz as on a telephone."""
WaitReason = Literal[
    "endpointing", "link", "request", "model", "tools", "approval", "handoff", "guardrails", "audio", "caller"
]
"""The one thing that a call waits for: docs/http-api.md explains each."""


class LogEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, gc=False):
    """Base of all events; `kind` is the tag. They hold JSON values, which form no cycles to collect."""


class CallStarted(LogEvent, frozen=True, tag="call.started"):
    """The first event of a call. `started_at` is ISO 8601 in UTC; `model` is the provider's name of the model.

    `metadata` are the pairs that the client gave when it started the call.
    """

    call_id: str
    scenario: str
    agent: str
    transport: Transport
    provider: str
    model: str
    started_at: str
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class LegRoleSet(LogEvent, frozen=True, tag="leg.role"):
    """The role of one page in the call. It goes to that page alone, with `seq` 0, and is not in the log.

    A page with the `audience` "caller" gets the caller's part of the log. The caller's page `records` both voices and
    sends them as binary frames, if the audio flows past the server. On the relay `audio_position` is the position at
    which the caller's audio continues, in samples since the start of the leg.
    """

    role: LegRole
    audience: Literal["caller", "operator"] = "operator"
    records: bool = False
    audio_position: int | None = None


class AudioAcknowledged(LogEvent, frozen=True, tag="audio.acknowledged"):
    """The caller's audio before `position` is understood. It goes to the caller's page alone, with `seq` 0.

    The page need not keep that audio for another server.
    """

    position: int


class LegJoined(LogEvent, frozen=True, tag="leg.joined"):
    """The caller is connected. `reason` says why the leg does not use the requested transport."""

    leg_id: str
    transport: Transport
    reason: str | None = None


class LegLost(LogEvent, frozen=True, tag="leg.lost"):
    """The caller is disconnected; the call waits `waiting_ms` for them."""

    leg_id: str
    reason: str
    waiting_ms: int


class LegReofferRequested(LogEvent, frozen=True, tag="leg.reoffer_requested"):
    """A new WebRTC call is needed: the page posts a new offer."""

    reason: str


class LinkUp(LogEvent, frozen=True, tag="link.up"):
    """The model is connected for the first time."""

    model: str


class LinkLost(LogEvent, frozen=True, tag="link.lost"):
    """The connection to the model is lost; the call continues and reconnects in `retry_in_ms`, or never."""

    reason: str
    code: int | None = None
    retry_in_ms: int | None = None


class LinkRestored(LogEvent, frozen=True, tag="link.restored"):
    """The model is connected again; `replayed` items of the conversation were sent to it."""

    attempts: int
    lost_for_ms: int
    replayed: int = 0


class LinkRolledOver(LogEvent, frozen=True, tag="link.rolled_over"):
    """A new connection replaced the old one before its time limit; `replayed` items were sent to the model."""

    reason: str
    replayed: int = 0


class ModelChanged(LogEvent, frozen=True, tag="model.changed"):
    """The fallback model has the rest of the call, in a new session."""

    model: str
    previous: str
    reason: str


class AgentChanged(LogEvent, frozen=True, tag="agent.changed"):
    """`agent` has the call from now on; `previous` is None for the first agent."""

    agent: str
    previous: str | None = None
    reason: str | None = None


class MessageAdded(LogEvent, frozen=True, tag="message.added"):
    """A message begins. `hidden` ones belong to the conversation but are not shown (the greeting's "hi").

    `images` are data URLs of images that the caller shows with the message.
    """

    item_id: str
    role: Role
    previous_item_id: str | None = None
    agent: str | None = None
    spoken: bool = False
    hidden: bool = False
    phase: Phase | None = None
    images: tuple[str, ...] = ()


class MessageDelta(LogEvent, frozen=True, tag="message.delta"):
    """The next part of a message's text."""

    item_id: str
    text: str


class MessageDone(LogEvent, frozen=True, tag="message.done"):
    """The message is complete; `text` replaces the text of the deltas.

    `status`: `interrupted` if it was cut off (a later `message.truncated` has the part that was heard), `inaudible`
    for speech without words, `failed` if it could not be transcribed, `ignored` for the caller's backchannel, which is
    not part of the conversation.
    """

    item_id: str
    role: Role
    text: str
    status: Literal["completed", "interrupted", "inaudible", "failed", "ignored"] = "completed"


class MessageTruncated(LogEvent, frozen=True, tag="message.truncated"):
    """The caller heard only `heard_ms` of this message; `text` approximates that part."""

    item_id: str
    heard_ms: int
    text: str | None = None


class SpeechStarted(LogEvent, frozen=True, tag="speech.started"):
    """The caller starts to speak, at `audio_ms` of the audio received."""

    item_id: str
    audio_ms: int | None = None


class SpeechStopped(LogEvent, frozen=True, tag="speech.stopped"):
    """The caller stops speaking, at `audio_ms` of the audio received."""

    item_id: str
    audio_ms: int | None = None


class AudioStarted(LogEvent, frozen=True, tag="audio.started"):
    """The agent's audio for `item_id` begins; on the relay, the binary frames after this event belong to it.

    The caller hears it `delay_ms` later, by the page's report.
    """

    item_id: str
    delay_ms: int = 0


class AudioCleared(LogEvent, frozen=True, tag="audio.cleared"):
    """Audio that was not played yet is cancelled: the page drops it and reports `played`."""

    item_id: str | None = None


class AudioDucked(LogEvent, frozen=True, tag="audio.ducked"):
    """The caller speaks over the agent: the page holds the agent's audio until `audio.resumed` or `audio.interrupted`.

    `item_id` is that of the caller's speech.
    """

    item_id: str


class AudioResumed(LogEvent, frozen=True, tag="audio.resumed"):
    """The caller's speech does not interrupt: the page plays the held audio on. The speech does not become a turn.

    `reason` is the detector's: `backchannel` and `no_words` are those of the default one. `words` decided.
    """

    item_id: str
    reason: str
    words: str = ""


class AudioInterrupted(LogEvent, frozen=True, tag="audio.interrupted"):
    """The caller's speech interrupts the agent: it is a turn.

    `reason` is the detector's: `stop_word`, `question`, `content` and `long_speech` are those of the default one.
    `unheard`: no recogniser has heard the speech in time. `caller_acted`: the caller typed, pressed or left meanwhile.
    `words` decided.
    """

    item_id: str
    reason: str
    words: str = ""


class AudioDone(LogEvent, frozen=True, tag="audio.done"):
    """All audio of `item_id`, `ms` long, was sent."""

    item_id: str
    ms: int


class AudioStats(LogEvent, frozen=True, tag="audio.stats"):
    """Audio to and from the model since the last event of this kind, at most once a second."""

    sent_ms: int
    sent_frames: int
    received_ms: int
    received_frames: int


class ToolStarted(LogEvent, frozen=True, tag="tool.started"):
    """A tool runs; `arguments` are the decoded JSON, or the raw text if it is malformed.

    `parent` is the `call_id` of the tool for which a text model called this one.
    """

    call_id: str
    name: str
    arguments: Any
    agent: str
    parent: str | None = None


class ToolProgress(LogEvent, frozen=True, tag="tool.progress"):
    """Progress of a running tool; `fraction` is from 0 to 1, or None if it is unknown."""

    call_id: str
    message: str
    fraction: float | None = None


class ApprovalNeeded(LogEvent, frozen=True, tag="approval.needed"):
    """A tool waits for the caller's approval; the page answers with the command `approve`."""

    call_id: str
    name: str
    arguments: Any
    agent: str


class ApprovalResolved(LogEvent, frozen=True, tag="approval.resolved"):
    """The caller's decision; without an answer, `approved` is False and `reason` says why."""

    call_id: str
    approved: bool
    reason: str | None = None


class ToolDone(LogEvent, frozen=True, tag="tool.done"):
    """A tool has ended, with a `result` or an `error`."""

    call_id: str
    name: str
    duration_ms: int
    result: Any = None
    error: str | None = None


class McpServerChanged(LogEvent, frozen=True, tag="mcp.server"):
    """An MCP server of `agent` is up with `tools`, was lost and is opened again, or failed and is tried again.

    `problem` says why it is not up, or why tools of it are left out.
    """

    agent: str
    server: str
    status: Literal["up", "lost", "failed"]
    tools: tuple[str, ...] = ()
    problem: str | None = None


class Breadcrumb(LogEvent, frozen=True, tag="breadcrumb"):
    """A note of a tool or scenario for the transcript."""

    title: str
    data: Any = None
    call_id: str | None = None


class GuardrailChecked(LogEvent, frozen=True, tag="guardrail.checked"):
    """A guardrail checks the agent's message `item_id`: first `pending`, then the result.

    `fail` means that the guardrail tripped, `error` that it could not run; an error never counts as a pass. `text` is
    the checked text, if it did not pass.
    """

    item_id: str
    guardrail: str
    status: Literal["pending", "pass", "fail", "error"]
    category: str | None = None
    rationale: str | None = None
    text: str | None = None
    duration_ms: int | None = None


class CallSettings(LogEvent, frozen=True, tag="call.settings"):
    """All settings of the call that the caller has changed; they survive handoffs and new links."""

    push_to_talk: bool = False
    codec: Codec = "pcm16"
    voice: str | None = None
    speed: float | None = None


class TurnWaiting(LogEvent, frozen=True, tag="turn.waiting", rename={"reason": "for"}):
    """The call waits for something else from now on: a call waits for exactly one thing at a time.

    `tools` are the names of the tools that run or need approval; `agent` is the next agent in a handoff.
    `endpointing_ms` is set if a spoken turn of the caller has just ended: the time that endpointing took, after the
    caller's voice had ended.
    """

    reason: WaitReason
    tools: tuple[str, ...] = ()
    agent: str | None = None
    endpointing_ms: int | None = None


class TurnStalled(LogEvent, frozen=True, tag="turn.stalled", rename={"reason": "for"}):
    """The call waits, and nothing has come for `silent_ms`. The session of a silent model is replaced after 20 s."""

    reason: WaitReason
    silent_ms: int


class LatencyPart(msgspec.Struct, frozen=True):
    """A part of a turn's latency, in ms."""

    name: str
    ms: int


class TurnLatency(LogEvent, frozen=True, tag="turn.latency"):
    """Latency of the message `item_id`: from the end of the caller's turn to the first audio of the message.

    `parts` add up to `total_ms`. The last one, `playout`, is the delay of the caller's page. `after` is the kind of
    turn that the message answers. If the message is `commentary`, the latency of its `final_answer` follows, from the
    same end of the caller's turn.
    """

    item_id: str
    total_ms: int
    parts: list[LatencyPart]
    after: Literal["speech", "text", "greeting"]
    tool_ms: int = 0
    guardrail_ms: int = 0
    phase: Phase | None = None


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one or more responses; the cached tokens are part of the input."""

    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0


class UsageUpdated(LogEvent, frozen=True, tag="usage.updated"):
    """Usage of a response, and of the call so far.

    `cost` and `total_cost` are in US dollars, None without a price for the model. Transcription that is billed by time
    has `seconds` of audio instead of tokens; `total_seconds` is the sum of the call. `purpose` is the name of a request
    to a text model, such as `moderation`.
    """

    source: Literal["response", "transcription", "text"]
    model: str
    tokens: Tokens
    total: Tokens
    cost: float | None = None
    total_cost: float | None = None
    item_id: str | None = None
    purpose: str | None = None
    seconds: float = 0.0
    total_seconds: float = 0.0


class FillerStarted(LogEvent, frozen=True, tag="filler.started", rename={"reason": "for"}):
    """The caller hears a filler of `ms`, since they would hear nothing. The page gets its audio after this event.

    `for` is what the call waits for.
    """

    filler_id: str
    text: str
    ms: int
    reason: WaitReason


class FillerDone(LogEvent, frozen=True, tag="filler.done"):
    """A filler has played, `ms` of it; it was `interrupted` if the agent or the caller began to speak."""

    filler_id: str
    ms: int
    interrupted: bool = False


class StoreDegraded(LogEvent, frozen=True, tag="store.degraded"):
    """The store cannot write the events of this call. The call continues, and the events wait in memory.

    `reason` is that of the database. `lost_events` of the call did not fit into the memory for waiting events.
    """

    reason: str
    lost_events: int = 0


class StoreRestored(LogEvent, frozen=True, tag="store.restored"):
    """The store has written the waiting events of this call, after `degraded_ms`; `lost_events` are missing."""

    degraded_ms: int
    lost_events: int = 0


class LogGap(LogEvent, frozen=True, tag="log.gap", rename={"first": "from", "last": "to"}):
    """The events `first` to `last` were lost with the server that ran the call. Another server runs it from now on."""

    first: int
    last: int


class CallHandedOver(LogEvent, frozen=True, tag="call.handed_over"):
    """The server of the call stops, and runs it no longer: another one continues it.

    `answer_due` is true if the other server has to request an answer: one is due, or was cut off.
    """

    call_id: str
    reason: str
    answer_due: bool = False


class CallTakenOver(LogEvent, frozen=True, tag="call.taken_over"):
    """Another server runs the call from now on: `server` is its id.

    `cause` is `handed_over` if the former server has handed the call over, and `lost` if it has gone.
    Over WebRTC the model's session continues; otherwise the model gets a new one.
    """

    call_id: str
    agent: str
    reason: str
    server: str | None = None
    cause: Literal["lost", "handed_over"] = "lost"


class Notice(LogEvent, frozen=True, tag="notice"):
    """Information that is not an error, such as a missing setting or a limit that is near."""

    message: str
    code: str
    hint: str | None = None


class WireSent(LogEvent, frozen=True, tag="wire.sent"):
    """An event as sent to the provider, without audio."""

    event: dict[str, Any]


class WireReceived(LogEvent, frozen=True, tag="wire.received"):
    """An event as received from the provider, without audio."""

    event: dict[str, Any]


class CallError(LogEvent, frozen=True, tag="error"):
    """A fault; the call continues. `hint` says how to fix it."""

    message: str
    code: str | None = None
    source: Literal["command", "provider", "tool", "scenario", "leg", "call"] = "call"
    hint: str | None = None


class CallEnded(LogEvent, frozen=True, tag="call.ended"):
    """The last event of a call. `failed` is true if a fault ended it, such as a model that cannot be reached."""

    reason: str
    failed: bool = False


LogEventUnion = (
    CallStarted
    | LegJoined
    | LegLost
    | LegReofferRequested
    | LinkUp
    | LinkLost
    | LinkRestored
    | LinkRolledOver
    | ModelChanged
    | AgentChanged
    | MessageAdded
    | MessageDelta
    | MessageDone
    | MessageTruncated
    | SpeechStarted
    | SpeechStopped
    | AudioStarted
    | AudioCleared
    | AudioDucked
    | AudioResumed
    | AudioInterrupted
    | AudioDone
    | AudioStats
    | ToolStarted
    | ToolProgress
    | ApprovalNeeded
    | ApprovalResolved
    | ToolDone
    | McpServerChanged
    | Breadcrumb
    | GuardrailChecked
    | CallSettings
    | TurnWaiting
    | TurnStalled
    | TurnLatency
    | UsageUpdated
    | FillerStarted
    | FillerDone
    | LogGap
    | CallHandedOver
    | CallTakenOver
    | StoreDegraded
    | StoreRestored
    | Notice
    | WireSent
    | WireReceived
    | CallError
    | CallEnded
)


class UnknownEvent(LogEvent, frozen=True, tag="unknown"):
    """An event of a stored call whose kind, or whose fields, are those of another version of Trunkline.

    A running call never logs it. `original_kind` is its kind; `fields` has all fields but `kind`, `seq` and `at_ms`.
    """

    original_kind: str
    fields: dict[str, object]


PageEventUnion = LogEventUnion | LegRoleSet | AudioAcknowledged
"""The events that a page gets: those of the log, and those for this page alone."""

"""The call's log: one ordered, numbered, append-only sequence of events, and the vocabulary they are written in.

Everything that happens in a call is an event here; the console, saved calls, meters and tests are readings of it.
Each event is stored with its sequence number (from 1, without gaps) and `at_ms`, the milliseconds since the call
began on the monotonic clock. The wall-clock start is in `call.started`, so a reader can show times of day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import msgspec

from trunkline.calls.plain import plain_json

Role = Literal["user", "assistant", "system"]
Transport = Literal["webrtc", "websocket"]


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


class LegNeeded(LogEvent, frozen=True, tag="leg.needed"):
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


class AudioCounted(LogEvent, frozen=True, tag="audio.counted"):
    """Sound over the wire since the last count, at most once a second: milliseconds and frames each way."""

    sent_ms: int
    sent_frames: int
    received_ms: int
    received_frames: int


class ToolStarted(LogEvent, frozen=True, tag="tool.started"):
    """A tool runs; `arguments` are the decoded JSON, or the raw text where it does not decode."""

    call_id: str
    name: str
    arguments: Any
    agent: str


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
    | LegNeeded
    | LinkUp
    | LinkLost
    | LinkRestored
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
    | AudioCounted
    | ToolStarted
    | ToolDone
    | Breadcrumb
    | WireSent
    | WireReceived
    | CallError
    | CallEnded
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a log with its place and time, encoded once for every reader."""

    seq: int
    at_ms: int
    event: LogEventUnion
    frame: bytes


Reader = Callable[[Entry], None]
KEEP = 20_000
"""Events kept in memory for each call; sound is never among them."""


class Log:
    """An append-only sequence of events.

    Args:
        now_ms: the call's clock, in milliseconds since it began.
        keep: how many of the newest events are kept.
    """

    def __init__(self, now_ms: Callable[[], float], keep: int = KEEP) -> None:
        self._now_ms = now_ms
        self._tail: deque[Entry] = deque(maxlen=keep)
        self._readers: list[Reader] = []
        self.last_seq = 0

    def append(self, event: LogEventUnion) -> Entry:
        """Numbers, dates and keeps the event, and hands it to the readers."""
        self.last_seq += 1
        at_ms = round(self._now_ms())
        entry = Entry(self.last_seq, at_ms, event, frame_of(event, self.last_seq, at_ms))
        self._tail.append(entry)
        for reader in tuple(self._readers):
            reader(entry)
        return entry

    def since(self, after: int) -> list[Entry]:
        """The kept events with a sequence number beyond `after`, in order."""
        first = self._tail[0].seq if self._tail else 0
        return list(islice(self._tail, max(0, after + 1 - first), None))

    def subscribe(self, reader: Reader) -> Callable[[], None]:
        """Calls `reader` for each new event until the returned function is called. A reader must not raise or wait."""
        self._readers.append(reader)

        def unsubscribe() -> None:
            if reader in self._readers:
                self._readers.remove(reader)

        return unsubscribe


def frame_of(event: LogEventUnion | LogEvent, seq: int, at_ms: int) -> bytes:
    """The event as the JSON text that pages get: `{"seq", "at_ms", "kind", …}`."""
    try:
        encoded = _encoder.encode(event)
    except (TypeError, ValueError, RecursionError, OverflowError):  # something in it that JSON cannot hold
        encoded = plain_json({"kind": event.__struct_config__.tag, **msgspec.structs.asdict(event)})
    return b'{"seq":%d,"at_ms":%d,' % (seq, at_ms) + encoded[1:]


_encoder = msgspec.json.Encoder()

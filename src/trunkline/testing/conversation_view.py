"""View of a conversation, read from a call's log: messages, tool calls and handoffs, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trunkline.calls import log, log_events


@dataclass
class MessageView:
    """Message of an agent or of the caller.

    Attributes:
        seq: the place in the log at which the message begins.
        at_ms: the time of that place.
        text: the whole text.
        heard_ms: the played duration of an interrupted message; None if it was not interrupted.
        heard_text: the part of the text that the caller heard of an interrupted message.
        audio_start_ms: the time at which its audio began; None without audio.
    """

    item_id: str
    role: str
    seq: int
    at_ms: int
    agent: str | None = None
    hidden: bool = False
    spoken: bool = False
    text: str = ""
    done: bool = False
    status: str = ""
    heard_ms: int | None = None
    heard_text: str | None = None
    audio_start_ms: int | None = None

    @property
    def heard(self) -> str:
        """The part of the text that reached the caller."""
        if self.heard_ms is None:
            return self.text
        return self.heard_text or ""

    @property
    def interrupted(self) -> bool:
        """The fact that the message was cut off."""
        return self.heard_ms is not None or self.status == "interrupted"


@dataclass
class ToolCallView:
    """Call of a tool. `result` or `error` is set once it is `done`. A text model calls tools for the tool `parent`."""

    name: str
    arguments: Any
    agent: str
    seq: int
    at_ms: int
    done: bool = False
    result: Any = None
    error: str | None = None
    duration_ms: int | None = None
    parent: str | None = None

    def __str__(self) -> str:
        return f"{self.name}({shown_arguments(self.arguments)})"


@dataclass(frozen=True)
class HandoffView:
    """Handoff from the agent `previous` to `agent`."""

    agent: str
    previous: str
    seq: int
    at_ms: int
    reason: str | None = None


@dataclass(frozen=True)
class GuardrailView:
    """Result of a guardrail for a message: `status` is `pass`, `fail` or `error`."""

    name: str
    status: str
    item_id: str
    seq: int
    at_ms: int
    category: str | None = None
    rationale: str | None = None

    def __str__(self) -> str:
        why = ": ".join(filter(None, (self.category, self.rationale)))
        return f"{self.name}: {self.status}" + (f" ({why})" if why else "")


@dataclass(frozen=True)
class EventView:
    """Another event for the timeline: `kind` is the log's kind, `text` describes the event."""

    kind: str
    text: str
    seq: int
    at_ms: int


ViewItem = MessageView | ToolCallView | HandoffView | EventView


@dataclass
class ConversationView:
    """Conversation as the log records it so far. It reads every entry, in order; a stored log may lack the first ones.

    Attributes:
        items: the items of the timeline, in the order in which they began.
        messages: the messages by `item_id`.
        tools: the tool calls by `tool_call_id`.
        guardrails: the results of guardrails, in order.
        latencies: the latencies of the caller's turns, each with its place in the log.
        agent: the name of the agent that is speaking.
        responses: the places in the log at which the model's responses began.
        waiting: the one thing that the call waits for; None before the call's first entry.
        rehearsal_errors: the errors that the rehearsal raised, each with its place in the log.
        ended: the reason for the end of the call; None while it lasts.
    """

    items: list[ViewItem] = field(default_factory=list)
    messages: dict[str, MessageView] = field(default_factory=dict)
    tools: dict[str, ToolCallView] = field(default_factory=dict)
    handoffs: list[HandoffView] = field(default_factory=list)
    guardrails: list[GuardrailView] = field(default_factory=list)
    latencies: list[tuple[int, log_events.TurnLatency]] = field(default_factory=list)
    first_agent: str = ""
    agent: str = ""
    last_seq: int = 0
    last_ms: int = 0
    responses: list[int] = field(default_factory=list)
    waiting: log_events.TurnWaiting | None = None
    rehearsal_errors: list[tuple[int, str]] = field(default_factory=list)
    ended: str | None = None

    def read(self, entry: log.Entry) -> None:
        """Read one more entry of the log."""
        self.last_seq = entry.seq
        reader = _READERS.get(type(entry.event))
        if reader is not None:
            reader(self, entry, entry.event)
        elif type(entry.event) not in _SILENT:
            self._read_other(entry)

    def agent_messages(self, after: int, before: int | None = None) -> list[MessageView]:
        """Return the agents' messages that began after the place `after`, and before the place `before` if given."""
        found = []
        for item in reversed(self.items):
            if item.seq <= after:
                break
            is_earlier = before is None or item.seq < before
            if is_earlier and isinstance(item, MessageView) and item.role == "assistant":
                found.append(item)
        return found[::-1]

    def _add(self, item: ViewItem) -> None:
        self.items.append(item)

    def _started(self, entry: log.Entry, event: log_events.CallStarted) -> None:
        self.first_agent = self.agent = event.agent
        self._note(entry, f"{event.scenario} is called; {event.agent} answers")

    def _agent_changed(self, entry: log.Entry, event: log_events.AgentChanged) -> None:
        self.agent = event.agent
        if event.previous is not None:
            handoff = HandoffView(event.agent, event.previous, entry.seq, entry.at_ms, event.reason)
            self.handoffs.append(handoff)
            self._add(handoff)

    def _message_added(self, entry: log.Entry, event: log_events.MessageAdded) -> None:
        message = MessageView(
            event.item_id,
            event.role,
            entry.seq,
            entry.at_ms,
            agent=event.agent,
            hidden=event.hidden,
            spoken=event.spoken,
        )
        self.messages[event.item_id] = message
        if not event.hidden:
            self._add(message)

    def _message_delta(self, _entry: log.Entry, event: log_events.MessageDelta) -> None:
        if (message := self.messages.get(event.item_id)) is not None:
            message.text += event.text

    def _message_done(self, _entry: log.Entry, event: log_events.MessageDone) -> None:
        if (message := self.messages.get(event.item_id)) is not None:
            message.text, message.status, message.done = event.text, event.status, True

    def _message_truncated(self, _entry: log.Entry, event: log_events.MessageTruncated) -> None:
        if (message := self.messages.get(event.item_id)) is not None:
            message.heard_ms, message.heard_text = event.heard_ms, event.text

    def _audio_started(self, entry: log.Entry, event: log_events.AudioStarted) -> None:
        message = self.messages.get(event.item_id)
        if message is not None:
            message.audio_start_ms = entry.at_ms

    def _tool_started(self, entry: log.Entry, event: log_events.ToolStarted) -> None:
        use = ToolCallView(event.name, event.arguments, event.agent, entry.seq, entry.at_ms, parent=event.parent)
        self.tools[event.call_id] = use
        self._add(use)

    def _tool_done(self, _entry: log.Entry, event: log_events.ToolDone) -> None:
        if (use := self.tools.get(event.call_id)) is not None:
            use.done, use.result, use.error, use.duration_ms = True, event.result, event.error, event.duration_ms

    def _guardrail_checked(self, entry: log.Entry, event: log_events.GuardrailChecked) -> None:
        if event.status == "pending":
            return
        check = GuardrailView(
            event.guardrail, event.status, event.item_id, entry.seq, entry.at_ms, event.category, event.rationale
        )
        self.guardrails.append(check)
        if check.status != "pass":
            self._note(entry, f"guardrail {check}")

    def _waiting(self, _entry: log.Entry, event: log_events.TurnWaiting) -> None:
        self.waiting = event

    def _turn_latency(self, entry: log.Entry, event: log_events.TurnLatency) -> None:
        self.latencies.append((entry.seq, event))

    def _error(self, entry: log.Entry, event: log_events.CallError) -> None:
        if event.code == "rehearsal_failed":
            self.rehearsal_errors.append((entry.seq, event.message))
        self._read_other(entry)

    def _received(self, entry: log.Entry, event: log_events.WireReceived) -> None:
        if event.event["type"] == "response.created":
            self.responses.append(entry.seq)

    def _filler_started(self, entry: log.Entry, event: log_events.FillerStarted) -> None:
        self._note(entry, f"filler: {event.text}")

    def _ended(self, entry: log.Entry, event: log_events.CallEnded) -> None:
        self.ended = event.reason
        self._note(entry, f"the call is over: {event.reason}")

    def _read_other(self, entry: log.Entry) -> None:
        event = entry.event
        if isinstance(event, log_events.UnknownEvent):  # of another version
            self._note(entry, f"{log.kind_of(event)} {shown_arguments(event.fields)}")
        else:
            self._note(entry, _words_of(event, log.kind_of(event)))

    def _note(self, entry: log.Entry, text: str) -> None:
        self._add(EventView(log.kind_of(entry.event), text, entry.seq, entry.at_ms))


_SILENT: set[type] = {
    log_events.AudioStats,
    log_events.AudioDone,
    log_events.LinkUp,
    log_events.SpeechStopped,
    log_events.WireSent,
    log_events.AudioCleared,
    log_events.FillerDone,
    log_events.UsageUpdated,
}

_READERS: dict[type, Callable[[ConversationView, log.Entry, Any], None]] = {
    log_events.CallStarted: ConversationView._started,
    log_events.AgentChanged: ConversationView._agent_changed,
    log_events.MessageAdded: ConversationView._message_added,
    log_events.MessageDelta: ConversationView._message_delta,
    log_events.MessageDone: ConversationView._message_done,
    log_events.MessageTruncated: ConversationView._message_truncated,
    log_events.AudioStarted: ConversationView._audio_started,
    log_events.ToolStarted: ConversationView._tool_started,
    log_events.ToolDone: ConversationView._tool_done,
    log_events.GuardrailChecked: ConversationView._guardrail_checked,
    log_events.TurnWaiting: ConversationView._waiting,
    log_events.TurnLatency: ConversationView._turn_latency,
    log_events.WireReceived: ConversationView._received,
    log_events.CallError: ConversationView._error,
    log_events.FillerStarted: ConversationView._filler_started,
    log_events.CallEnded: ConversationView._ended,
}


def shown_arguments(arguments: object) -> str:
    """Return arguments in the notation of a call: `phone="555", urgent=True`."""
    if isinstance(arguments, dict):
        return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return repr(arguments)


def _words_of(event: log_events.LogEvent, kind: str) -> str:
    match event:
        case log_events.LegJoined():
            return "the caller joins"
        case log_events.LegLost():
            return f"the caller is gone: {event.reason}"
        case log_events.LinkLost():
            code = f" (code {event.code})" if event.code is not None else ""
            again = f"; trying again in {event.retry_in_ms} ms" if event.retry_in_ms is not None else ""
            return f"the link is lost: {event.reason}{code}{again}"
        case log_events.LinkRestored():
            return f"the link is back after {event.lost_for_ms} ms, {event.replayed} items replayed"
        case log_events.SpeechStarted():
            return "the caller begins to speak"
        case log_events.Breadcrumb():
            return f"note: {event.title}" + ("" if event.data is None else f" {event.data!r}")
        case log_events.CallError():
            return f"error: {event.message}"
        case log_events.Notice():
            return f"notice: {event.message}"
        case _:
            fields = {name: getattr(event, name) for name in event.__struct_fields__}
            return f"{kind} {shown_arguments(fields)}"

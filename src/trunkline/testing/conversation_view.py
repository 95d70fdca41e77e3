"""A conversation read from a call's log: messages, tools, handoffs, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trunkline.calls import log, log_events


@dataclass
class Message:
    """Something that was said. `text` is all of it; `heard` what the caller heard where it was cut off.

    `seq` and `at_ms` are where it begins in the log; `sounds_at_ms` is when its sound began, where it has any.
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
    sounds_at_ms: int | None = None

    @property
    def heard(self) -> str:
        """The part of the text that reached the caller."""
        if self.heard_ms is None:
            return self.text
        return self.heard_text or ""

    @property
    def interrupted(self) -> bool:
        """Whether it was cut off."""
        return self.heard_ms is not None or self.status == "interrupted"


@dataclass
class ToolUse:
    """A tool that was called. `result` or `error` is there once it is `done`."""

    name: str
    arguments: Any
    agent: str
    seq: int
    at_ms: int
    done: bool = False
    result: Any = None
    error: str | None = None
    duration_ms: int | None = None

    def __str__(self) -> str:
        return f"{self.name}({shown_arguments(self.arguments)})"


@dataclass(frozen=True)
class Handoff:
    """`agent` took over from `previous`."""

    agent: str
    previous: str
    seq: int
    at_ms: int
    reason: str | None = None


@dataclass(frozen=True)
class GuardrailLook:
    """How a guardrail found what an agent said: `status` is `pass`, `fail` or `error`."""

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
class Event:
    """Anything else worth a line: `kind` is the log's, `text` says it in words."""

    kind: str
    text: str
    seq: int
    at_ms: int


Happening = Message | ToolUse | Handoff | Event


@dataclass
class Reading:
    """What the log says so far. Feed it every entry, in order.

    Attributes:
        happenings: everything that a timeline shows, in the order in which it began.
        guardrails: what guardrails found, in order.
        delays: how long the caller waited for answers, each with its place in the log.
    """

    happenings: list[Happening] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    tools: dict[str, ToolUse] = field(default_factory=dict)
    handoffs: list[Handoff] = field(default_factory=list)
    guardrails: list[GuardrailLook] = field(default_factory=list)
    delays: list[tuple[int, log_events.TurnLatency]] = field(default_factory=list)
    first_agent: str = ""
    agent: str = ""
    last_seq: int = 0
    last_ms: int = 0
    responses: list[int] = field(default_factory=list)
    """Where in the log each of the model's responses began."""
    ended: str | None = None

    def read(self, entry: log.Entry) -> None:
        """Takes one more entry of the log."""
        self.last_seq, self.last_ms = entry.seq, entry.at_ms
        reader = _READERS.get(type(entry.event))
        if reader is not None:
            reader(self, entry, entry.event)
        elif type(entry.event) not in _SILENT:
            self._read_other(entry)

    def said_by_agents(self, after: int, before: int | None = None) -> list[Message]:
        """The agents' messages that began after one place in the log, and before another."""
        found = []
        for happening in reversed(self.happenings):
            if happening.seq <= after:
                break
            is_earlier = before is None or happening.seq < before
            if is_earlier and isinstance(happening, Message) and happening.role == "assistant":
                found.append(happening)
        return found[::-1]

    def _add(self, happening: Happening) -> None:
        self.happenings.append(happening)

    def _started(self, entry: log.Entry, event: log_events.CallStarted) -> None:
        self.first_agent = self.agent = event.agent
        self._note(entry, f"{event.scenario} is called; {event.agent} answers")

    def _agent_changed(self, entry: log.Entry, event: log_events.AgentChanged) -> None:
        self.agent = event.agent
        if event.previous is not None:
            handoff = Handoff(event.agent, event.previous, entry.seq, entry.at_ms, event.reason)
            self.handoffs.append(handoff)
            self._add(handoff)

    def _message_added(self, entry: log.Entry, event: log_events.MessageAdded) -> None:
        message = Message(
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
        self.messages[event.item_id].text += event.text

    def _message_done(self, _entry: log.Entry, event: log_events.MessageDone) -> None:
        message = self.messages[event.item_id]
        message.text, message.status, message.done = event.text, event.status, True

    def _message_truncated(self, _entry: log.Entry, event: log_events.MessageTruncated) -> None:
        message = self.messages[event.item_id]
        message.heard_ms, message.heard_text = event.heard_ms, event.text

    def _audio_started(self, entry: log.Entry, event: log_events.AudioStarted) -> None:
        message = self.messages.get(event.item_id)
        if message is not None:
            message.sounds_at_ms = entry.at_ms

    def _tool_started(self, entry: log.Entry, event: log_events.ToolStarted) -> None:
        use = ToolUse(event.name, event.arguments, event.agent, entry.seq, entry.at_ms)
        self.tools[event.call_id] = use
        self._add(use)

    def _tool_done(self, _entry: log.Entry, event: log_events.ToolDone) -> None:
        use = self.tools[event.call_id]
        use.done, use.result, use.error, use.duration_ms = True, event.result, event.error, event.duration_ms

    def _guardrail_checked(self, entry: log.Entry, event: log_events.GuardrailChecked) -> None:
        if event.status == "pending":
            return
        look = GuardrailLook(
            event.guardrail, event.status, event.item_id, entry.seq, entry.at_ms, event.category, event.rationale
        )
        self.guardrails.append(look)
        if look.status != "pass":
            self._note(entry, f"guardrail {look}")

    def _measured(self, entry: log.Entry, event: log_events.TurnLatency) -> None:
        self.delays.append((entry.seq, event))

    def _received(self, entry: log.Entry, event: log_events.WireReceived) -> None:
        if event.event["type"] == "response.created":
            self.responses.append(entry.seq)

    def _ended(self, entry: log.Entry, event: log_events.CallEnded) -> None:
        self.ended = event.reason
        self._note(entry, f"the call is over: {event.reason}")

    def _read_other(self, entry: log.Entry) -> None:
        kind = str(entry.event.__struct_config__.tag)
        self._note(entry, _words_of(entry.event, kind))

    def _note(self, entry: log.Entry, text: str) -> None:
        self._add(Event(str(entry.event.__struct_config__.tag), text, entry.seq, entry.at_ms))


_SILENT: set[type] = {
    log_events.AudioStats,
    log_events.AudioDone,
    log_events.LinkUp,
    log_events.SpeechStopped,
    log_events.WireSent,
    log_events.AudioCleared,
    log_events.UsageUpdated,
}

_READERS: dict[type, Callable[[Reading, log.Entry, Any], None]] = {
    log_events.CallStarted: Reading._started,
    log_events.AgentChanged: Reading._agent_changed,
    log_events.MessageAdded: Reading._message_added,
    log_events.MessageDelta: Reading._message_delta,
    log_events.MessageDone: Reading._message_done,
    log_events.MessageTruncated: Reading._message_truncated,
    log_events.AudioStarted: Reading._audio_started,
    log_events.ToolStarted: Reading._tool_started,
    log_events.ToolDone: Reading._tool_done,
    log_events.GuardrailChecked: Reading._guardrail_checked,
    log_events.TurnLatency: Reading._measured,
    log_events.WireReceived: Reading._received,
    log_events.CallEnded: Reading._ended,
}


def shown_arguments(arguments: object) -> str:
    """Arguments as a call shows them: `phone="555", urgent=True`."""
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
        case _:
            fields = {name: getattr(event, name) for name in event.__struct_fields__}
            return f"{kind} {shown_arguments(fields)}"

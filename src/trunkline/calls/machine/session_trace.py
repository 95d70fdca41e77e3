"""State of the model's session at the end of a log, for a server that attaches to the same session after a take-over.

Pure: a fold over the entries. The wire events of the log show the response in progress, the items that the session
has, and the audio that plays over WebRTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.calls.machine.playout_clock import PlayoutClock
from trunkline.calls.machine.response_scheduler import ResponseState
from trunkline.calls.machine.webrtc_playout import WebRtcPlayout
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event


@dataclass
class SessionTrace:
    """State of a session, as far as the log shows it.

    Attributes:
        began_ms: the start of the session on the call's clock.
        response: the state of the latest response.
        response_id: its id; None until the service has announced it.
        items: the type of each item that the session has, by item id; for messages their role.
        unconfirmed: the items that were sent and that the service has not confirmed, in order.
        open_calls: the model's tool calls without an output, by item id.
        playout: the playout over WebRTC.
        clock: the clock of the playout.
    """

    began_ms: float = 0.0
    response: ResponseState = ResponseState.IDLE
    response_id: str | None = None
    items: dict[str, str] = field(default_factory=dict)
    unconfirmed: dict[str, Event] = field(default_factory=dict)
    open_calls: dict[str, Event] = field(default_factory=dict)
    playout: WebRtcPlayout = field(default_factory=WebRtcPlayout)
    clock: PlayoutClock = field(default_factory=PlayoutClock)

    @property
    def handled_calls(self) -> set[str]:
        """The items of the model's tool calls that the former server has seen and answered."""
        return {item_id for item_id, type_ in self.items.items() if type_ == "function_call"} - set(self.open_calls)


def trace_session(entries: Iterable[Entry]) -> SessionTrace:
    """Return the state of the session at the end of a log."""
    tracer = _Tracer()
    for entry in entries:
        tracer.read(entry)
    return tracer.trace


class _Tracer:
    """The fold, with the time of the present entry."""

    def __init__(self) -> None:
        self.trace = SessionTrace()
        self._at_ms = 0.0
        self._received: dict[str, Callable[[Event], None]] = {
            "response.created": self._on_response_created,
            "response.output_item.added": self._on_output_item_added,
            "response.output_item.done": lambda event: self._on_item(event["item"], done=True),
            "response.output_audio_transcript.delta": self._on_words,
            "response.output_text.delta": self._on_words,
            "response.done": self._on_response_done,
            "conversation.item.added": self._on_item_added,
            "conversation.item.created": self._on_item_added,
            "conversation.item.deleted": lambda event: self._on_deleted(text_field(event, "item_id")),
            "conversation.item.truncated": self._on_truncated,
            "output_audio_buffer.started": self._on_started,
            "output_audio_buffer.stopped": self._on_stopped,
            "output_audio_buffer.cleared": lambda _event: self._cut(),
            "error": self._on_error,
        }

    def read(self, entry: Entry) -> None:
        """Read one entry. A malformed event of the service is ignored, as it was when it arrived."""
        self._at_ms = entry.at_ms
        match entry.event:
            case log_events.WireReceived(event):
                try:
                    if (handler := self._received.get(event["type"])) is not None:
                        handler(event)
                except (LookupError, TypeError, AttributeError, ValueError):
                    return
            case log_events.WireSent(event):
                self._on_sent(event)
            case log_events.LinkUp():
                self.trace.began_ms = entry.at_ms
            case log_events.LinkRestored(replayed=replayed) if replayed:
                self.trace = SessionTrace(began_ms=entry.at_ms)
            case log_events.AudioDucked():
                self.trace.clock.hold(entry.at_ms)
            case log_events.AudioResumed() | log_events.AudioInterrupted():
                self.trace.clock.release(entry.at_ms)
            case log_events.AudioCleared():
                self._cut()
            case log_events.AudioDone():
                self.trace.playout.on_stopped(self._now_ms)
            case _:
                pass

    @property
    def _now_ms(self) -> float:
        return self.trace.clock.at(self._at_ms)

    # Sent events ----------------------------------------------------------------------------------------------------
    def _on_sent(self, event: Event) -> None:
        trace = self.trace
        match event.get("type"):
            case "response.create" if trace.response is ResponseState.IDLE:
                trace.response, trace.response_id = ResponseState.REQUESTED, None
            case "response.cancel" if trace.response is ResponseState.REQUESTED:
                trace.response = ResponseState.CANCELLING_REQUEST
            case "response.cancel" if trace.response is not ResponseState.IDLE:
                trace.response = ResponseState.CANCELLING
            case "output_audio_buffer.clear":
                self._cut()
            case "conversation.item.create":
                item = event["item"]
                trace.unconfirmed[str(item.get("id"))] = event
                self._on_item(item)
            case _:
                pass

    # Received events ------------------------------------------------------------------------------------------------
    def _on_item(self, item: Event, *, done: bool = False) -> None:
        trace, item_id, type_ = self.trace, text_field(item, "id"), text_field(item, "type")
        trace.items[item_id] = text_field(item, "role") if type_ == "message" else type_
        if type_ == "function_call" and done and item.get("status") != "incomplete":
            trace.open_calls[item_id] = item
        elif type_ == "function_call_output":
            trace.open_calls = {
                open_id: call for open_id, call in trace.open_calls.items() if call["call_id"] != item.get("call_id")
            }

    def _on_item_added(self, event: Event) -> None:
        self._on_item(event["item"])
        self.trace.unconfirmed.pop(text_field(event["item"], "id"), None)

    def _on_deleted(self, item_id: str) -> None:
        self.trace.items.pop(item_id, None)

    def _on_response_created(self, event: Event) -> None:
        trace = self.trace
        cancelled = trace.response is ResponseState.CANCELLING_REQUEST
        trace.response = ResponseState.CANCELLING if cancelled else ResponseState.IN_PROGRESS
        trace.response_id = text_field(event["response"], "id")

    def _on_output_item_added(self, event: Event) -> None:
        item = event["item"]
        self._on_item(item)
        if item.get("type") == "message":
            self.trace.playout.on_message_added(text_field(event, "response_id"), text_field(item, "id"))

    def _on_words(self, _event: Event) -> None:
        if self.trace.response is ResponseState.IN_PROGRESS:
            self.trace.response = ResponseState.SPEAKING

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        response_id = text_field(response, "id")
        if self.trace.response_id in (response_id, None):
            self.trace.response, self.trace.response_id = ResponseState.IDLE, None
        self.trace.playout.on_response_done(response_id)
        if response.get("status") == "cancelled":
            self.trace.playout.on_response_cancelled(response_id)
        for item in response.get("output") or ():
            self._on_item(item, done=True)

    def _on_started(self, event: Event) -> None:
        self.trace.playout.on_started(text_field(event, "response_id"), self._now_ms)

    def _on_stopped(self, _event: Event) -> None:
        self.trace.playout.on_stopped(self._now_ms)

    def _on_truncated(self, event: Event) -> None:
        self.trace.playout.on_truncated(text_field(event, "item_id"))

    def _on_error(self, event: Event) -> None:
        refused = event["error"].get("event_id")
        unconfirmed = self.trace.unconfirmed
        self.trace.unconfirmed = {
            item_id: sent for item_id, sent in unconfirmed.items() if refused is None or sent.get("event_id") != refused
        }

    def _cut(self) -> None:
        self.trace.playout.cut(self._now_ms)
        self.trace.playout.take_truncations()

"""Outbox of the machine: the effects of a step, and events for the model that wait for a link or a confirmation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast

from trunkline.calls.log_events import CallError, LogEventUnion, WireSent
from trunkline.calls.machine.effects import AppendToLog, Effect, Send, SetTimer
from trunkline.calls.machine.redaction import for_log
from trunkline.calls.machine.session_state import SessionStatus
from trunkline.calls.machine.timers import Timer
from trunkline.realtime.client_events import ClientEvent, ItemCreate, SessionUpdate
from trunkline.realtime.events import Event, NewId

CONFIRMATION_WAIT_MS = 1_500.0
"""Time the service has to confirm an agent's session; then the call continues as if it had."""
RESEND_PREFIX = "again_"
"""Prefix of the `event_id` of an item that is sent again: the link drops the error if the service has it already."""
MAX_UNCONFIRMED = 500
"""Events that are kept, for a service that confirms none."""
_ROOTS = {"session.update": "session", "conversation.item.create": "item"}
"""The first name in an error's `param`, by the type of the event that the error is about."""
RefusableEvent = SessionUpdate | ItemCreate


class Outbox:
    """Collector of the effects of one step, shared by the parts of the machine.

    Args:
        session: state of the model session, which decides if an event is sent, buffered or dropped.

    Attributes:
        new_id: source of ids for items, events and turns.
        now_ms: time of the step, in ms of the call's clock.
        unconfirmed: session updates and items that the service has neither confirmed nor refused.
    """

    def __init__(self, new_id: NewId, session: SessionStatus) -> None:
        self.new_id = new_id
        self.now_ms = 0.0
        self.unconfirmed = UnconfirmedEvents(new_id)
        self._session = session
        self._buffered: list[ClientEvent] = []
        self._effects: list[Effect] = []

    def begin_step(self, now_ms: float) -> None:
        """Begin a step at `now_ms`."""
        self.now_ms = now_ms

    def emit(self, effect: Effect) -> None:
        """Add an effect to the step."""
        self._effects.append(effect)

    def log(self, event: LogEventUnion) -> None:
        """Append an event to the call's log."""
        self._effects.append(AppendToLog(event))

    def log_all(self, events: Iterable[LogEventUnion]) -> None:
        """Append several events to the call's log."""
        self._effects.extend(map(AppendToLog, events))

    def log_provider_error(self, message: object, code: object, hint: str | None = None) -> None:
        """Log an error that the provider's service reported. A rehearsal's error is the scenario's own."""
        source: Literal["scenario", "provider"] = "scenario" if code == "rehearsal_failed" else "provider"
        self.log(CallError(message=str(message), code=None if code is None else str(code), source=source, hint=hint))

    def set_timer(self, timer: Timer, at_ms: float | None) -> None:
        """Set a timer to `at_ms`, in place of its earlier time; None cancels it."""
        self._effects.append(SetTimer(timer, at_ms))

    def send(self, event: ClientEvent) -> None:
        """Send an event to the model, or buffer it while a resumable session has no link.

        Without a session the event is dropped: a new session gets the conversation by replay.
        """
        if self._session.link_up:
            event = self.unconfirmed.add(event)
            shown = cast("Event", event)
            self.log(WireSent(event=shown if _is_plain(event) else for_log(shown)))
            self.emit(Send(event))
        elif self._session.reaches_model and event["type"] != "session.update":  # a resumed link gets the current one
            self._buffered.append(event)

    def drop_buffered(self) -> None:
        """Drop the buffered and the unconfirmed events: their session is lost."""
        self._buffered.clear()
        self.unconfirmed.clear()

    def send_buffered(self) -> None:
        """Send the buffered events over the resumed link."""
        buffered, self._buffered = self._buffered, []
        for event in buffered:
            self.send(event)

    @property
    def link_up(self) -> bool:
        """True if an event sent now reaches the session at once."""
        return self._session.link_up

    @property
    def reaches_model(self) -> bool:
        """True if an event sent now reaches the current session, at once or after it is resumed."""
        return self._session.reaches_model

    def take(self) -> list[Effect]:
        """Return the effects of the step and start an empty list."""
        effects, self._effects = self._effects, []
        return effects


def _is_plain(event: ClientEvent) -> bool:
    """Return whether an event has no credentials and no images."""
    if event["type"] == "session.update":
        return False
    if event["type"] != "conversation.item.create" or event["item"]["type"] != "message":
        return True
    return all(part["type"] != "input_image" for part in event["item"]["content"])


class UnconfirmedEvents:
    """Session updates and created items, by `event_id` and in the order of sending.

    A service confirms an update by `session.updated`, and an item by `conversation.item.added`.
    """

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._events: dict[str, RefusableEvent] = {}

    def add(self, event: ClientEvent) -> ClientEvent:
        """Keep an event that is about to be sent, and return it with an `event_id`; other events stay as they are."""
        if event["type"] != "session.update" and event["type"] != "conversation.item.create":
            return event
        event_id = event["event_id"] if "event_id" in event else self._new_id("event")
        stamped = event.copy()
        stamped["event_id"] = event_id
        self._events[event_id] = stamped
        if len(self._events) > MAX_UNCONFIRMED:
            del self._events[next(iter(self._events))]
        return stamped

    def on_session_updated(self) -> str | None:
        """Forget the oldest session update, and return its `event_id`."""
        found = self._first(lambda event: event["type"] == "session.update")
        if found is not None:
            del self._events[found]
        return found

    def on_item_added(self, item_id: str) -> None:
        """Forget the item that the service has added."""
        for event_id, event in self._events.items():
            if event["type"] == "conversation.item.create" and event["item"]["id"] == item_id:
                del self._events[event_id]
                return

    def take_refused(self, error: Mapping[str, object]) -> RefusableEvent | None:
        """Remove and return the event that an error refuses, None if it refuses no event of these.

        An error that names no event refuses the oldest one to which its `param` belongs.
        """
        event_id, param = error.get("event_id"), error.get("param")
        if isinstance(event_id, str):
            return self._events.pop(event_id, None)
        root = param.partition(".")[0] if isinstance(param, str) else None
        found = self._first(lambda event: _ROOTS[event["type"]] == root)
        return None if found is None else self._events.pop(found)

    def clear(self) -> None:
        """Forget all events: their session is lost."""
        self._events.clear()

    def _first(self, is_meant: Callable[[RefusableEvent], bool]) -> str | None:
        return next((event_id for event_id, event in self._events.items() if is_meant(event)), None)

"""What a step of the call's machine brings about: effects in order, and what becomes of events without a link."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.calls.log_events import CallError, LogEventUnion, WireSent
from trunkline.calls.machine.effects import AppendToLog, Effect, Send, SetTimer
from trunkline.realtime.events import Event


class Outbox:
    """Collects the effects of one step. The parts of the machine share it.

    Attributes:
        now: the time of the step, in ms of the call's clock.
        link_up: whether events reach the model now.
    """

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.link_up = False
        self._buffered: list[Event] | None = None
        self._effects: list[Effect] = []

    def emit(self, effect: Effect) -> None:
        """Something for the shell to do."""
        self._effects.append(effect)

    def log(self, event: LogEventUnion) -> None:
        """Appends to the call's log."""
        self.emit(AppendToLog(event))

    def log_all(self, events: Iterable[LogEventUnion]) -> None:
        """Appends several events to the call's log."""
        for event in events:
            self.log(event)

    def log_provider_error(self, message: object, code: object, hint: str | None = None) -> None:
        """Something that the service says is wrong."""
        told = None if code is None else str(code)
        self.log(CallError(message=str(message), code=told, source="provider", hint=hint))

    def set_timer(self, key: str, at_ms: float | None) -> None:
        """Asks for `TimerFired(key)` at `at_ms`, in place of an earlier wish of that key; None takes it back."""
        self.emit(SetTimer(key, at_ms))

    def send(self, event: Event) -> None:
        """Sends an event to the model. Without a link it is kept for the session, if that goes on; else what matters of
        it is replayed when there is a new one."""
        if self.link_up:
            self.log(WireSent(event=event))
            self.emit(Send(event))
        elif self._buffered is not None and event["type"] != "session.update":  # the latest is sent first of all
            self._buffered.append(event)

    def start_buffering(self) -> None:
        """The link is gone, but the session goes on and will be reached again: events wait for it."""
        self._buffered = self._buffered or []

    def drop_buffered(self) -> None:
        """The session is gone: nothing waits for it any more."""
        self._buffered = None

    def send_buffered(self) -> None:
        """Sends what has waited for the session."""
        kept, self._buffered = self._buffered or [], None
        for event in kept:
            self.send(event)

    @property
    def reaches_model(self) -> bool:
        """Whether what is sent now will reach the session that is there, be it a little later."""
        return self.link_up or self._buffered is not None

    def take(self) -> list[Effect]:
        """The effects so far; afterwards there are none."""
        effects, self._effects = self._effects, []
        return effects

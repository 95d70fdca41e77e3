"""Ordered outputs of a session machine's step."""

from __future__ import annotations

from trunkline.engine.session.effects import Effect, Output, Send
from trunkline.realtime.events import NewId
from trunkline.realtime.validation import error_event


class Outbox:
    """Collector of the events and effects of one step.

    Attributes:
        new_id: source of ids for events and items.
    """

    def __init__(self, new_id: NewId) -> None:
        self.new_id = new_id
        self._outputs: list[Output] = []

    def send(self, type_: str, **fields: object) -> None:
        """Add an event for the clients, with a new `event_id`."""
        self._outputs.append(Send({"type": type_, "event_id": self.new_id("event"), **fields}))

    def send_error(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        caused_by: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        """Add an `error` event for the clients; `caused_by` is the `event_id` of the client's event."""
        event = error_event(self.new_id("event"), message, code=code, param=param, caused_by=caused_by, kind=kind)
        self._outputs.append(Send(event))

    def do(self, effect: Effect) -> None:
        """Add an effect."""
        self._outputs.append(effect)

    def drain(self) -> list[Output]:
        """Remove and return all outputs."""
        outputs, self._outputs = self._outputs, []
        return outputs

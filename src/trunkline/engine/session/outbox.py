"""Ordered outputs of a session machine's step."""

from __future__ import annotations

from typing import Any

from trunkline.engine.session.effects import Effect, Output, Send
from trunkline.realtime.events import Event
from trunkline.realtime.ids import new_id


class Outbox:
    """Collector of the events and effects of one step."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []

    def send(self, type_: str, **fields: Any) -> None:
        """Add an event for the clients, with a new `event_id`."""
        self._outputs.append(Send({"type": type_, "event_id": new_id("event"), **fields}))

    def forward(self, event: Event) -> None:
        """Add a complete event."""
        self._outputs.append(Send(event))

    def do(self, effect: Effect) -> None:
        """Add an effect."""
        self._outputs.append(effect)

    def drain(self) -> list[Output]:
        """Remove and return all outputs."""
        outputs, self._outputs = self._outputs, []
        return outputs

"""Where the parts of a session's machine put what is to leave it, in order."""

from __future__ import annotations

from typing import Any

from trunkline.engine.session.effects import Effect, Output, Send
from trunkline.realtime.events import Event, new_id


class Outbox:
    """Events and effects of one step."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []

    def send(self, type_: str, **fields: Any) -> None:
        """An event for the clients, with a fresh `event_id`."""
        self._outputs.append(Send({"type": type_, "event_id": new_id("event"), **fields}))

    def forward(self, event: Event) -> None:
        """An event that is complete already."""
        self._outputs.append(Send(event))

    def do(self, effect: Effect) -> None:
        """Work for the shell."""
        self._outputs.append(effect)

    def drain(self) -> list[Output]:
        """All that gathered since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs

"""Driver of a machine that takes over a call over WebRTC: the session and the caller's audio go on without a server."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from tests.calls.webrtc_driver import WebRtcDriver
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.restoration import restore
from trunkline.calls.machine.session_trace import trace_session
from trunkline.realtime.events import Event


class TakenOverDriver(WebRtcDriver):
    """A `WebRtcDriver` of the server that takes a call over.

    Args:
        former: the driver of the server that has died.
        lost: the number of its last events that were not committed.
        away_ms: the time until the take-over.
    """

    def __init__(self, former: WebRtcDriver, *, lost: int = 0, away_ms: float = 800.0, **changes: Any) -> None:
        self._entries = former.log[: len(former.log) - lost]
        self._since_ms = former.now_ms + away_ms
        super().__init__(**changes)
        self._numbers = itertools.count(1000)
        self._responding = former._responding

    def _first_effects(self) -> Sequence[effects.Effect]:
        self.now_ms = self._since_ms
        restored = restore((entry.event for entry in self._entries), "host", lambda prefix: f"{prefix}_restored")
        return self.machine.resume(restored, self.now_ms, trace_session(self._entries))

    def attaches(self) -> None:
        """Attach the sideband to the session."""
        self.feed(inputs.LinkOpened(attempts=1, lost_for_ms=20, resumed=True))

    def comes_back(self) -> None:
        """Let the page connect its socket again; it has kept its peer connection."""
        self.webrtc_connects()

    def refused(self) -> None:
        """Let the service refuse the sideband: the WebRTC call is over."""
        self.webrtc_call_ends()

    def shows(self, last: str | None, *items: Mapping[str, Any]) -> None:
        """Let the service answer the search for missed items.

        Args:
            last: the id of the session's last item.
            items: the items that may be asked for; others do not exist.
        """
        known = {str(item["id"]): item for item in items}
        answered = 0
        while answered < len(asked := self._searches()):
            self._answer(asked[answered], known, last)
            answered += 1

    def _searches(self) -> list[Event]:
        return [
            event
            for event in self.sent
            if event["type"] == "conversation.item.retrieve"
            or (event["type"] == "conversation.item.create" and event["item"].get("role") == "system")
        ]

    def _answer(self, asked: Event, known: Mapping[str, Mapping[str, Any]], last: str | None) -> None:
        if asked["type"] == "conversation.item.create":
            self.wire("conversation.item.added", item=asked["item"], previous_item_id=last)
        elif asked["item_id"] in known:
            self.wire("conversation.item.retrieved", item=known[asked["item_id"]])
        else:
            self.wire("error", error={"code": "item_retrieve_invalid_item_id", "event_id": asked["event_id"]})


def answer(item_id: str, text: str, status: str = "completed") -> dict[str, Any]:
    """Return a spoken message of an agent, as the service shows it."""
    content = [{"type": "output_audio", "transcript": text, "audio": "UklG"}]
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}


def turn(item_id: str, text: str | None) -> dict[str, Any]:
    """Return a spoken turn of the caller, as the service shows it."""
    content = [{"type": "input_audio", "transcript": text}]
    return {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}


def tool_call(item_id: str, name: str, call_id: str = "fc_missed") -> dict[str, Any]:
    """Return a complete tool call of the model, as the service shows it."""
    return {
        "id": item_id, "type": "function_call", "status": "completed",
        "call_id": call_id, "name": name, "arguments": "{}",
    }  # fmt: skip

"""Test rig for the session machine with a pacer: the test sends each frame by hand."""

from __future__ import annotations

from typing import Any

from tests.engine.engine_rig import Rig
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.effects import Effect
from trunkline.engine.transports.pacing import Pacer


class PacedRig(Rig):
    """Rig with playout in real time.

    Attributes:
        sent: the audio of each sent frame, None for silence.
    """

    def __init__(self, **session: Any) -> None:
        self.pacer = Pacer()
        self.sent: list[bytes | None] = []
        super().__init__(paced=True, **session)

    def _carry_out(self, effect: Effect) -> bool:
        if isinstance(effect, effects.Play):
            self.pacer.play(effect.response_id, effect.item_id, effect.pcm)
        elif isinstance(effect, effects.ClearPlayout):
            self._inbox.append(inputs.PlayoutCleared(self.pacer.clear()))
        else:
            return super()._carry_out(effect)
        return True

    def tick(self, frames: int = 1) -> list[dict[str, Any]]:
        """Send some frames of 20 ms, and return the events that follow."""
        before = len(self.events)
        for _ in range(frames):
            frame, playout_events = self.pacer.next_frame()
            self.sent.append(frame)
            for one in playout_events:
                self.post(one)
        return self.events[before:]

    def speak(self, pcm: bytes) -> list[dict[str, Any]]:
        """Add the caller's audio 20 ms at a time, as a peer does."""
        before = len(self.events)
        for start in range(0, len(pcm), 960):
            self.post(inputs.AudioReceived(pcm[start : start + 960]))
        return self.events[before:]

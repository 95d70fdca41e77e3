"""What the caller chooses while they talk: push-to-talk, and the agent's voice."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.realtime.events import Event, new_id

WEBRTC_LAG_MS = 200.0
"""How much longer sound takes over WebRTC than the page's command: so long after a release the turn is committed."""
RESENT_AUDIO_WAIT_MS = 300.0
"""How long sound that was held back is given to reach a new session before it is committed."""
COMMIT_TIMER = "release"


class PushToTalk:
    """Push-to-talk: press clears and listens, release commits; the answer is asked for when the service has committed.

    Attributes:
        settings: what was chosen, all of it.
        pressed: whether the caller holds the button.
    """

    def __init__(self, plan: CallPlan, outbox: Outbox, scheduler: ResponseScheduler, playout: Playout) -> None:
        self._plan = plan
        self._outbox = outbox
        self._scheduler = scheduler
        self._playout = playout
        self.settings = log_events.CallSettings(push_to_talk=plan.turn_detection is None, codec=plan.codec)
        self.pressed = False
        self._uncommitted = False
        """Whether something was said whose commit has not gone out yet."""
        self._commit_id: str | None = None

    @property
    def turn_detection(self) -> dict[str, Any] | None:
        """The session's: the scenario's, but none while the caller pushes to talk."""
        if self.settings.push_to_talk or self._plan.turn_detection is None:
            return None
        return {"create_response": True, "interrupt_response": True, **self._plan.turn_detection}

    @property
    def service_answers(self) -> bool:
        """Whether the service starts a response by itself after the caller's turn."""
        detection = self.turn_detection
        return bool(detection and detection["create_response"])

    @property
    def service_interrupts(self) -> bool:
        """Whether the caller's voice cuts the agent off."""
        detection = self.turn_detection
        return detection is None or bool(detection["interrupt_response"])

    def log_settings(self) -> None:
        """The call begins: what differs from the usual is told."""
        if self.settings != log_events.CallSettings():
            self._outbox.log(self.settings)

    # Push-to-talk ---------------------------------------------------------------------------------------------------
    def switch(self, on: bool) -> bool:
        """Turns it on or off; False if it was so already. Without turn detection in the scenario it stays on."""
        on = on or self._plan.turn_detection is None
        if on == self.settings.push_to_talk:
            return False
        self._reset()
        self._change_settings(push_to_talk=on)
        self._outbox.send({"type": "input_audio_buffer.clear"})
        self._update_session({"audio": {"input": {"turn_detection": self.turn_detection}}})
        return True

    def press(self) -> bool:
        """The caller begins to speak. True if they go on with the last turn, which has not been committed yet."""
        goes_on = self._uncommitted
        self.pressed = True
        self._uncommitted = False
        self._outbox.set_timer(COMMIT_TIMER, None)
        self._scheduler.caller_speaking = True
        if not goes_on:
            self._outbox.send({"type": "input_audio_buffer.clear"})
        return goes_on

    def release(self) -> None:
        """The caller has spoken."""
        if not self.pressed:
            return
        self.pressed = False
        self._uncommitted = True
        if self._playout.over_webrtc:
            self._outbox.set_timer(COMMIT_TIMER, self._outbox.now_ms + WEBRTC_LAG_MS)
        else:
            self.commit()

    def commit(self) -> None:
        """Ends the caller's turn."""
        if not self._uncommitted or not self._outbox.reaches_model:
            return  # with a new link it is tried again
        self._uncommitted = False
        self._scheduler.caller_speaking = False
        self._commit_id = new_id("event")
        self._outbox.send({"type": "input_audio_buffer.commit", "event_id": self._commit_id})

    def is_own_commit(self, event_id: str | None) -> bool:
        """An error names our commit: nothing was said. True if so."""
        return event_id is not None and event_id == self._commit_id

    def on_session_opened(self, *, owes_commit: bool) -> None:
        """There is a session again; what was said meanwhile is on its way to it.

        Args:
            owes_commit: a turn that was committed is heard again.
        """
        self._uncommitted = self._uncommitted or (owes_commit and self.settings.push_to_talk and not self.pressed)
        if self._uncommitted:
            self._outbox.set_timer(COMMIT_TIMER, self._outbox.now_ms + RESENT_AUDIO_WAIT_MS)
        if self.pressed or self._uncommitted:
            self._scheduler.caller_speaking = True

    def on_caller_left(self) -> None:
        """Nobody holds the button any more."""
        self._reset()

    def _reset(self) -> None:
        self.pressed = self._uncommitted = False
        self._outbox.set_timer(COMMIT_TIMER, None)
        self._scheduler.caller_speaking = False

    def set_codec(self, codec: log_events.Codec) -> bool:
        """Another codec, for the next session. False if it is the same as before."""
        if codec == self.settings.codec:
            return False
        self._change_settings(codec=codec)
        return True

    # Voice ----------------------------------------------------------------------------------------------------------
    def set_voice(self, voice: str | None, speed: float | None) -> None:
        """Changes the agent's voice, its speed, or both. A service that will not says so by an error."""
        changes = {name: value for name, value in (("voice", voice), ("speed", speed)) if value is not None}
        self._change_settings(**changes)
        self._update_session({"audio": {"output": changes}})

    def _change_settings(self, **changes: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self._outbox.log(self.settings)

    def _update_session(self, session: Event) -> None:
        self._outbox.send({"type": "session.update", "session": {"type": "realtime", **session}})

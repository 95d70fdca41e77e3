"""Push-to-talk, and the other settings that the caller changes during a call: voice, speed and codec."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import CallerSpeech, ResponseScheduler
from trunkline.calls.machine.timers import Timer
from trunkline.realtime.events import Event
from trunkline.scenario.interruption import InterruptionMode

WEBRTC_LAG_MS = 200.0
"""Additional delay of audio over WebRTC, compared with the page's commands: the commit waits for it after a release."""
DEFAULT_SILENCE_MS = 500.0
"""The silence that ends a turn under server VAD, for a session that sets none."""
RESENT_AUDIO_WAIT_MS = 300.0
"""Time that resent audio has to reach a new session before it is committed."""


class PushToTalk:
    """Push-to-talk and settings of one call.

    A press clears the session's input, a release commits it; a response is requested once the service has committed.

    Args:
        interruption_mode: returns the way to interrupt the agent by voice over the caller's transport.

    Attributes:
        settings: the current settings.
        pressed: true if the caller holds the button.
    """

    def __init__(
        self,
        plan: CallPlan,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        playout: Playout,
        interruption_mode: Callable[[], InterruptionMode],
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._scheduler = scheduler
        self._playout = playout
        self._interruption_mode = interruption_mode
        self._configured_mode = interruption_mode()
        """The way to interrupt in the session's configuration."""
        self.settings = log_events.CallSettings(push_to_talk=plan.turn_detection is None, codec=plan.codec)
        self.pressed = False
        self._uncommitted = False
        """True if the caller has released a turn and its commit was not sent yet."""
        self._commit_id: str | None = None
        self._silence_ms = DEFAULT_SILENCE_MS
        self._former: dict[str, dict[str, object]] = {}
        """The former values of changed settings, by the unconfirmed session update that changes them."""

    @property
    def turn_detection(self) -> dict[str, object] | None:
        """The session's turn detection: the scenario's, or None during push-to-talk."""
        if self.settings.push_to_talk or self._plan.turn_detection is None:
            return None
        own = {"create_response": True, **self._plan.turn_detection}
        mode = self._interruption_mode()
        match mode:
            case "words":  # the call decides if the caller's speech is a turn, and requests its answer
                return {**own, "create_response": False, "interrupt_response": False}
            case "speech":
                return {**own, "interrupt_response": True}
            case "off":
                return {**own, "interrupt_response": False}
            case _:
                assert_never(mode)

    @property
    def service_answers(self) -> bool:
        """True if the service starts a response by itself after the caller's turn."""
        detection = self.turn_detection
        return bool(detection and detection["create_response"])

    @property
    def service_interrupts(self) -> bool:
        """True if the caller's speech interrupts the agent."""
        detection = self.turn_detection
        return detection is None or bool(detection["interrupt_response"])

    @property
    def endpointing_ms(self) -> float:
        """Time from the end of the caller's voice to the end of the turn; 0 if nobody knows it."""
        if self.settings.push_to_talk:
            return WEBRTC_LAG_MS if self._playout.over_webrtc else 0.0
        return self._silence_ms

    def on_session(self, event: Event) -> None:
        """Handle `session.created` and `session.updated`: the silence that ends a turn."""
        session = event.get("session") or {}
        audio_input = (session.get("audio") or {}).get("input") or {}
        if "turn_detection" not in audio_input:
            return
        detection = audio_input["turn_detection"] or {}
        silence_ms = detection.get("silence_duration_ms", DEFAULT_SILENCE_MS)
        known = detection.get("type") == "server_vad"  # `semantic_vad` chooses the silence by the words
        self._silence_ms = float(silence_ms) if known and isinstance(silence_ms, int | float) else 0.0

    def on_session_configured(self) -> None:
        """Note that a session is about to be configured with the present turn detection."""
        self._configured_mode = self._interruption_mode()

    def on_caller_joined(self) -> None:
        """Update the session if another transport has changed the way to interrupt."""
        if self._configured_mode == self._interruption_mode():
            return
        self.on_session_configured()
        if self.turn_detection is not None:
            self._update_session({"audio": {"input": {"turn_detection": self.turn_detection}}}, {})

    def restore(self, settings: log_events.CallSettings) -> None:
        """Continue with the settings of a call that another server ran."""
        self.settings = settings

    def log_settings(self) -> None:
        """Log the settings at the start of the call, unless they are the defaults."""
        if self.settings != log_events.CallSettings():
            self._outbox.log(self.settings)

    # Push-to-talk ---------------------------------------------------------------------------------------------------
    def switch(self, on: bool) -> bool:
        """Switch push-to-talk on or off; in a scenario without turn detection it stays on.

        Returns:
            True if the setting has changed.
        """
        if not on and self._plan.turn_detection is None:
            self._outbox.log(self.settings)  # the page may already show it as off
            return False
        if on == self.settings.push_to_talk:
            return False
        self._reset()
        former: dict[str, object] = {"push_to_talk": self.settings.push_to_talk}
        self._change_settings(push_to_talk=on)
        self._outbox.send({"type": "input_audio_buffer.clear"})
        self._update_session({"audio": {"input": {"turn_detection": self.turn_detection}}}, former)
        return True

    def press(self) -> bool:
        """Begin a turn.

        Returns:
            True if it continues the last one, which was not committed yet.
        """
        continues = self._uncommitted
        self.pressed = True
        self._uncommitted = False
        self._outbox.set_timer(Timer.COMMIT, None)
        self._scheduler.on_caller_speech(CallerSpeech.SPEAKING)
        if not continues:
            self._outbox.send({"type": "input_audio_buffer.clear"})
        return continues

    def release(self) -> bool:
        """End the turn: commit it, over WebRTC after the lag of the audio.

        Returns:
            True if the turn is committed.
        """
        if not self.pressed:
            return False
        self.pressed = False
        self._uncommitted = True
        if self._playout.over_webrtc:
            self._outbox.set_timer(Timer.COMMIT, self._outbox.now_ms + WEBRTC_LAG_MS)
            return False
        return self.commit()

    def commit(self) -> bool:
        """Commit the released turn; without a session, `on_session_opened` does it later.

        Returns:
            True if the turn is committed.
        """
        if not self._uncommitted or not self._outbox.reaches_model:
            return False
        self._uncommitted = False
        self._commit_id = self._outbox.new_id("event")
        self._outbox.send({"type": "input_audio_buffer.commit", "event_id": self._commit_id})
        return True

    def is_own_commit(self, event_id: str | None) -> bool:
        """Return whether an error refers to the last commit: the turn was empty, which needs no action."""
        return event_id is not None and event_id == self._commit_id

    def on_session_opened(self, *, needs_commit: bool) -> None:
        """Restore the turn in a new session.

        Args:
            needs_commit: true if a turn that was committed before is resent, and must be committed again.
        """
        self._former.clear()
        released = self._uncommitted
        self._uncommitted = released or (needs_commit and self.settings.push_to_talk and not self.pressed)
        if self._uncommitted:
            self._outbox.set_timer(Timer.COMMIT, self._outbox.now_ms + RESENT_AUDIO_WAIT_MS)
        if self.pressed or released:
            self._scheduler.on_caller_speech(CallerSpeech.SPEAKING)
        elif self._uncommitted:
            self._scheduler.on_caller_speech(CallerSpeech.RESENT)

    def on_caller_left(self) -> None:
        """Drop the turn in progress."""
        self._reset()

    def _reset(self) -> None:
        self.pressed = self._uncommitted = False
        self._outbox.set_timer(Timer.COMMIT, None)
        self._scheduler.on_caller_speech(CallerSpeech.SILENT)

    # Settings -------------------------------------------------------------------------------------------------------
    def set_codec(self, codec: log_events.Codec) -> bool:
        """Set the codec for the next session; return whether it has changed."""
        if codec == self.settings.codec:
            return False
        self._change_settings(codec=codec)
        return True

    def set_voice(self, voice: str | None, speed: float | None) -> None:
        """Set the agent's voice, its speed, or both. Values that the service refuses are taken back."""
        changes = {name: value for name, value in (("voice", voice), ("speed", speed)) if value is not None}
        former = {name: getattr(self.settings, name) for name in changes}
        self._change_settings(**changes)
        self._update_session({"audio": {"output": changes}}, former)

    def _change_settings(self, **changes: object) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self._outbox.log(self.settings)

    def _update_session(self, session: Event, former: dict[str, object]) -> None:
        event_id = self._outbox.new_id("event")
        if self._outbox.link_up:  # the next link gets the settings with its session
            self._former[event_id] = former
        self._outbox.send({"type": "session.update", "event_id": event_id, "session": {"type": "realtime", **session}})

    def on_session_updated(self, event_id: str) -> None:
        """Keep the settings that the service has confirmed."""
        self._former.pop(event_id, None)

    def on_session_resent(self, event_id: str, again: str) -> None:
        """Wait for the confirmation of an update that was sent again without a refused part."""
        if former := self._former.pop(event_id, None):
            self._former[again] = former

    def on_refused(self, event_id: str, path: str | None = None) -> None:
        """Return to the former values of the settings that the service refuses.

        Args:
            event_id: the session update.
            path: the refused part of it; None if all of it is refused.
        """
        former = self._former.get(event_id, {})
        name = (path or "").rpartition(".")[2]
        back = {name: former.pop(name)} if name in former else former
        if path is None or name not in ("voice", "speed"):
            self._former.pop(event_id, None)
        if back:
            self._change_settings(**back)

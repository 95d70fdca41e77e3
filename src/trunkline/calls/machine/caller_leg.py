"""The caller's leg: joined, left, and awaited."""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.caller_activity import CallerActivity
from trunkline.calls.machine.inputs import CallerJoined, CallerLeft
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.response_scheduler import BlockReason
from trunkline.calls.machine.timers import Timer


class CallerLeg:
    """The leg of one call. Without it, nothing is requested, and after a time the call ends."""

    def __init__(self, parts: Parts, activity: CallerActivity) -> None:
        self._parts = parts
        self._activity = activity
        self._joined: tuple[str, str] | None = None
        """The id and the transport of the leg that has joined."""

    def expect(self) -> None:
        """Wait for the caller."""
        self._parts.scheduler.block(BlockReason.CALLER_AWAY)
        self._set_timer()

    def _set_timer(self) -> None:
        outbox = self._parts.outbox
        outbox.set_timer(Timer.CALLER, outbox.now_ms + self._parts.plan.caller_wait_ms)

    def on_joined(self, joined: CallerJoined) -> None:
        """Handle a leg through which audio flows from now on."""
        parts = self._parts
        self._activity.on_joined()
        parts.scheduler.unblock(BlockReason.CALLER_AWAY)
        parts.outbox.set_timer(Timer.CALLER, None)
        if (leg := (joined.leg_id, joined.transport)) != self._joined:  # a page may send media_ready twice
            self._joined = leg
            parts.outbox.log(
                log_events.LegJoined(leg_id=joined.leg_id, transport=joined.transport, reason=joined.reason)
            )
        if joined.transport == "webrtc":
            parts.caller_turns.abort_speech()
            parts.caller_turns.discard()  # from now on audio does not pass through the call
        parts.playout.on_caller_joined(joined.transport)
        parts.interruption.on_caller_joined(joined.transport)
        parts.push_to_talk.on_caller_joined()
        parts.caller_audio.on_caller_joined()
        self._activity.greet()

    def on_left(self, left: CallerLeft) -> None:
        """Handle the loss of the leg: stop the agent, and wait for the caller to come back."""
        parts = self._parts
        self._activity.on_left()
        self._joined = None
        parts.scheduler.block(BlockReason.CALLER_AWAY)
        continues = left.keeps_audio and not parts.push_to_talk.settings.push_to_talk
        if continues:
            parts.caller_audio.on_caller_left()
        else:
            parts.push_to_talk.on_caller_left()
            parts.caller_turns.abort_speech()
            parts.caller_turns.discard()
            parts.scheduler.on_caller_turn_dropped()
        waiting_ms = round(parts.plan.caller_wait_ms)
        parts.outbox.log(log_events.LegLost(leg_id=left.leg_id, reason=left.reason, waiting_ms=waiting_ms))
        self._set_timer()
        if parts.playout.on_caller_left():
            parts.interruption.close()
            return  # only the page's socket is gone: audio may still flow
        is_answering = parts.scheduler.busy and not parts.scheduler.cancelling
        if is_answering or parts.playout.relay_playing or parts.output.holding:
            parts.scheduler.request_response()  # the interrupted answer is given again when the caller is back
        self._activity.interrupt()
        if not continues:
            parts.outbox.send({"type": "input_audio_buffer.clear"})

    def missing_reason(self) -> str | None:
        """Return the reason to end the call, after the wait for the caller; None if the caller is there."""
        if self._activity.is_there:
            return None
        return "the caller did not come back" if self._activity.has_joined else "no caller came"

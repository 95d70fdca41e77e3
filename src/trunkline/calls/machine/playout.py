"""Playout of the agent's audio: play, interrupt, and truncate the model's messages to the part that was heard.

On the relay the audio passes through the call, and the page reports its progress (`RelayPlayout`). Over WebRTC it
flows directly to the page, and the service reports when it starts and stops (`WebRtcPlayout`).
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls import log_events
from trunkline.calls.machine.effects import DropQueuedAudio, PlayAudio
from trunkline.calls.machine.inputs import AudioReceived
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.playout_clock import PlayoutClock
from trunkline.calls.machine.relay_playout import PlayedAudio, RelayPlayout
from trunkline.calls.machine.response_scheduler import CANCELLING_STATES, BlockReason, ResponseScheduler
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.transcript import Transcript
from trunkline.calls.machine.webrtc_playout import MS_PER_CHARACTER, WebRtcPlayout
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event

TRUNCATION_WAIT_MS = 250.0
"""Time a truncation waits for the page's report on the relay, or for the service's own truncation over WebRTC."""


class Playout:
    """Playout on either transport.

    Args:
        on_agent_audio: called before the agent's audio is sent, or starts.

    Attributes:
        stopped_at_ms: time at which the service last reported the end of audio over WebRTC.
    """

    def __init__(
        self,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        transcript: Transcript,
        on_agent_audio: Callable[[], None],
    ) -> None:
        self._on_agent_audio = on_agent_audio
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._clock = PlayoutClock()
        self._held_before_ms = 0.0
        """Duration of the holds before the audio that plays now over WebRTC."""
        self.stopped_at_ms: float | None = None
        self._relay = RelayPlayout()
        self._webrtc: WebRtcPlayout | None = None
        self._own_truncations: set[str] = set()
        """Messages truncated by the call: the service confirms each, and that is not logged again."""
        self._output_ms = 0
        """Reported delay from the last point at which the page can stop audio to the loudspeaker."""
        self._buffer_ms = 0
        """Reported delay up to that point: network and buffers."""
        self._sent_truncations: dict[str, PlayedAudio] = {}
        """Truncations over WebRTC that are not confirmed, by `event_id`."""
        self._replayed: set[str] = set()
        """Messages that the session knows as text only, so that it cannot truncate them."""

    @property
    def over_webrtc(self) -> bool:
        """True if the audio flows over WebRTC."""
        return self._webrtc is not None

    @property
    def _now_ms(self) -> float:
        """The time of the playout, which stands still while the page holds the audio."""
        return self._clock.at(self._outbox.now_ms)

    @property
    def audible(self) -> bool:
        """True if the caller hears the agent, or would if the page did not hold the audio."""
        return self.relay_playing if self._webrtc is None else self._webrtc.playing

    @property
    def left_ms(self) -> float | None:
        """Duration of the audio that the page has not played yet; over WebRTC nobody knows it."""
        return self._relay.left_ms(self._now_ms) if self._webrtc is None else None

    def hold(self) -> None:
        """Note that the page holds the audio: the heard position stays."""
        self._clock.hold(self._outbox.now_ms)

    def release(self) -> None:
        """Note that the page plays again, from the same place."""
        self._clock.release(self._outbox.now_ms)

    # After a take-over -----------------------------------------------------------------------------------------------
    def resume(self, playing: WebRtcPlayout, clock: PlayoutClock) -> None:
        """Continue the playout over WebRTC of a call that another server ran. The page must come back first."""
        clock.release(self._outbox.now_ms)
        self._webrtc, self._clock = playing, clock
        self._held_before_ms = clock.held_ms(self._outbox.now_ms)
        playing.on_server_changed(self._now_ms)
        playing.on_page_lost(self._now_ms)

    def on_message_found(self, item_id: str) -> None:
        """Note a message that the session got while no server was attached to it."""
        if self._webrtc is not None:
            self._webrtc.on_message_found(item_id)

    def check_missed_stop(self) -> None:
        """End the message that plays if its audio is over and the service's report of it was missed.

        Otherwise set the timer by which that is known.
        """
        item_id = None if self._webrtc is None else self._webrtc.unsettled_item
        message = None if item_id is None else self._transcript.message(item_id)
        if self._webrtc is None or item_id is None or message is None or not message.done:
            return
        at_ms = self._webrtc.stop_missed_at_ms(self._now_ms, self.duration_ms(item_id))
        if at_ms is None or at_ms > self._now_ms:
            wait_ms = None if at_ms is None else self._outbox.now_ms + at_ms - self._now_ms
            self._outbox.set_timer(Timer.MISSED_STOP, wait_ms)
        elif (played := self._webrtc.on_stop_missed(self._now_ms)) is not None:
            self._log_done(played)

    # The caller joins and leaves ------------------------------------------------------------------------------------
    def on_caller_joined(self, transport: log_events.Transport) -> None:
        """Use this transport from now on."""
        if transport == "websocket":
            self._leave_webrtc()
        elif self._webrtc is None:
            self._webrtc = WebRtcPlayout(self._buffer_ms)
        else:
            self._webrtc.on_page_back()

    def on_caller_left(self) -> bool:
        """Note that the caller's page is gone.

        Returns:
            True if audio may still reach the page, so that nothing must be interrupted.
        """
        if self._webrtc is None:
            return False
        self._webrtc.on_page_lost(self._now_ms)
        return True

    @property
    def relay_playing(self) -> bool:
        """True if the page has not played all of the relay's audio yet."""
        return bool(self._relay.unplayed(self._now_ms))

    @property
    def ends_at_ms(self) -> float | None:
        """Time at which the agent's audio ends; None in silence.

        Over WebRTC it is now, while audio plays, and earlier if the model has stalled in the middle of a message.
        """
        if self._webrtc is None:
            left_ms = self._relay.left_ms(self._clock.at(self._outbox.now_ms))
            return self._outbox.now_ms + left_ms if left_ms else None
        item_id = self._webrtc.playing_item
        if item_id is None:
            return None
        ends_at_ms = self._webrtc.ends_at_ms(self._now_ms, self.duration_ms(item_id))
        return None if ends_at_ms is None else self._outbox.now_ms + ends_at_ms - self._now_ms

    @property
    def ended_at_ms(self) -> float | None:
        """Time at which the relay's audio has ended, in silence; None if the page has dropped it, or over WebRTC."""
        if self._webrtc is not None or (ended_at_ms := self._relay.ended_at_ms()) is None:
            return None
        return self._outbox.now_ms - (self._now_ms - ended_at_ms)

    @property
    def heard_at_ms(self) -> float | None:
        """Time at which the caller has heard all of the agent's audio; None if only the service will know."""
        if self._webrtc is None:
            return self.ends_at_ms or self._outbox.now_ms
        return None if self._webrtc.has_unplayed else self._outbox.now_ms

    def _leave_webrtc(self) -> None:
        """Change from WebRTC to the relay; an answer that the caller did not hear whole is requested again."""
        if self._webrtc is None:
            return
        if self._webrtc.playing or self._webrtc.maybe_unheard:
            self._scheduler.request_response()
        self._cut_webrtc(self._webrtc)
        self.settle_truncations()
        self._outbox.log_all(self._transcript.close_open(self.duration_ms, roles=("assistant",)))
        self._webrtc = None

    def on_delay(self, buffer_ms: int, output_ms: int) -> None:
        """Handle the page's report of its delays: see `commands.AudioReport`."""
        self._buffer_ms, self._output_ms = buffer_ms, output_ms
        if self._webrtc is not None:
            self._webrtc.on_delay(buffer_ms)

    def _log_started(self, item_id: str) -> None:
        self._on_agent_audio()
        delay_ms = self._buffer_ms + self._output_ms
        self._outbox.log(log_events.AudioStarted(item_id=item_id, delay_ms=delay_ms))

    # Interruption ---------------------------------------------------------------------------------------------------
    def interrupt(self) -> None:
        """Cancel the response in progress, and clear the audio that the caller has not heard yet."""
        if (cancel := self._scheduler.cancel_response()) is not None:
            self._outbox.send(cancel)
        self.clear()

    def clear(self, *, unfinished_only: bool = False, by_voice: bool = False) -> None:
        """Clear the audio that the caller has not heard yet.

        Args:
            unfinished_only: keep the audio of messages that are complete; only on the relay.
            by_voice: the caller's speech interrupts, so over WebRTC the service clears and truncates by itself.
        """
        if self._webrtc is not None:
            if not by_voice:
                self._outbox.send({"type": "output_audio_buffer.clear"})
                self._cut_webrtc(self._webrtc)
            return
        if not self._relay.unplayed(self._now_ms, unfinished_only=unfinished_only):
            return
        self.settle_truncations()
        self._await_truncation(self._relay.cut(self._now_ms, unfinished_only=unfinished_only))

    def on_replayed(self, item_ids: set[str]) -> None:
        """Note the messages that a new session knows as text only, so that it cannot truncate them."""
        self._replayed = item_ids
        self._sent_truncations.clear()

    def on_session_lost(self) -> None:
        """Clear the audio of the lost session; on the relay, complete messages are still played."""
        if self._webrtc is None:
            self.clear(unfinished_only=True)
            return
        if self._webrtc.playing or self._webrtc.maybe_unheard:
            self._scheduler.request_response()  # the caller hears the answer again after they reconnect
        self._cut_webrtc(self._webrtc)

    def _cut_webrtc(self, webrtc: WebRtcPlayout) -> None:
        self.settle_truncations()
        if (item_id := webrtc.cut(self._now_ms)) is not None:
            self._await_truncation(item_id)

    def _await_truncation(self, item_id: str | None) -> None:
        self._outbox.emit(DropQueuedAudio())
        self._outbox.log(log_events.AudioCleared(item_id=item_id))
        self._scheduler.block(BlockReason.TRUNCATION_PENDING)
        self._outbox.set_timer(Timer.TRUNCATION, self._outbox.now_ms + TRUNCATION_WAIT_MS)

    def settle_truncations(self) -> None:
        """Truncate the messages that were cut, at the part that was heard by now."""
        self._scheduler.unblock(BlockReason.TRUNCATION_PENDING)
        self._outbox.set_timer(Timer.TRUNCATION, None)
        for played in self._webrtc.take_truncations() if self._webrtc else ():
            message = self._transcript.message(played.item_id)
            if message is not None and message.text:
                self._own_truncations.add(played.item_id)
                self.truncate(played.item_id, played.ms)
        for played in self._relay.take_truncations():
            self.truncate(played.item_id, played.ms)

    def truncate(self, item_id: str, heard_ms: int) -> None:
        """Truncate a message to its first `heard_ms`, at the model and in the transcript."""
        if item_id not in self._replayed:
            event_id = self._outbox.new_id("event")
            if self._webrtc is not None:
                self._sent_truncations[event_id] = PlayedAudio(item_id, heard_ms)
            self._outbox.send(
                {
                    "type": "conversation.item.truncate",
                    "event_id": event_id,
                    "item_id": item_id,
                    "content_index": 0,
                    "audio_end_ms": heard_ms,
                }
            )
        self._outbox.log_all(self._transcript.truncate(item_id, heard_ms, self.duration_ms(item_id)))

    def on_truncation_refused(self, error: Event) -> bool:
        """Restore a message with audio shorter than the time since its start: the caller has heard all of it.

        Returns:
            True if the error means that. Audio may pause while it plays over WebRTC, so the service is right.
        """
        event_id = error.get("event_id")
        if error.get("param") != "audio_end_ms" or event_id not in self._sent_truncations:
            return False
        sent = self._sent_truncations.pop(event_id)
        self._own_truncations.discard(sent.item_id)
        self._outbox.log_all(self._transcript.restore(sent.item_id, sent.ms))
        return True

    def duration_ms(self, item_id: str) -> float:
        """Return the duration of a message's audio, as far as it is known; over WebRTC it is an estimate."""
        if self._webrtc is None:
            return self._relay.duration_ms(item_id)
        message = self._transcript.message(item_id)
        return len(message.text) * MS_PER_CHARACTER if message else 0.0

    # Audio on the relay ---------------------------------------------------------------------------------------------
    def play(self, audio: AudioReceived) -> None:
        """Send audio to the page, unless its message was cut or its response is cancelled."""
        if self._scheduler.state in CANCELLING_STATES and self._relay.reject(audio.item_id, audio.ms):
            self.truncate(audio.item_id, 0)
            return
        first = self._relay.add_audio(audio.item_id, audio.ms, self._clock.at(self._outbox.now_ms))
        if first is None:
            return
        if first:
            self._log_started(audio.item_id)
        else:
            self._on_agent_audio()
        self._outbox.emit(PlayAudio(audio.pcm))

    def reject(self, item_id: str) -> None:
        """Drop all audio of a message of which nothing was played yet."""
        if self._relay.reject(item_id, 0.0):
            self.truncate(item_id, 0)

    def on_audio_done(self, item_id: str) -> None:
        """Log the duration of a message: its audio is complete."""
        ms = self._relay.mark_complete(item_id)
        if ms is not None:
            self._outbox.log(log_events.AudioDone(item_id=item_id, ms=round(ms)))

    def on_played(self, item_id: str, ms: int) -> None:
        """Handle the page's report that it has played `ms` of a message."""
        if self._relay.on_played(item_id, ms, self._now_ms):
            self.settle_truncations()

    # Audio over WebRTC ----------------------------------------------------------------------------------------------
    def on_message_added(self, response_id: str, item_id: str) -> None:
        """Note the message of a response: the service announces audio by the response's id."""
        if self._webrtc is not None:
            self._webrtc.on_message_added(response_id, item_id)

    def on_response_done(self, response_id: str, *, cancelled: bool) -> None:
        """Expect no more words of a response, and no audio if it was cancelled before it started to play."""
        if self._webrtc is not None:
            self._webrtc.on_response_done(response_id)
            if cancelled:
                self._webrtc.on_response_cancelled(response_id)
            self.check_missed_stop()

    def on_sideband_lost(self) -> None:
        """Expect no more words, though audio may still play."""
        if self._webrtc is not None:
            self._webrtc.on_sideband_lost(self._now_ms)

    def on_page_report(self, *, audible: bool, since_ms: float) -> None:
        """Handle the page's report that the agent has been audible, or silent, for `since_ms`."""
        if self._webrtc is None:
            return
        self._webrtc.on_page_report(audible=audible, since_ms=self._now_ms - since_ms)
        if audible and (item_id := self._webrtc.on_start_missed(self._now_ms - since_ms)) is not None:
            self._log_started(item_id)
        elif audible and self._webrtc.playing:
            self._on_agent_audio()
        self.check_missed_stop()

    def on_started(self, event: Event) -> None:
        """Handle `output_audio_buffer.started`."""
        item_id = self._webrtc.on_started(text_field(event, "response_id"), self._now_ms) if self._webrtc else None
        if item_id is not None:
            self._held_before_ms = self._clock.held_ms(self._outbox.now_ms)
            self._log_started(item_id)

    def on_stopped(self, event: Event) -> None:
        """Handle `output_audio_buffer.stopped`: the page has played all audio."""
        if self._webrtc is not None and self._webrtc.on_stopped_after_cut(str(event.get("response_id"))):
            if not self._webrtc.has_truncations:
                self.settle_truncations()
            return
        if self._webrtc is not None:
            self._webrtc.on_stop_reported(str(event.get("response_id")))
        played = self._webrtc.on_stopped(self._now_ms) if self._webrtc else None
        if played is not None:
            self._log_done(played)

    def _log_done(self, played: PlayedAudio) -> None:
        held_ms = self._clock.held_ms(self._outbox.now_ms) - self._held_before_ms
        self._outbox.log(log_events.AudioDone(item_id=played.item_id, ms=played.ms + round(held_ms)))
        self.stopped_at_ms = self._outbox.now_ms

    def on_cleared(self, _event: Event) -> None:
        """Handle `output_audio_buffer.cleared`."""
        if self._webrtc is not None and self._webrtc.playing:
            self._cut_webrtc(self._webrtc)

    def on_truncated(self, event: Event) -> None:
        """Handle `conversation.item.truncated`: a confirmation, or the service's own truncation after a barge-in.

        The service counts the audio that it has sent. The caller has not heard the last part of it, which was on its
        way and in the page's buffers. The model gets the heard position too.
        """
        item_id, heard_ms = text_field(event, "item_id"), int(event["audio_end_ms"])
        self._sent_truncations = {
            event_id: sent for event_id, sent in self._sent_truncations.items() if sent.item_id != item_id
        }
        if item_id in self._own_truncations or self._webrtc is None:
            self._own_truncations.discard(item_id)
            return
        settled = self._webrtc.on_truncated(item_id)
        if self._webrtc.buffer_ms and heard_ms:
            heard_ms = max(0, heard_ms - self._webrtc.buffer_ms)
            self._own_truncations.add(item_id)
            self.truncate(item_id, heard_ms)
        else:
            self._outbox.log_all(self._transcript.truncate(item_id, heard_ms, self.duration_ms(item_id)))
        if settled:
            self.settle_truncations()

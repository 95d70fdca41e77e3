"""Playout of the agent's audio: play, interrupt, and truncate the model's messages to the part that was heard.

On the relay the audio passes through the call, and the page reports its progress (`RelayPlayout`). Over WebRTC it
flows directly to the page, and the service reports when it starts and stops (`WebRtcPlayout`).
"""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.effects import PlayAudio
from trunkline.calls.machine.inputs import AudioReceived
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.relay_playout import RelayPlayout
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.transcript import Transcript
from trunkline.calls.machine.webrtc_playout import MS_PER_CHARACTER, WebRtcPlayout
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event

REPORT_WAIT_MS = 250.0
"""How long a truncation waits for the page to say what it had played."""
REPORT_TIMER = "report"


class Playout:
    """What the caller hears. `replayed` are messages that the session knows as text: they have no sound to be cut."""

    def __init__(self, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._relay = RelayPlayout()
        self._webrtc: WebRtcPlayout | None = None
        self._own_truncations: set[str] = set()
        self.replayed: set[str] = set()

    @property
    def over_webrtc(self) -> bool:
        """Whether sound flows past us, over WebRTC."""
        return self._webrtc is not None

    # The caller comes and goes --------------------------------------------------------------------------------------
    def on_caller_joined(self, transport: log_events.Transport) -> None:
        """The caller hears us, by this transport."""
        if transport == "websocket":
            self._leave_webrtc()
        elif self._webrtc is None:
            self._webrtc = WebRtcPlayout()
        else:
            self._webrtc.on_page_back()

    def on_caller_left(self) -> bool:
        """The caller's page is gone. True if sound may still flow, so that nothing is to be stopped."""
        if self._webrtc is None:
            return False
        self._webrtc.on_page_lost(self._outbox.now_ms)
        return True

    @property
    def relay_playing(self) -> bool:
        """Whether the relay's sound has not been played to its end."""
        return bool(self._relay.unplayed(self._outbox.now_ms))

    def _leave_webrtc(self) -> None:
        """The caller's sound goes over the relay from now on: what was being said is said again there."""
        if self._webrtc is None:
            return
        if self._webrtc.playing or self._webrtc.maybe_unheard:
            self._scheduler.request_response()
        self._cut_webrtc(self._webrtc)
        self.settle_truncations()
        self._outbox.log_all(self._transcript.close_open(self.duration_ms, roles=("assistant",)))
        self._webrtc = None

    # Silencing ------------------------------------------------------------------------------------------------------
    def interrupt(self) -> None:
        """Stops the response under way and silences what the caller has not heard yet."""
        if (cancel := self._scheduler.cancel_response()) is not None:
            self._outbox.send(cancel)
        self.clear()

    def clear(self, *, unfinished_only: bool = False, by_voice: bool = False) -> None:
        """Silences what is not heard yet. `by_voice`: over WebRTC the service clears and truncates by itself."""
        if self._webrtc is not None:
            if not by_voice:
                self._outbox.send({"type": "output_audio_buffer.clear"})
                self._cut_webrtc(self._webrtc)
            return
        if not self._relay.unplayed(self._outbox.now_ms, unfinished_only=unfinished_only):
            return
        self.settle_truncations()
        self._await_report(self._relay.cut(self._outbox.now_ms, unfinished_only=unfinished_only))

    def on_session_lost(self) -> None:
        """The session is gone, and what it was saying with it; over the relay, what came whole may be heard whole."""
        if self._webrtc is None:
            self.clear(unfinished_only=True)
            return
        if self._webrtc.playing or self._webrtc.maybe_unheard:
            self._scheduler.request_response()  # it is said again to the one who comes back
        self._cut_webrtc(self._webrtc)

    def _cut_webrtc(self, media: WebRtcPlayout) -> None:
        self.settle_truncations()
        if (cut := media.cut(self._outbox.now_ms)) is not None:
            self._await_report(cut)

    def _await_report(self, cut: str | None) -> None:
        self._outbox.log(log_events.AudioCleared(item_id=cut))
        self._scheduler.block("report")
        self._outbox.set_timer(REPORT_TIMER, self._outbox.now_ms + REPORT_WAIT_MS)

    def settle_truncations(self) -> None:
        """Tells the model what was heard of the messages that were cut."""
        self._scheduler.unblock("report")
        self._outbox.set_timer(REPORT_TIMER, None)
        for heard in self._webrtc.take_truncations() if self._webrtc else ():
            message = self._transcript.message(heard.item_id)
            if message is not None and message.text:
                self._own_truncations.add(heard.item_id)
                self.truncate(heard.item_id, heard.ms)
        for heard in self._relay.take_truncations():
            self.truncate(heard.item_id, heard.ms)

    def truncate(self, item_id: str, heard_ms: int) -> None:
        """Tells the model that only the beginning of a message was heard."""
        if item_id not in self.replayed:
            self._outbox.send(
                {
                    "type": "conversation.item.truncate",
                    "item_id": item_id,
                    "content_index": 0,
                    "audio_end_ms": heard_ms,
                }
            )
        self._outbox.log_all(self._transcript.truncate(item_id, heard_ms, self.duration_ms(item_id)))

    def duration_ms(self, item_id: str) -> float:
        """How long the sound of a message is, as far as it is known."""
        if self._webrtc is None:
            return self._relay.duration_ms(item_id)
        message = self._transcript.message(item_id)
        return len(message.text) * MS_PER_CHARACTER if message else 0.0

    # Sound over the relay -------------------------------------------------------------------------------------------
    def play(self, sound: AudioReceived) -> None:
        """Sound of the agent, for the caller to hear."""
        if self._scheduler.cancelling and self._relay.reject(sound.item_id, sound.ms):
            self.truncate(sound.item_id, 0)
            return
        first = self._relay.add_audio(sound.item_id, sound.ms, self._outbox.now_ms)
        if first is None:
            return
        if first:
            self._outbox.log(log_events.AudioStarted(item_id=sound.item_id))
        self._outbox.emit(PlayAudio(sound.pcm))

    def reject(self, item_id: str) -> None:
        """Nobody shall hear a message of which nothing was heard yet."""
        if self._relay.reject(item_id, 0.0):
            self.truncate(item_id, 0)

    def on_audio_done(self, item_id: str) -> None:
        """All sound of a message has come."""
        ms = self._relay.mark_complete(item_id)
        if ms is not None:
            self._outbox.log(log_events.AudioDone(item_id=item_id, ms=round(ms)))

    def on_played(self, item_id: str, ms: int) -> None:
        """The page says how much of a message it has played."""
        if self._relay.on_played(item_id, ms, self._outbox.now_ms):
            self.settle_truncations()

    # Sound over WebRTC ----------------------------------------------------------------------------------------------
    def on_message_added(self, response_id: str, item_id: str) -> None:
        """A response has a message."""
        if self._webrtc is not None:
            self._webrtc.on_message_added(response_id, item_id)

    def on_response_cancelled(self, response_id: str) -> None:
        """A response was cancelled: if it does not sound by now, nobody heard of it."""
        if self._webrtc is not None:
            self._webrtc.on_response_cancelled(response_id)

    def on_started(self, event: Event) -> None:
        """`output_audio_buffer.started`."""
        item_id = (
            self._webrtc.on_started(text_field(event, "response_id"), self._outbox.now_ms) if self._webrtc else None
        )
        if item_id is not None:
            self._outbox.log(log_events.AudioStarted(item_id=item_id))

    def on_stopped(self, _event: Event) -> None:
        """`output_audio_buffer.stopped`."""
        heard = self._webrtc.on_stopped(self._outbox.now_ms) if self._webrtc else None
        if heard is not None:
            self._outbox.log(log_events.AudioDone(item_id=heard.item_id, ms=heard.ms))

    def on_cleared(self, _event: Event) -> None:
        """`output_audio_buffer.cleared`."""
        if self._webrtc is not None and self._webrtc.playing:
            self._cut_webrtc(self._webrtc)

    def on_truncated(self, event: Event) -> None:
        """`conversation.item.truncated`: by us, or by the service when the caller cut in by voice."""
        item_id, heard_ms = text_field(event, "item_id"), int(event["audio_end_ms"])
        if item_id in self._own_truncations or self._webrtc is None:
            self._own_truncations.discard(item_id)
            return
        settled = self._webrtc.on_truncated(item_id)
        self._outbox.log_all(self._transcript.truncate(item_id, heard_ms, self.duration_ms(item_id)))
        if settled:
            self.settle_truncations()

"""The caller's earpiece: what they hear of the agent, silencing it, and telling the model what was heard of it.

Over the relay the sound passes us, and the page reports what it has played (`Playback`); over WebRTC it flows past us,
and the service tells when it starts and stops (`MediaPlayback`).
"""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.effects import Play
from trunkline.calls.machine.inputs import SoundArrived
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.relay_playout import Playback
from trunkline.calls.machine.response_scheduler import Turns
from trunkline.calls.machine.transcript import Transcript
from trunkline.calls.machine.webrtc_playout import MS_PER_CHARACTER, MediaPlayback
from trunkline.realtime.event_fields import text_in
from trunkline.realtime.events import Event

REPORT_WAIT_MS = 250.0
"""How long a truncation waits for the page to say what it had played."""
WAIT_FOR_REPORT = "report"


class Earpiece:
    """What the caller hears. `replayed` are messages that the session knows as text: they have no sound to be cut."""

    def __init__(self, outbox: Outbox, turns: Turns, transcript: Transcript) -> None:
        self._outbox = outbox
        self._turns = turns
        self._transcript = transcript
        self._playback = Playback()
        self._media: MediaPlayback | None = None
        self._truncated_by_us: set[str] = set()
        self.replayed: set[str] = set()

    @property
    def is_media(self) -> bool:
        """Whether sound flows past us, over WebRTC."""
        return self._media is not None

    # The caller comes and goes --------------------------------------------------------------------------------------
    def joined(self, transport: log_events.Transport) -> None:
        """The caller hears us, by this transport."""
        if transport == "websocket":
            self._leave_media()
        elif self._media is None:
            self._media = MediaPlayback()
        else:
            self._media.back()

    def left(self) -> bool:
        """The caller's page is gone. True if sound may still flow, so that nothing is to be stopped."""
        if self._media is None:
            return False
        self._media.away(self._outbox.now)
        return True

    @property
    def is_heard(self) -> bool:
        """Whether the relay's sound has not been played to its end."""
        return bool(self._playback.unheard(self._outbox.now))

    def _leave_media(self) -> None:
        """The caller's sound goes over the relay from now on: what was being said is said again there."""
        if self._media is None:
            return
        if self._media.sounds or self._media.unheard:
            self._turns.wish()
        self._cut_media(self._media)
        self.settle()
        self._outbox.log_all(self._transcript.broken_off(self.total_ms, roles=("assistant",)))
        self._media = None

    # Silencing ------------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Stops the response under way and silences what the caller has not heard yet."""
        if (cancel := self._turns.cancel()) is not None:
            self._outbox.send(cancel)
        self.silence()

    def silence(self, *, unfinished_only: bool = False, by_voice: bool = False) -> None:
        """Silences what is not heard yet. `by_voice`: over WebRTC the service clears and truncates by itself."""
        if self._media is not None:
            if not by_voice:
                self._outbox.send({"type": "output_audio_buffer.clear"})
                self._cut_media(self._media)
            return
        if not self._playback.unheard(self._outbox.now, unfinished_only=unfinished_only):
            return
        self.settle()
        self._wait_for_report(self._playback.cut(self._outbox.now, unfinished_only=unfinished_only))

    def lose_session(self) -> None:
        """The session is gone, and what it was saying with it; over the relay, what came whole may be heard whole."""
        if self._media is None:
            self.silence(unfinished_only=True)
            return
        if self._media.sounds or self._media.unheard:
            self._turns.wish()  # it is said again to the one who comes back
        self._cut_media(self._media)

    def _cut_media(self, media: MediaPlayback) -> None:
        self.settle()
        if (cut := media.cut(self._outbox.now)) is not None:
            self._wait_for_report(cut)

    def _wait_for_report(self, cut: str | None) -> None:
        self._outbox.log(log_events.AudioCleared(item_id=cut))
        self._turns.hold("report")
        self._outbox.wake(WAIT_FOR_REPORT, self._outbox.now + REPORT_WAIT_MS)

    def settle(self) -> None:
        """Tells the model what was heard of the messages that were cut."""
        self._turns.release("report")
        self._outbox.wake(WAIT_FOR_REPORT, None)
        for heard in self._media.settle() if self._media else ():
            message = self._transcript.message(heard.item_id)
            if message is not None and message.text:
                self._truncated_by_us.add(heard.item_id)
                self.truncate(heard.item_id, heard.ms)
        for heard in self._playback.settle():
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
        self._outbox.log_all(self._transcript.truncated(item_id, heard_ms, self.total_ms(item_id)))

    def total_ms(self, item_id: str) -> float:
        """How long the sound of a message is, as far as it is known."""
        if self._media is None:
            return self._playback.total_ms(item_id)
        message = self._transcript.message(item_id)
        return len(message.text) * MS_PER_CHARACTER if message else 0.0

    # Sound over the relay -------------------------------------------------------------------------------------------
    def sound(self, sound: SoundArrived) -> None:
        """Sound of the agent, for the caller to hear."""
        if self._turns.cancelling and self._playback.refuse(sound.item_id, sound.ms):
            self.truncate(sound.item_id, 0)
            return
        first = self._playback.sent(sound.item_id, sound.ms, self._outbox.now)
        if first is None:
            return
        if first:
            self._outbox.log(log_events.AudioStarted(item_id=sound.item_id))
        self._outbox.emit(Play(sound.pcm))

    def refuse(self, item_id: str) -> None:
        """Nobody shall hear a message of which nothing was heard yet."""
        if self._playback.refuse(item_id, 0.0):
            self.truncate(item_id, 0)

    def sound_done(self, item_id: str) -> None:
        """All sound of a message has come."""
        ms = self._playback.complete(item_id)
        if ms is not None:
            self._outbox.log(log_events.AudioDone(item_id=item_id, ms=round(ms)))

    def played(self, item_id: str, ms: int) -> None:
        """The page says how much of a message it has played."""
        if self._playback.played(item_id, ms, self._outbox.now):
            self.settle()

    # Sound over WebRTC ----------------------------------------------------------------------------------------------
    def speaks(self, response_id: str, item_id: str) -> None:
        """A response has a message."""
        if self._media is not None:
            self._media.speaks(response_id, item_id)

    def never_starts(self, response_id: str) -> None:
        """A response was cancelled: if it does not sound by now, nobody heard of it."""
        if self._media is not None:
            self._media.never_starts(response_id)

    def on_started(self, event: Event) -> None:
        """`output_audio_buffer.started`."""
        item_id = self._media.started(text_in(event, "response_id"), self._outbox.now) if self._media else None
        if item_id is not None:
            self._outbox.log(log_events.AudioStarted(item_id=item_id))

    def on_stopped(self, _event: Event) -> None:
        """`output_audio_buffer.stopped`."""
        heard = self._media.stopped(self._outbox.now) if self._media else None
        if heard is not None:
            self._outbox.log(log_events.AudioDone(item_id=heard.item_id, ms=heard.ms))

    def on_cleared(self, _event: Event) -> None:
        """`output_audio_buffer.cleared`."""
        if self._media is not None and self._media.sounds:
            self._cut_media(self._media)

    def on_truncated(self, event: Event) -> None:
        """`conversation.item.truncated`: by us, or by the service when the caller cut in by voice."""
        item_id, heard_ms = text_in(event, "item_id"), int(event["audio_end_ms"])
        if item_id in self._truncated_by_us or self._media is None:
            self._truncated_by_us.discard(item_id)
            return
        settled = self._media.truncated(item_id)
        self._outbox.log_all(self._transcript.truncated(item_id, heard_ms, self.total_ms(item_id)))
        if settled:
            self.settle()

"""What of the answers' sound is on its way to a caller whose sound the engine paces itself, as over WebRTC.

The machine hands sound to the shell as soon as it is made; the shell plays it in real time and reports when a
response begins to be started, when its sound has run out, and, after a `ClearPlayout`, how far each message had got.
From that follow `output_audio_buffer.started`, `stopped` and `cleared`, and the truncation of what was not started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.engine.session.effects import ClearPlayout, Play
from trunkline.engine.session.inputs import InterruptedMessage
from trunkline.engine.session.outbox import Outbox
from trunkline.realtime.conversation import Conversation


@dataclass
class _ResponsePlayout:
    """A response whose sound was handed over. `started` since its first frame, `drained` while none of it is left."""

    started: bool = False
    drained: bool = False
    done: bool = False


class OutputBuffer:
    """The output audio buffer of a session, as far as its events are concerned."""

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._playing: dict[str, _ResponsePlayout] = {}
        self._muted: set[str] = set()
        self._last_response = ""
        self._truncating = False

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Sound of a message goes to the shell, unless its response has been cut off."""
        if response_id in self._muted:
            return
        self._playing.setdefault(response_id, _ResponsePlayout()).drained = False
        self._last_response = response_id
        self._outbox.do(Play(response_id, item_id, pcm))

    def on_playout_started(self, response_id: str) -> None:
        """The first frame of a response has been sent to the caller (or the first after it had run out)."""
        playing = self._playing.get(response_id)
        if playing is not None and not playing.started:
            playing.started = True
            self._outbox.send("output_audio_buffer.started", response_id=response_id)

    def on_playout_ended(self, response_id: str) -> None:
        """All the sound of a response that there was has been sent. More may follow until the response is done."""
        if playing := self._playing.get(response_id):
            playing.drained = True
            self._stop_if_over(response_id, playing)

    def on_response_done(self, response_id: str) -> None:
        """No more sound will be made for a response."""
        self._muted.discard(response_id)
        if playing := self._playing.get(response_id):
            playing.done = True
            self._stop_if_over(response_id, playing)

    def interrupt(self) -> None:
        """The caller cuts in by voice: silence, and what was not started was never said."""
        if self._playing:
            self._truncating = True
            self._outbox.do(ClearPlayout())

    def clear(self) -> None:
        """A client wants silence. What was started is for the client to say, with `conversation.item.truncate`."""
        self._outbox.do(ClearPlayout())

    def on_playout_cleared(self, interrupted: Sequence[InterruptedMessage]) -> None:
        """The shell has fallen silent."""
        truncating, self._truncating = self._truncating, False
        playing, self._playing = self._playing, {}
        self._muted.update(response_id for response_id, one in playing.items() if not one.done)
        for response_id in list(playing) or [self._last_response]:
            self._outbox.send("output_audio_buffer.cleared", response_id=response_id)
        if truncating:
            for cut in interrupted:
                self._truncate(cut)

    def _truncate(self, cut: InterruptedMessage) -> None:
        sound = self._conversation.audio_of(cut.item_id)
        if sound is None or cut.played_ms >= sound.ms:
            return
        self._conversation.truncate(cut.item_id, 0, cut.played_ms)
        self._outbox.send(
            "conversation.item.truncated", item_id=cut.item_id, content_index=0, audio_end_ms=cut.played_ms
        )

    def _stop_if_over(self, response_id: str, playing: _ResponsePlayout) -> None:
        if playing.done and playing.drained:
            del self._playing[response_id]
            self._outbox.send("output_audio_buffer.stopped", response_id=response_id)

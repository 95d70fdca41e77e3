"""Output audio buffer: the answers' audio that the engine plays itself in real time, as over WebRTC.

The machine passes audio to the transport as soon as it exists. The transport plays it in real time. It reports the
start of each response's audio, the end, and, after a `ClearPlayout`, the played duration of each message. The machine
derives `output_audio_buffer.started`, `stopped` and `cleared` from these reports, and truncates unplayed messages.
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
    """Playout of one response: `started` after its first frame, `drained` while no audio is queued."""

    started: bool = False
    drained: bool = False
    done: bool = False


class OutputBuffer:
    """State of a session's output audio buffer."""

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._playing: dict[str, _ResponsePlayout] = {}
        self._muted: set[str] = set()
        self._last_response = ""
        self._truncating = False

    @property
    def is_playing(self) -> bool:
        """True if audio of a response is queued or plays."""
        return bool(self._playing)

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Pass a message's audio to the transport, unless its response was interrupted."""
        if response_id in self._muted:
            return
        self._playing.setdefault(response_id, _ResponsePlayout()).drained = False
        self._last_response = response_id
        self._outbox.do(Play(response_id, item_id, pcm))

    def on_playout_started(self, response_id: str) -> None:
        """Handle the first audio of a response, or the first after a pause."""
        playing = self._playing.get(response_id)
        if playing is not None and not playing.started:
            playing.started = True
            self._outbox.send("output_audio_buffer.started", response_id=response_id)

    def on_playout_ended(self, response_id: str) -> None:
        """Handle the end of a response's queued audio. More audio may follow until the response is done."""
        if playing := self._playing.get(response_id):
            playing.drained = True
            self._stop_if_over(response_id, playing)

    def on_response_done(self, response_id: str) -> None:
        """Handle the end of a response: it produces no more audio."""
        self._muted.discard(response_id)
        if playing := self._playing.get(response_id):
            playing.done = True
            self._stop_if_over(response_id, playing)

    def interrupt(self) -> None:
        """Stop the playout because the caller speaks, and truncate the messages at their played duration."""
        if self._playing:
            self._truncating = True
            self._outbox.do(ClearPlayout())

    def clear(self) -> None:
        """Stop the playout for a client, which truncates the messages itself with `conversation.item.truncate`."""
        self._outbox.do(ClearPlayout())

    def on_playout_cleared(self, interrupted: Sequence[InterruptedMessage]) -> None:
        """Handle the end of the playout after a `ClearPlayout`."""
        truncating, self._truncating = self._truncating, False
        playing, self._playing = self._playing, {}
        self._muted.update(response_id for response_id, one in playing.items() if not one.done)
        for response_id in list(playing) or [self._last_response]:
            self._outbox.send("output_audio_buffer.cleared", response_id=response_id)
        if truncating:
            for message in interrupted:
                self._truncate(message)

    def _truncate(self, message: InterruptedMessage) -> None:
        audio = self._conversation.audio_of(message.item_id)
        if audio is None or message.played_ms >= audio.ms:
            return
        self._conversation.truncate(message.item_id, 0, message.played_ms)
        self._outbox.send(
            "conversation.item.truncated", item_id=message.item_id, content_index=0, audio_end_ms=message.played_ms
        )

    def _stop_if_over(self, response_id: str, playing: _ResponsePlayout) -> None:
        if playing.done and playing.drained:
            del self._playing[response_id]
            self._outbox.send("output_audio_buffer.stopped", response_id=response_id)

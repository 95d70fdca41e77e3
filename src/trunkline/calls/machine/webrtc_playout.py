"""What the caller has heard over WebRTC, where sound flows between the page and the model, past us.

The service tells when a response's sound begins and has run out (`output_audio_buffer.started`, `stopped`); between the
two it plays in real time, so the time since the start is what was heard. While the page's socket is gone nobody knows
whether sound still arrives: if the page comes back with the same connection it did, if it dials anew it did not.
"""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.calls.machine.relay_playout import PlayedAudio

MS_PER_CHARACTER = 62.0
"""How long a written character takes to be said, roughly: the length of a message's sound is not told over WebRTC."""


@dataclass
class _Sounding:
    item_id: str
    began_ms: float


class WebRtcPlayout:
    """The message that sounds now, those whose turn is next, and those that were cut and are to be truncated."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._playing: _Sounding | None = None
        self._away_since: float | None = None
        self._maybe_unheard: dict[str, int] = {}
        self._cut: dict[str, int] = {}

    def on_message_added(self, response_id: str, item_id: str) -> None:
        """A response has a message, whose sound will be announced by the response's id."""
        self._waiting.setdefault(response_id, item_id)

    def on_started(self, response_id: str, now_ms: float) -> str | None:
        """A response begins to sound; the id of its message, None for one that is not known."""
        item_id = self._waiting.get(response_id)
        if item_id is not None:
            for earlier in list(self._waiting):  # responses sound in order: those before it have, or never will
                del self._waiting[earlier]
                if earlier == response_id:
                    break
            self._playing = _Sounding(item_id, now_ms)
        return item_id

    def on_response_cancelled(self, response_id: str) -> None:
        """A response was cancelled: if it does not sound by now, nobody heard of it."""
        self._waiting.pop(response_id, None)

    def on_stopped(self, now_ms: float) -> PlayedAudio | None:
        """All sound of a response has been played: the message and how long it was."""
        ended, self._playing = self._playing, None
        if ended is None:
            return None
        if self._away_since is not None:
            self._maybe_unheard[ended.item_id] = self._played_ms(ended, now_ms)
        return PlayedAudio(ended.item_id, round(now_ms - ended.began_ms))

    @property
    def playing(self) -> bool:
        """Whether the caller hears the agent now."""
        return self._playing is not None

    @property
    def maybe_unheard(self) -> bool:
        """Whether something was played to its end while nobody knew that the caller was there."""
        return bool(self._maybe_unheard)

    def on_page_lost(self, now_ms: float) -> None:
        """The page cannot be reached: what is played from now on may not be heard."""
        self._away_since = now_ms

    def on_page_back(self) -> None:
        """The page is back, and with the same connection: it has heard everything."""
        self._away_since = None
        self._maybe_unheard.clear()

    def cut(self, now_ms: float) -> str | None:
        """The caller hears no more of what sounds now, nor of what would come next; the id of the first of them."""
        self._cut.update(self._maybe_unheard)
        self._maybe_unheard.clear()
        if self._playing is not None:
            self._cut[self._playing.item_id] = self._played_ms(self._playing, now_ms)
            self._playing = None
        for item_id in self._waiting.values():
            self._cut[item_id] = 0
        self._waiting.clear()
        return next(iter(self._cut), None)

    def on_truncated(self, item_id: str) -> bool:
        """The service has truncated a message by itself. True if nothing else waits to be truncated."""
        if self._playing is not None and self._playing.item_id == item_id:
            self._playing = None
        self._waiting = {response: waiting for response, waiting in self._waiting.items() if waiting != item_id}
        self._cut.pop(item_id, None)
        return not self._cut

    def take_truncations(self) -> list[PlayedAudio]:
        """What was heard of the messages that were cut and that the service did not truncate."""
        cut, self._cut = self._cut, {}
        return [PlayedAudio(item_id, ms) for item_id, ms in cut.items()]

    def _played_ms(self, sounding: _Sounding, now_ms: float) -> int:
        until = now_ms if self._away_since is None else min(now_ms, self._away_since)
        return max(0, int(until - sounding.began_ms))

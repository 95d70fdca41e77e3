"""What the caller has heard over WebRTC, where sound flows between the page and the model, past us.

The service tells when a response's sound begins and has run out (`output_audio_buffer.started`, `stopped`); between the
two it plays in real time, so the time since the start is what was heard. While the page's socket is gone nobody knows
whether sound still arrives: if the page comes back with the same connection it did, if it dials anew it did not.
"""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.calls.machine.relay_playout import Heard

MS_PER_CHARACTER = 62.0
"""How long a written character takes to be said, roughly: the length of a message's sound is not told over WebRTC."""


@dataclass
class _Sounding:
    item_id: str
    began_ms: float


class MediaPlayback:
    """The message that sounds now, those whose turn is next, and those that were cut and are to be truncated."""

    def __init__(self) -> None:
        self._next: dict[str, str] = {}
        self._sounding: _Sounding | None = None
        self._away_since: float | None = None
        self._doubtful: dict[str, int] = {}
        self._cut: dict[str, int] = {}

    def speaks(self, response_id: str, item_id: str) -> None:
        """A response has a message, whose sound will be announced by the response's id."""
        self._next.setdefault(response_id, item_id)

    def started(self, response_id: str, now_ms: float) -> str | None:
        """A response begins to sound; the id of its message, None for one that is not known."""
        item_id = self._next.get(response_id)
        if item_id is not None:
            for earlier in list(self._next):  # responses sound in order: those before it have, or never will
                del self._next[earlier]
                if earlier == response_id:
                    break
            self._sounding = _Sounding(item_id, now_ms)
        return item_id

    def never_starts(self, response_id: str) -> None:
        """A response was cancelled: if it does not sound by now, nobody heard of it."""
        self._next.pop(response_id, None)

    def stopped(self, now_ms: float) -> Heard | None:
        """All sound of a response has been played: the message and how long it was."""
        ended, self._sounding = self._sounding, None
        if ended is None:
            return None
        if self._away_since is not None:
            self._doubtful[ended.item_id] = self._heard_ms(ended, now_ms)
        return Heard(ended.item_id, round(now_ms - ended.began_ms))

    @property
    def sounds(self) -> bool:
        """Whether the caller hears the agent now."""
        return self._sounding is not None

    @property
    def unheard(self) -> bool:
        """Whether something was played to its end while nobody knew that the caller was there."""
        return bool(self._doubtful)

    def away(self, now_ms: float) -> None:
        """The page cannot be reached: what is played from now on may not be heard."""
        self._away_since = now_ms

    def back(self) -> None:
        """The page is back, and with the same connection: it has heard everything."""
        self._away_since = None
        self._doubtful.clear()

    def cut(self, now_ms: float) -> str | None:
        """The caller hears no more of what sounds now, nor of what would come next; the id of the first of them."""
        self._cut.update(self._doubtful)
        self._doubtful.clear()
        if self._sounding is not None:
            self._cut[self._sounding.item_id] = self._heard_ms(self._sounding, now_ms)
            self._sounding = None
        for item_id in self._next.values():
            self._cut[item_id] = 0
        self._next.clear()
        return next(iter(self._cut), None)

    def truncated(self, item_id: str) -> bool:
        """The service has truncated a message by itself. True if nothing else waits to be truncated."""
        if self._sounding is not None and self._sounding.item_id == item_id:
            self._sounding = None
        self._next = {response: waiting for response, waiting in self._next.items() if waiting != item_id}
        self._cut.pop(item_id, None)
        return not self._cut

    def settle(self) -> list[Heard]:
        """What was heard of the messages that were cut and that the service did not truncate."""
        cut, self._cut = self._cut, {}
        return [Heard(item_id, ms) for item_id, ms in cut.items()]

    def _heard_ms(self, sounding: _Sounding, now_ms: float) -> int:
        until = now_ms if self._away_since is None else min(now_ms, self._away_since)
        return max(0, int(until - sounding.began_ms))

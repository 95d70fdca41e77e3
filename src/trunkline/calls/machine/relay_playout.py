"""What the caller has heard: how much sound each message has, and how much of it the page has played."""

from __future__ import annotations

from dataclasses import dataclass

MAX_EXTRAPOLATION_MS = 400.0
"""How long a page's report is taken to go on: pages report about four times a second."""
_ROUNDING_MS = 1.0


@dataclass
class MessagePlayout:
    """One message's sound."""

    item_id: str
    began_ms: float
    sent_ms: float = 0.0
    complete: bool = False
    reported_ms: float | None = None
    reported_at_ms: float = 0.0

    def played_ms(self, now_ms: float) -> float:
        """How much has been played by `now_ms`: the page's last report and the time since; without one, since it
        began."""
        if self.reported_ms is None:
            heard = now_ms - self.began_ms
        else:
            heard = self.reported_ms + min(
                now_ms - self.reported_at_ms, MAX_EXTRAPOLATION_MS if self.reported_ms else 0.0
            )
        return max(0.0, min(heard, self.sent_ms))


@dataclass(frozen=True)
class PlayedAudio:
    """How much was heard of a message that was cut."""

    item_id: str
    ms: int


@dataclass
class _Cut:
    """Messages that were silenced, in order, and wait for the page's report."""

    at_ms: float
    messages: dict[str, MessagePlayout]


class RelayPlayout:
    """The messages whose sound has been sent and not been played to the end."""

    def __init__(self) -> None:
        self._playing: dict[str, MessagePlayout] = {}
        self._dropped: dict[str, float] = {}
        self._cut: _Cut | None = None

    def add_audio(self, item_id: str, ms: float, now_ms: float) -> bool | None:
        """More sound for a message: True if it is the first, None if it must be dropped, the message being cut."""
        if item_id in self._dropped:
            self._dropped[item_id] += ms
            return None
        first = item_id not in self._playing
        message = self._playing.get(item_id)
        if message is None:
            self._drop_played(now_ms)
            queued_until = max((s.began_ms + s.sent_ms for s in self._playing.values()), default=now_ms)
            message = self._playing[item_id] = MessagePlayout(item_id, began_ms=max(now_ms, queued_until))
        message.sent_ms += ms
        return first

    def duration_ms(self, item_id: str) -> float:
        """The length of a message's sound as far as it has come, dropped sound included; 0 if it is forgotten."""
        message = self._playing.get(item_id)
        return message.sent_ms if message else self._dropped.get(item_id, 0.0)

    def mark_complete(self, item_id: str) -> float | None:
        """All of a message's sound has been sent; its length in ms, None if it has none or was silenced."""
        message = self._playing.get(item_id)
        if message is None:
            return None
        message.complete = True
        return message.sent_ms

    def on_played(self, item_id: str, ms: float, now_ms: float) -> bool:
        """The page reports how much of a message it has played; True if a cut waited for this report."""
        message = self._playing.get(item_id)
        if message is not None:
            message.reported_ms, message.reported_at_ms = min(ms, message.sent_ms), now_ms
            return False
        cut = self._cut
        if cut is None or item_id not in cut.messages:
            return False
        for earlier in cut.messages.values():  # the page plays in order: those before it were played to the end
            heard = ms if earlier.item_id == item_id else earlier.sent_ms
            earlier.reported_ms, earlier.reported_at_ms = min(heard, earlier.sent_ms), cut.at_ms
            if earlier.item_id == item_id:
                return True
        return True

    def unplayed(self, now_ms: float, *, unfinished_only: bool = False) -> list[MessagePlayout]:
        """Messages that are not played to the end by now, in order; on demand only those still being made."""
        return [
            message
            for message in self._playing.values()
            if not message.complete
            or (not unfinished_only and message.played_ms(now_ms) < message.sent_ms - _ROUNDING_MS)
        ]

    def cut(self, now_ms: float, *, unfinished_only: bool = False) -> str | None:
        """Silences what is unheard: any more of its sound will be dropped. The id of the first message, if any.

        What was heard of them is told by `settle`, once the page has reported or has been waited for long enough.
        """
        unheard = self.unplayed(now_ms, unfinished_only=unfinished_only)
        if not unheard:
            return None
        self._cut = _Cut(now_ms, {message.item_id: message for message in unheard})
        for message in unheard:
            del self._playing[message.item_id]
            self._dropped[message.item_id] = message.sent_ms
        return unheard[0].item_id

    def reject(self, item_id: str, ms: float) -> bool:
        """Sound of a message that nobody shall hear. True if it is the message's first."""
        if item_id in self._dropped or item_id in self._playing:
            return False
        self._dropped[item_id] = ms
        return True

    def take_truncations(self) -> list[PlayedAudio]:
        """What was heard of the messages that were cut, and not heard whole; afterwards there is no cut."""
        cut, self._cut = self._cut, None
        heard: list[PlayedAudio] = []
        broken = False
        for message in cut.messages.values() if cut else ():
            ms = 0.0 if broken or cut is None else message.played_ms(cut.at_ms)
            broken = broken or ms < message.sent_ms - _ROUNDING_MS
            if broken or not message.complete:
                heard.append(PlayedAudio(message.item_id, int(ms)))
        return heard

    def _drop_played(self, now_ms: float) -> None:
        for message in list(self._playing.values()):
            if message.complete and message.played_ms(now_ms) >= message.sent_ms - _ROUNDING_MS:
                del self._playing[message.item_id]

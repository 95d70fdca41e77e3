"""Playout on the relay: the audio sent to the page for each message, and the part that the page has played."""

from __future__ import annotations

from dataclasses import dataclass

MAX_EXTRAPOLATION_MS = 400.0
"""Time for which playout is assumed to continue after a page's report; pages report about four times a second."""
_ROUNDING_MS = 1.0


@dataclass
class MessagePlayout:
    """Audio of one message.

    Attributes:
        starts_at_ms: time at which its playout begins: when the audio queued before it has been played.
        sent_ms: duration of the audio sent to the page.
        complete: true if all of it was sent.
        reported_ms: the played duration in the page's last report, which came at `reported_at_ms`.
    """

    item_id: str
    starts_at_ms: float
    sent_ms: float = 0.0
    complete: bool = False
    reported_ms: float | None = None
    reported_at_ms: float = 0.0

    def played_ms(self, now_ms: float) -> float:
        """Return the played duration: the last report plus the time since, or the time since its start."""
        if self.reported_ms is None:
            played = now_ms - self.starts_at_ms
        else:
            limit_ms = MAX_EXTRAPOLATION_MS if self.reported_ms else 0.0
            played = self.reported_ms + min(now_ms - self.reported_at_ms, limit_ms)
        return max(0.0, min(played, self.sent_ms))

    def played_whole(self, now_ms: float) -> bool:
        """Return whether all audio sent so far has been played."""
        return self.played_ms(now_ms) >= self.sent_ms - _ROUNDING_MS


@dataclass(frozen=True)
class PlayedAudio:
    """Played duration of a message."""

    item_id: str
    ms: int


@dataclass
class _Cut:
    """Messages that were cut at `at_ms`, in order, and wait for the page's report."""

    at_ms: float
    messages: dict[str, MessagePlayout]


class RelayPlayout:
    """The messages with audio that was sent and has not been played whole."""

    def __init__(self) -> None:
        self._playing: dict[str, MessagePlayout] = {}
        self._dropped: dict[str, float] = {}
        """Duration of the audio so far of each message that was cut; its further audio is dropped."""
        self._cut: _Cut | None = None

    def add_audio(self, item_id: str, ms: float, now_ms: float) -> bool | None:
        """Add audio of a message.

        Returns:
            True if it is the message's first audio; None if it must be dropped because the message was cut.
        """
        if item_id in self._dropped:
            self._dropped[item_id] += ms
            return None
        first = item_id not in self._playing
        message = self._playing.get(item_id)
        if message is None:
            self._drop_played(now_ms)
            queued_until = max((m.starts_at_ms + m.sent_ms for m in self._playing.values()), default=now_ms)
            message = self._playing[item_id] = MessagePlayout(item_id, starts_at_ms=max(now_ms, queued_until))
        message.sent_ms += ms
        return first

    def duration_ms(self, item_id: str) -> float:
        """Return the duration of a message's audio so far, with dropped audio; 0 if it was played whole."""
        message = self._playing.get(item_id)
        return message.sent_ms if message else self._dropped.get(item_id, 0.0)

    def mark_complete(self, item_id: str) -> float | None:
        """Note that all audio of a message was sent.

        Returns:
            Its duration in ms; None if it has no audio or was cut.
        """
        message = self._playing.get(item_id)
        if message is None:
            return None
        message.complete = True
        return message.sent_ms

    def on_played(self, item_id: str, ms: float, now_ms: float) -> bool:
        """Handle the page's report that it has played `ms` of a message.

        Returns:
            True if a cut waited for this report.
        """
        message = self._playing.get(item_id)
        if message is not None:
            message.reported_ms, message.reported_at_ms = min(ms, message.sent_ms), now_ms
            return False
        cut = self._cut
        if cut is None or item_id not in cut.messages:
            return False
        for message in cut.messages.values():  # the page plays in order: the messages before were played whole
            played = ms if message.item_id == item_id else message.sent_ms
            message.reported_ms, message.reported_at_ms = min(played, message.sent_ms), cut.at_ms
            if message.item_id == item_id:
                return True
        return True

    def unplayed(self, now_ms: float, *, unfinished_only: bool = False) -> list[MessagePlayout]:
        """Return the messages that have not been played whole, in order.

        Args:
            now_ms: the current time.
            unfinished_only: leave out messages with complete audio.
        """
        return [
            message
            for message in self._playing.values()
            if not message.complete or (not unfinished_only and not message.played_whole(now_ms))
        ]

    def left_ms(self, now_ms: float) -> float:
        """Return the duration of the audio sent so far that was not played yet."""
        left_ms = 0.0
        for message in self._playing.values():
            left_ms += message.sent_ms - message.played_ms(now_ms)
        return left_ms if left_ms > _ROUNDING_MS else 0.0

    def ended_at_ms(self) -> float | None:
        """Return the time at which the page has played the audio of the last message whole; None without a message.

        It is in the past: while audio is left, `left_ms` has the rest.
        """
        if not self._playing:
            return None
        last = next(reversed(self._playing.values()))
        if last.reported_ms is None:
            return last.starts_at_ms + last.sent_ms
        return last.reported_at_ms + last.sent_ms - last.reported_ms

    def cut(self, now_ms: float, *, unfinished_only: bool = False) -> str | None:
        """Drop all further audio of the unplayed messages.

        `take_truncations` returns the played durations, after the page's report or the wait for it.

        Returns:
            The id of the first of them; None if everything was played.
        """
        unplayed = self.unplayed(now_ms, unfinished_only=unfinished_only)
        if not unplayed:
            return None
        self._cut = _Cut(now_ms, {message.item_id: message for message in unplayed})
        for message in unplayed:
            del self._playing[message.item_id]
            self._dropped[message.item_id] = message.sent_ms
        return unplayed[0].item_id

    def reject(self, item_id: str, ms: float) -> bool:
        """Drop `ms` of audio of a message, and all that follows, if nothing of the message was sent yet.

        Returns:
            True if the message was rejected by this.
        """
        if item_id in self._dropped or item_id in self._playing:
            return False
        self._dropped[item_id] = ms
        return True

    def take_truncations(self) -> list[PlayedAudio]:
        """Return the played durations of the cut messages that were not played whole, and end the cut."""
        cut, self._cut = self._cut, None
        truncations: list[PlayedAudio] = []
        broken = False
        for message in cut.messages.values() if cut else ():
            ms = 0.0 if broken or cut is None else message.played_ms(cut.at_ms)
            broken = broken or ms < message.sent_ms - _ROUNDING_MS
            if broken or not message.complete:
                truncations.append(PlayedAudio(message.item_id, int(ms)))
        return truncations

    def _drop_played(self, now_ms: float) -> None:
        for message in list(self._playing.values()):
            if message.complete and message.played_whole(now_ms):
                del self._playing[message.item_id]

"""What the caller has heard: how much sound each message has, and how much of it the page has played."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Sounding:
    """One message's sound."""

    item_id: str
    began_ms: float
    sent_ms: float = 0.0
    complete: bool = False
    void: bool = False
    reported_ms: float | None = None
    reported_at_ms: float = 0.0

    def heard_ms(self, now_ms: float) -> float:
        """How much has been played by `now_ms`: the page's last report and the time since; without one, since it began.

        A page reports about four times a second, so what is added to a report is at most 400 ms.
        """
        if self.reported_ms is None:
            heard = now_ms - self.began_ms
        else:
            heard = self.reported_ms + min(now_ms - self.reported_at_ms, 400.0 if self.reported_ms else 0.0)
        return max(0.0, min(heard, self.sent_ms))


class Playback:
    """The messages whose sound has been sent and not been played to the end."""

    def __init__(self) -> None:
        self._sounding: dict[str, Sounding] = {}
        self._void: set[str] = set()

    def sent(self, item_id: str, ms: float, now_ms: float) -> bool | None:
        """More sound for a message: True if it is the first, None if it must be dropped, the message being cut."""
        if item_id in self._void:
            return None
        first = item_id not in self._sounding
        sounding = self._sounding.get(item_id)
        if sounding is None:
            queued_until = max((s.began_ms + s.sent_ms for s in self._sounding.values()), default=now_ms)
            sounding = self._sounding[item_id] = Sounding(item_id, began_ms=max(now_ms, queued_until))
        sounding.sent_ms += ms
        return first

    def complete(self, item_id: str) -> float | None:
        """All of a message's sound has been sent; its length in ms, None if it has none or was silenced."""
        sounding = self._sounding.get(item_id)
        if sounding is None:
            return None
        sounding.complete = True
        self._forget_if_heard(sounding)
        return sounding.sent_ms

    def played(self, item_id: str, ms: float, now_ms: float) -> None:
        """The page reports how much of a message it has played."""
        if (sounding := self._sounding.get(item_id)) is not None:
            sounding.reported_ms = min(ms, sounding.sent_ms)
            sounding.reported_at_ms = now_ms
            self._forget_if_heard(sounding)

    def unheard(self, now_ms: float) -> list[Sounding]:
        """Messages that are not played to the end by now, in order."""
        return [s for s in self._sounding.values() if not s.complete or s.heard_ms(now_ms) < s.sent_ms]

    def silence(self, item_id: str) -> None:
        """The message is cut: any more of its sound will be dropped."""
        self._void.add(item_id)
        self._sounding.pop(item_id, None)

    def _forget_if_heard(self, sounding: Sounding) -> None:
        if sounding.complete and sounding.reported_ms is not None and sounding.reported_ms >= sounding.sent_ms - 1:
            self._sounding.pop(sounding.item_id, None)

"""What the caller has heard: how much sound each message has, and how much of it the page has played."""

from __future__ import annotations

from dataclasses import dataclass

REPORT_REACHES_MS = 400.0
"""How long a page's report is taken to go on: pages report about four times a second."""
_ROUNDING_MS = 1.0


@dataclass
class Sounding:
    """One message's sound."""

    item_id: str
    began_ms: float
    sent_ms: float = 0.0
    complete: bool = False
    reported_ms: float | None = None
    reported_at_ms: float = 0.0

    def heard_ms(self, now_ms: float) -> float:
        """How much has been played by `now_ms`: the page's last report and the time since; without one, since it
        began."""
        if self.reported_ms is None:
            heard = now_ms - self.began_ms
        else:
            heard = self.reported_ms + min(now_ms - self.reported_at_ms, REPORT_REACHES_MS if self.reported_ms else 0.0)
        return max(0.0, min(heard, self.sent_ms))


@dataclass(frozen=True)
class Heard:
    """How much was heard of a message that was cut."""

    item_id: str
    ms: int


@dataclass
class _Cut:
    """Messages that were silenced, in order, and wait for the page's report."""

    at_ms: float
    messages: dict[str, Sounding]


class Playback:
    """The messages whose sound has been sent and not been played to the end."""

    def __init__(self) -> None:
        self._sounding: dict[str, Sounding] = {}
        self._void: dict[str, float] = {}
        self._cut: _Cut | None = None

    def sent(self, item_id: str, ms: float, now_ms: float) -> bool | None:
        """More sound for a message: True if it is the first, None if it must be dropped, the message being cut."""
        if item_id in self._void:
            self._void[item_id] += ms
            return None
        first = item_id not in self._sounding
        sounding = self._sounding.get(item_id)
        if sounding is None:
            self._forget_heard(now_ms)
            queued_until = max((s.began_ms + s.sent_ms for s in self._sounding.values()), default=now_ms)
            sounding = self._sounding[item_id] = Sounding(item_id, began_ms=max(now_ms, queued_until))
        sounding.sent_ms += ms
        return first

    def total_ms(self, item_id: str) -> float:
        """The length of a message's sound as far as it has come, dropped sound included; 0 if it is forgotten."""
        sounding = self._sounding.get(item_id)
        return sounding.sent_ms if sounding else self._void.get(item_id, 0.0)

    def complete(self, item_id: str) -> float | None:
        """All of a message's sound has been sent; its length in ms, None if it has none or was silenced."""
        sounding = self._sounding.get(item_id)
        if sounding is None:
            return None
        sounding.complete = True
        return sounding.sent_ms

    def played(self, item_id: str, ms: float, now_ms: float) -> bool:
        """The page reports how much of a message it has played; True if a cut waited for this report."""
        sounding = self._sounding.get(item_id)
        if sounding is not None:
            sounding.reported_ms, sounding.reported_at_ms = min(ms, sounding.sent_ms), now_ms
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

    def unheard(self, now_ms: float, *, unfinished_only: bool = False) -> list[Sounding]:
        """Messages that are not played to the end by now, in order; on demand only those still being made."""
        return [
            sounding
            for sounding in self._sounding.values()
            if not sounding.complete
            or (not unfinished_only and sounding.heard_ms(now_ms) < sounding.sent_ms - _ROUNDING_MS)
        ]

    def cut(self, now_ms: float, *, unfinished_only: bool = False) -> str | None:
        """Silences what is unheard: any more of its sound will be dropped. The id of the first message, if any.

        What was heard of them is told by `settle`, once the page has reported or has been waited for long enough.
        """
        unheard = self.unheard(now_ms, unfinished_only=unfinished_only)
        if not unheard:
            return None
        self._cut = _Cut(now_ms, {sounding.item_id: sounding for sounding in unheard})
        for sounding in unheard:
            del self._sounding[sounding.item_id]
            self._void[sounding.item_id] = sounding.sent_ms
        return unheard[0].item_id

    def refuse(self, item_id: str, ms: float) -> bool:
        """Sound of a message that nobody shall hear. True if it is the message's first."""
        if item_id in self._void or item_id in self._sounding:
            return False
        self._void[item_id] = ms
        return True

    def settle(self) -> list[Heard]:
        """What was heard of the messages that were cut, and not heard whole; afterwards there is no cut."""
        cut, self._cut = self._cut, None
        heard: list[Heard] = []
        broken = False
        for sounding in cut.messages.values() if cut else ():
            ms = 0.0 if broken or cut is None else sounding.heard_ms(cut.at_ms)
            broken = broken or ms < sounding.sent_ms - _ROUNDING_MS
            if broken or not sounding.complete:
                heard.append(Heard(sounding.item_id, int(ms)))
        return heard

    def _forget_heard(self, now_ms: float) -> None:
        for sounding in list(self._sounding.values()):
            if sounding.complete and sounding.heard_ms(now_ms) >= sounding.sent_ms - _ROUNDING_MS:
                del self._sounding[sounding.item_id]

"""The caller's sound that a session may still need: what waits for one, and what the present one may take with it."""

from __future__ import annotations

from collections import deque

from trunkline.realtime.audio import BYTES_PER_MS

MAX_HELD_BYTES = 20_000 * BYTES_PER_MS
"""How much is kept while there is no link, and of turns that are not understood yet: 20 s. The oldest goes first."""
LOOKBACK_BYTES = 1_000 * BYTES_PER_MS
"""How much is kept of what was sent while nobody speaks: a service tells that somebody does a little later. More, where
nothing came from the service since: it may be gone, and nobody knows yet."""


class CallerAudioBuffer:
    """Sound waits until a session is set up; what has gone to it is kept while the caller's turn is not understood.

    PCM16, 24 kHz, mono, in frames as they came. A place is a number of bytes since the call began.
    """

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._sent: deque[bytes] = deque()
        self._sent_from = 0
        self._sent_to = 0
        self._session_from = 0
        self._turns: dict[str, int] = {}
        """Where each turn began that is not understood yet."""
        self._understood_to = 0
        """Where the last turn ended that is."""
        self._arrived_to = 0
        """Up to where the session has got it."""

    @property
    def waits(self) -> bool:
        """Whether any sound waits."""
        return bool(self._waiting)

    def hold(self, pcm: bytes) -> None:
        """Sound for the next session."""
        self._waiting.append(pcm)
        self._waiting_bytes += len(pcm)
        while self._waiting_bytes > MAX_HELD_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft())

    def release(self) -> list[bytes]:
        """All that waits, in order. Afterwards nothing does."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        return waiting

    def sent(self, pcm: bytes) -> None:
        """Sound that goes to the session."""
        self._sent.append(pcm)
        self._sent_to += len(pcm)
        self._trim()

    def arrived(self) -> None:
        """The session has just shown that it is there: what was sent so far will have reached it."""
        self._arrived_to = self._sent_to

    def remember(self, turn: str, since_ms: int | None) -> None:
        """A turn of the caller's has begun, so many ms into the session's sound; None is with what comes next."""
        if since_ms is None:
            self._turns[turn] = self._sent_to
            return
        place = self._place(since_ms)
        if not self._sent_from <= place <= self._sent_to:
            place = max(self._sent_from, self._sent_to - LOOKBACK_BYTES)
        self._turns[turn] = place

    def forget(self, turn: str, until_ms: int | None) -> None:
        """The turn is understood, or will never be. It ended so many ms into the session's sound; None is by now."""
        self._turns.pop(turn, None)
        ended = self._sent_to if until_ms is None else min(self._place(until_ms), self._sent_to)
        self._understood_to = max(self._understood_to, ended)
        self._trim()

    def new_session(self, *, hears_again: bool) -> None:
        """Another session begins, which has heard nothing. `hears_again`: it gets the turns that are not understood, or
        the last moment, in which one may have begun."""
        if hears_again:
            self._leave_out_what_came_before(min(self._turns.values(), default=self._understood_to))
            later, self._waiting = self._waiting, deque()
            self._waiting_bytes = 0
            for pcm in (*self._sent, *later):
                self.hold(pcm)
        self._sent.clear()
        self._sent_from = self._session_from = self._understood_to = self._arrived_to = self._sent_to
        # They will be sent once more, from here on.
        self._turns = dict.fromkeys(self._turns, self._sent_to) if hears_again else {}

    def clear(self) -> None:
        """The caller is gone."""
        self.release()
        self._sent.clear()
        self._sent_from = self._sent_to
        self._turns.clear()

    def _place(self, ms: int) -> int:
        return self._session_from + ms * BYTES_PER_MS

    def _trim(self) -> None:
        kept_from = max(min(self._sent_to - LOOKBACK_BYTES, self._arrived_to), self._understood_to)
        if self._turns:
            kept_from = min(kept_from, *self._turns.values())
        self._leave_out_what_came_before(max(kept_from, self._sent_to - MAX_HELD_BYTES))

    def _leave_out_what_came_before(self, place: int) -> None:
        while self._sent and self._sent_from + len(self._sent[0]) <= place:
            self._sent_from += len(self._sent.popleft())

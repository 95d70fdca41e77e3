"""The caller's audio that a session may still need: audio that waits for a session, and audio to replay into the next.

A lost session takes the audio it has received with it. So the buffer keeps the audio of each turn until the turn is
understood or answered, and a short lookback of the rest.
"""

from __future__ import annotations

from collections import deque

from trunkline.realtime.audio import BYTES_PER_MS

MAX_HELD_BYTES = 20_000 * BYTES_PER_MS
"""Audio that is kept at most, for the next session and of turns that are not understood yet: 20 s, the latest."""
LOOKBACK_BYTES = 1_000 * BYTES_PER_MS
"""Sent audio that is kept while the caller is silent, since a service reports the start of speech a little late.

More is kept while nothing arrives from the service, since the connection may be dead.
"""
_TRIM_EVERY_BYTES = 100 * BYTES_PER_MS


class CallerAudioBuffer:
    """Holds audio until a session is set up, and keeps sent audio while the caller's turn is not understood.

    Audio is PCM16, 24 kHz, mono, in frames as they arrived. A position is a number of bytes since the call's start.
    """

    def __init__(self) -> None:
        self.pending: deque[bytes] = deque()
        """Audio that waits for a session."""
        self._pending_bytes = 0
        self._sent: deque[bytes] = deque()
        self._sent_start = 0
        self._sent_end = 0
        self._session_start = 0
        self._turns: dict[str, int] = {}
        """The start position of each turn that is not understood yet."""
        self._understood_end = 0
        """The end position of the latest understood turn."""
        self._received_end = 0
        """The position up to which the session has received the audio."""
        self._trim_at = 0
        self.trim_due = False
        """True if the next frame drops the audio that is not needed: `on_alive` is of use before it."""

    def hold(self, pcm: bytes) -> None:
        """Keep audio for the next session."""
        self.pending.append(pcm)
        self._pending_bytes += len(pcm)
        while self._pending_bytes > MAX_HELD_BYTES:
            self._pending_bytes -= len(self.pending.popleft())

    def take_pending(self) -> list[bytes]:
        """Remove and return the audio that waits for a session, in order."""
        pending = list(self.pending)
        self.pending.clear()
        self._pending_bytes = 0
        return pending

    def on_sent(self, pcm: bytes) -> None:
        """Keep audio that goes to the session now."""
        self._sent.append(pcm)
        self._sent_end += len(pcm)
        if self.trim_due:
            self._trim()
            self._trim_at = self._sent_end + _TRIM_EVERY_BYTES
        self.trim_due = self._sent_end >= self._trim_at

    def on_alive(self) -> None:
        """Count the audio sent so far as received, since the session has just sent something."""
        self._received_end = self._sent_end

    def keep_turn(self, turn_id: str, since_ms: int | None) -> None:
        """Keep the audio of a turn that began `since_ms` into the session's audio; None means now."""
        if since_ms is None:
            self._turns[turn_id] = self._sent_end
            return
        position = self._position(since_ms)
        if not self._sent_start <= position <= self._sent_end:
            position = max(self._sent_start, self._sent_end - LOOKBACK_BYTES)
        self._turns[turn_id] = position

    def release_turn(self, turn_id: str, until_ms: int | None) -> None:
        """Release the audio of a turn that ended `until_ms` into the session's audio; None means now."""
        self._turns.pop(turn_id, None)
        end = self._sent_end if until_ms is None else min(self._position(until_ms), self._sent_end)
        self._understood_end = max(self._understood_end, end)
        self._trim()

    def begin_session(self, *, replay: bool) -> None:
        """Begin another session, which has received nothing.

        Args:
            replay: True gives the session the turns that are not understood, or else the lookback, in which a turn may
                have begun.
        """
        if replay:
            self._trim()
            self._drop_before(min(self._turns.values(), default=self._understood_end))
            later, self.pending = self.pending, deque()
            self._pending_bytes = 0
            for pcm in (*self._sent, *later):
                self.hold(pcm)
        self._sent.clear()
        self._sent_start = self._session_start = self._understood_end = self._received_end = self._sent_end
        # The turns are sent again, from this position on.
        self._turns = dict.fromkeys(self._turns, self._sent_end) if replay else {}

    def clear(self) -> None:
        """Drop all audio, since the caller has left."""
        self.take_pending()
        self._sent.clear()
        self._sent_start = self._sent_end
        self._turns.clear()

    @property
    def needed_bytes(self) -> int:
        """The latest audio that another session would get: the turns that are not understood, or the lookback."""
        return self._sent_end - self._needed_from + self._pending_bytes

    def _position(self, ms: int) -> int:
        return self._session_start + ms * BYTES_PER_MS

    @property
    def _needed_from(self) -> int:
        """The position of the first audio that another session would get."""
        start = max(min(self._sent_end - LOOKBACK_BYTES, self._received_end), self._understood_end)
        if self._turns:
            start = min(start, *self._turns.values())
        return max(start, self._sent_end - MAX_HELD_BYTES)

    def _trim(self) -> None:
        self._drop_before(self._needed_from)

    def _drop_before(self, position: int) -> None:
        while self._sent and self._sent_start + len(self._sent[0]) <= position:
            self._sent_start += len(self._sent.popleft())

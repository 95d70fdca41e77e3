"""End of the caller's voice, as the page reports it by the level of the microphone.

A service reports the end of a turn, after the silence that it needs. With `semantic_vad` nobody but the caller's page
knows how long that silence was. The page reports a silence of some 100 ms, long before the turn ends.
"""

from __future__ import annotations

from trunkline.calls.machine.outbox import Outbox

MAX_LEAD_MS = 300.0
"""A voice that ended so long before `speech_started` still belongs to that speech: the service needs time to report."""


class VoiceEnd:
    """The latest reported end of the caller's voice."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._ended_at_ms: float | None = None

    def on_reported(self, ms: float) -> None:
        """Note that the voice ended `ms` ago."""
        self._ended_at_ms = self._outbox.now_ms - ms

    def on_speech_started(self) -> None:
        """Forget the end of earlier speech."""
        if self._ended_at_ms is not None and self._ended_at_ms < self._outbox.now_ms - MAX_LEAD_MS:
            self._ended_at_ms = None

    def take_silence_ms(self) -> float | None:
        """Return the time since the voice ended, and forget it; None without a report."""
        ended_at_ms, self._ended_at_ms = self._ended_at_ms, None
        return None if ended_at_ms is None else self._outbox.now_ms - ended_at_ms

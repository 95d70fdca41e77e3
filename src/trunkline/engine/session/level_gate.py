"""Level gate: a voice far below the caller's own level is a television or a colleague, and not the caller.

The level is learned from the caller's utterances: those with words. Before the first one, every voice passes. Audio is
never changed. The gate only decides if a frame counts as the caller's speech, so that quiet sounds at the start of a
word stay in the turn.
"""

from __future__ import annotations

import math

ONSET_BELOW_DB = 20.0
"""Distance below the caller's level at which a voice no longer starts a turn."""
SPEECH_BELOW_DB = 26.0
"""The same within a turn. Ends of sentences are quieter than beginnings."""
MAX_GATED_MS = 20_000
"""Duration of gated voices after which the level is forgotten: the caller may have moved away from the microphone."""
_LOUDER, _QUIETER = 0.5, 0.25
"""Shares of a new utterance in the level. A louder caller is followed faster, so that one soft reply opens no gate."""
_MIN_POWER = 1e-9


class LevelGate:
    """Gate of one audio stream.

    Attributes:
        level_db: the caller's level in dB of full scale; None before the first utterance.
    """

    def __init__(self) -> None:
        self.level_db: float | None = None
        self._gated_ms = 0.0
        self._power = self._weight = 0.0

    def passes(self, power: float, ms: float, *, speaking: bool) -> bool:
        """Return whether a frame with a voice counts as the caller's speech.

        Args:
            power: the mean square of the frame; full scale is 1.
            ms: the duration of the frame.
            speaking: True within a turn.
        """
        below_db = SPEECH_BELOW_DB if speaking else ONSET_BELOW_DB
        if self.level_db is None or _decibels(power) >= self.level_db - below_db:
            self._gated_ms = 0.0
            self._power += power * power  # weighted by the power, so that pauses within the frame count little
            self._weight += power
            return True
        self._gated_ms += ms
        if self._gated_ms >= MAX_GATED_MS:
            self.level_db, self._gated_ms = None, 0.0
        return False

    def take_utterance_db(self) -> float | None:
        """Return the level of the utterance so far, and begin the next one; None without a voice."""
        power, weight, self._power, self._weight = self._power, self._weight, 0.0, 0.0
        return _decibels(power / weight) if weight > 0 else None

    def learn(self, utterance_db: float) -> None:
        """Learn the level of an utterance that had words."""
        if self.level_db is None:
            self.level_db = utterance_db
            return
        difference = utterance_db - self.level_db
        self.level_db += difference * (_LOUDER if difference > 0 else _QUIETER)


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, _MIN_POWER))

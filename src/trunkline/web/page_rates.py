"""Rates of one page: its commands and its audio. A page above them is read more slowly, then closed."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.realtime.audio import BYTES_PER_MS

COMMANDS_PER_S = 20.0
COMMANDS_AT_ONCE = 40.0
"""Commands that a page may send at once, such as after a network that stood still."""
AUDIO_RATE = 2.0
"""Audio per time, where 1 is real time."""
AUDIO_AT_ONCE_S = 30.0
"""Audio in s that a page may send at once: the caller's voice, kept during a network that stood still."""
MAX_SLOWED_S = 10.0
"""The time in s that a page may be slowed without a pause, before it is closed."""
PAUSE_S = 1.0
"""The pause in s after which a page is not slowed any more. A busy server reads late, which is no pause of the page."""


class TooFastError(Exception):
    """A page stays above its rates. The message is the reason for it."""


@dataclass
class TokenBucket:
    """Bucket of `size` tokens that fills by `per_s` each second. It may be overdrawn, and then needs time.

    Attributes:
        per_s: the tokens that come back in a second.
        size: the tokens that may be taken at once.
    """

    per_s: float
    size: float
    slowed_since_s: float | None = field(init=False, default=None)
    """The time at which it was overdrawn first, since the last pause; None if it was not."""
    _left: float = field(init=False)
    _at_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Fill the bucket."""
        self._left = self.size

    def take(self, tokens: float, now_s: float) -> float:
        """Take tokens. Return the time in s until the bucket is not overdrawn; 0 if it is not."""
        self._left = min(self.size, self._left + (now_s - self._at_s) * self.per_s) - tokens
        self._at_s = now_s
        if self._left >= PAUSE_S * self.per_s:
            self.slowed_since_s = None
        elif self._left < 0 and self.slowed_since_s is None:
            self.slowed_since_s = now_s
        return max(0.0, -self._left / self.per_s)


class PageRates:
    """Rates of one page. It has no clock: times are arguments, in s.

    Args:
        max_slowed_s: the time after which a page that is still too fast is closed.
    """

    def __init__(self, max_slowed_s: float = MAX_SLOWED_S) -> None:
        self._max_slowed_s = max_slowed_s
        self._commands = TokenBucket(COMMANDS_PER_S, COMMANDS_AT_ONCE)
        self._audio = TokenBucket(AUDIO_RATE, AUDIO_AT_ONCE_S)

    def command(self, now_s: float) -> float:
        """Count a command. Return the time in s to wait before the page is read again.

        Raises:
            TooFastError: the page has been slowed for too long.
        """
        reason = f"too many commands: send at most {COMMANDS_PER_S:g} a second"
        return self._take(self._commands, 1, now_s, reason)

    def audio(self, size: int, now_s: float) -> float:
        """Count `size` bytes of PCM16 at 24 kHz. Return and raise as `command` does."""
        reason = f"too much audio: send at most {AUDIO_RATE:g} times real time"
        return self._take(self._audio, size / BYTES_PER_MS / 1000, now_s, reason)

    def _take(self, bucket: TokenBucket, tokens: float, now_s: float, reason: str) -> float:
        wait_s = bucket.take(tokens, now_s)
        if wait_s and bucket.slowed_since_s is not None and now_s - bucket.slowed_since_s > self._max_slowed_s:
            raise TooFastError(reason)
        return wait_s

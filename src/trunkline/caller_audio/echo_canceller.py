"""Echo canceller: it removes the agent's voice, which leaks from the speaker into the caller's microphone.

The canceller is WebRTC's AEC3, from the package `pywebrtc-audio` of the extra `local`. Its reference is the audio that
was played. The caller's audio is the clock: while 20 ms of the microphone arrive, 20 ms of the queued audio are played.
AEC3 finds delays up to about 400 ms by itself. A longer lag is found by correlation, and delays the reference.

AEC3 must not run on a line without an echo: it would take the caller for one, and silence them. So it works once an
echo was found, while the agent speaks and shortly afterwards. If an echo is to be expected, it also works during the
first second of the agent's speech.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trunkline.caller_audio.echo_lag import EchoLag
from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE, Resampler

logger = logging.getLogger(__name__)

FRAME_BYTES = 10 * BYTES_PER_MS
AEC_RATE = 16_000
"""Hz of the audio that AEC3 gets. While an echo is possible, the caller's audio has the band up to 8 kHz."""
_AEC_FRAME_BYTES = AEC_RATE // 100 * 2
PROBE_MS = 1500.0
"""Duration of the agent's speech in which an expected echo is found, if there is one."""
LOST_MS = 10_000.0
"""Duration of the agent's speech without an echo after which a line with an echo counts as free of it."""
TAIL_MS = 1000.0
"""Time after the agent's speech in which its echo may still arrive."""
LEAD_MS = 60.0
"""The reference reaches AEC3 so much earlier than the echo."""
MAX_UNDELAYED_MS = 450.0
"""Lag that AEC3 handles by itself."""
MAX_QUEUED_MS = 300_000
"""Limit of the queued reference, as in the page's own queue."""


Samples = NDArray[np.int16]


class Aec(Protocol):
    """An acoustic echo canceller."""

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return the microphone's audio without the echo of the played audio; multiples of 10 ms at 16 kHz."""


class _Cancellation:
    """A running canceller, with the conversion of its rate. It delays the audio by 3 ms."""

    def __init__(self, aec: Aec) -> None:
        self._aec = aec
        self._near, self._far = Resampler(SAMPLE_RATE, AEC_RATE), Resampler(SAMPLE_RATE, AEC_RATE)
        self._cleaned = Resampler(AEC_RATE, SAMPLE_RATE)
        self._near_audio = self._far_audio = b""

    def process(self, near: bytes, far: bytes) -> bytes:
        """Return the microphone's audio without the echo of the played audio, at 24 kHz."""
        self._near_audio += self._near.feed(near)
        self._far_audio += self._far.feed(far)
        return self._cleaned.feed(self._take(len(self._near_audio) - len(self._near_audio) % _AEC_FRAME_BYTES))

    def flush(self) -> bytes:
        """End the cancellation, and return the rest of the audio."""
        rest = self._near_audio + self._near.flush()
        return self._cleaned.feed(rest) + self._cleaned.flush()

    def _take(self, size: int) -> bytes:
        near, far = self._near_audio[:size], self._far_audio[:size]
        self._near_audio, self._far_audio = self._near_audio[size:], self._far_audio[size:]
        return self._aec.process(np.frombuffer(near, "<i2"), np.frombuffer(far, "<i2")).tobytes()


class EchoCanceller:
    """Echo canceller of one caller's line.

    Args:
        create_aec: creates the canceller, for the first echo that is possible.
        expects_echo: True if the line probably has an echo.
    """

    def __init__(self, create_aec: Callable[[], Aec], *, expects_echo: bool = False) -> None:
        self._create_aec = create_aec
        self._expects_echo = expects_echo
        self._running: _Cancellation | None = None
        self._lag = EchoLag()
        self._delay_ms = 0
        self._queued = bytearray()
        self._held = False
        self._pending = b""
        self._delayed = b""
        """Played audio that reaches AEC3 later, because the echo comes late."""
        self._realigned = False
        self._quiet_ms = TAIL_MS

    @property
    def lag_ms(self) -> float | None:
        """The lag of the echo; None while no echo was found."""
        return self._lag.lag_ms

    @property
    def is_free_of_echo(self) -> bool:
        """True if no echo was found lately, and none is expected."""
        if self._lag.lag_ms is None:
            return not self._expects_echo or self._lag.missed_ms >= PROBE_MS
        return self._lag.missed_ms >= LOST_MS

    def play(self, pcm: bytes) -> None:
        """Queue audio that the caller's speaker plays: PCM16 at 24 kHz."""
        if len(self._queued) < MAX_QUEUED_MS * BYTES_PER_MS:
            self._queued += pcm

    def hold(self, held: bool) -> None:
        """Hold the queued audio while the speaker does, or continue it."""
        self._held = held

    def stop_playing(self) -> None:
        """Drop the queued audio, which is not played."""
        self._queued.clear()
        self._held = False

    def process(self, pcm: bytes) -> bytes:
        """Return the caller's audio without echo: PCM16 at 24 kHz. Some ms of it may wait for the next call."""
        if not self._queued and self._is_over and not self._pending:
            return pcm
        audio = self._pending + pcm
        whole = len(audio) - len(audio) % FRAME_BYTES
        near, self._pending = audio[:whole], audio[whole:]
        played = 0 if self._held else whole
        far = bytes(self._queued[:played]).ljust(whole, b"\0")
        del self._queued[:played]
        is_active = bool(far.strip(b"\0"))
        self._quiet_ms = 0.0 if is_active else self._quiet_ms + whole / BYTES_PER_MS
        if self._is_over:
            near, self._pending = near + self._pending, b""
            return self._end() + near
        self._lag.add(near, far, active=is_active)
        self._follow_lag()
        return self._end() + near if self.is_free_of_echo else self._cancel(near, far)

    @property
    def _is_over(self) -> bool:
        """True if no echo of the agent's speech can arrive any more."""
        return self._quiet_ms >= TAIL_MS + self._delay_ms

    def _cancel(self, near: bytes, far: bytes) -> bytes:
        before = b""
        if self._realigned:  # AEC3 follows a jump of the delay slowly; another one finds it at once
            self._realigned, before = False, self._end()
        if self._running is None:
            self._running = _Cancellation(self._create_aec())
        self._delayed += far
        far, self._delayed = self._delayed[: len(near)], self._delayed[len(near) :]
        return before + self._running.process(near, far)

    def _end(self) -> bytes:
        """End the cancellation, and return the audio that it has delayed."""
        running, self._running = self._running, None
        return running.flush() if running is not None else b""

    def _follow_lag(self) -> None:
        """Delay the reference by the lag of an echo that comes too late for AEC3."""
        lag_ms = self._lag.lag_ms
        wanted_ms = 0 if lag_ms is None or lag_ms <= MAX_UNDELAYED_MS else int(lag_ms - LEAD_MS)
        if abs(wanted_ms - self._delay_ms) > LEAD_MS / 2:
            self._delay_ms = wanted_ms
            self._delayed = bytes(wanted_ms * BYTES_PER_MS)
            self._realigned = True


def create_echo_canceller(*, expects_echo: bool = False) -> EchoCanceller | None:
    """Return a canceller for one line; None without the package `pywebrtc-audio`.

    Args:
        expects_echo: True if the line probably has an echo.
    """
    try:
        from pywebrtc_audio import EchoCanceller as Aec3
    except ImportError:
        logger.debug("Echo is not cancelled, because pywebrtc-audio is not installed.")
        return None
    return EchoCanceller(lambda: Aec3(sample_rate=AEC_RATE), expects_echo=expects_echo)

"""Lag of an echo: the time from the agent's audio to its return in the caller's microphone, found by correlation.

Both signals are reduced to 4 kHz. Four times a second of the agent's speech, the last second of the microphone is
correlated with the played audio, by generalised cross-correlation with phase transform. An echo is one sharp peak:
20 to 30 standard deviations high, and 11 to 28 while the caller speaks too. A caller without an echo gives 6 to 12, and
up to 16 with the agent's own voice and words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE

MAX_LAG_MS = 1500
CHECK_EVERY_MS = 250
CHECK_SELDOM_EVERY_MS = 2000
"""The same for an echo that was found, whose lag changes rarely, and for a line without an echo."""
SEARCH_MS = 10_000
"""Duration of the agent's speech without an echo after which the search becomes rare."""
_DECIMATION = 6
_RATE = SAMPLE_RATE // _DECIMATION
_NEAR = _RATE
_FAR = _NEAR + _RATE * MAX_LAG_MS // 1000
_FFT = 1 << (_FAR + _NEAR - 1).bit_length()
_BAND = slice(_FFT * 200 // _RATE, _FFT * 1800 // _RATE)
_PHASE_SHARE = 0.8
"""Exponent of the phase transform. Less than 1 gives bands with little speech less weight."""
MIN_PEAK = 14.0
"""Height of an echo's peak, relative to the standard deviation of the correlation."""
_SAME_MS = 8
_MIN_LEVEL = 2.0
"""RMS below which a signal counts as silent, of a full scale of 32768."""
_TO_MS = 1000 / _RATE


class EchoLag:
    """The lag of the echo on one line.

    Attributes:
        lag_ms: the lag; None while no echo was found.
        missed_ms: duration of the agent's speech since an echo was found last, or since the beginning.
    """

    def __init__(self) -> None:
        self.lag_ms: float | None = None
        self.missed_ms = 0.0
        self._near = np.zeros(_NEAR, np.float32)
        self._far = np.zeros(_FAR, np.float32)
        self._active_ms = 0.0
        self._candidate_ms: float | None = None
        self._agreed = 0
        """The number of times that the candidate was found again in a row."""

    def add(self, near: bytes, far: bytes, *, active: bool) -> None:
        """Add audio: PCM16 at 24 kHz, multiples of 10 ms.

        Args:
            near: the microphone's audio.
            far: the audio that was played meanwhile, of equal length.
            active: True if the agent speaks.
        """
        self._near = _shifted(self._near, near)
        self._far = _shifted(self._far, far)
        if not active:
            return
        ms = len(near) / BYTES_PER_MS
        self.missed_ms += ms
        self._active_ms += ms
        is_known = self.lag_ms is not None and self.missed_ms < 2 * CHECK_SELDOM_EVERY_MS
        is_settled = is_known or self.missed_ms >= SEARCH_MS
        if self._active_ms >= (CHECK_SELDOM_EVERY_MS if is_settled else CHECK_EVERY_MS):
            self._active_ms = 0.0
            self._check()

    def _check(self) -> None:
        found_ms = _echo_in(self._near, self._far)
        former_ms, self._candidate_ms = self._candidate_ms, found_ms
        if found_ms is None or former_ms is None or abs(found_ms - former_ms) > _SAME_MS:
            self._agreed = 0
            return
        self._agreed += 1
        # The peak of one second may be chance. Three equal ones in a row are an echo; a known one needs only two.
        if self._agreed >= 2 or (self.lag_ms is not None and abs(found_ms - self.lag_ms) <= _SAME_MS):
            self.missed_ms = 0.0
            self.lag_ms = found_ms


def _shifted(buffer: NDArray[np.float32], pcm: bytes) -> NDArray[np.float32]:
    reduced = np.frombuffer(pcm, "<i2").reshape(-1, _DECIMATION).mean(axis=1, dtype=np.float32)
    return np.concatenate((buffer, reduced))[len(reduced) :]


def _echo_in(near: NDArray[np.float32], far: NDArray[np.float32]) -> float | None:
    """Return the lag of the echo in ms; None without an echo."""
    if min(float(np.sqrt((near * near).mean())), float(np.sqrt((far * far).mean()))) < _MIN_LEVEL:
        return None
    cross = np.fft.rfft(near, _FFT).conj() * np.fft.rfft(far, _FFT)
    weighted = np.zeros_like(cross)
    weighted[_BAND] = cross[_BAND] / (np.abs(cross[_BAND]) ** _PHASE_SHARE + 1e-9)
    correlation = np.abs(np.fft.irfft(weighted)[: _FAR - _NEAR + 1])
    best = int(correlation.argmax())
    if correlation[best] < MIN_PEAK * float(correlation.std()):
        return None
    return (_FAR - _NEAR - best) * _TO_MS

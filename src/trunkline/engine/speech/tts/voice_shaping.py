"""Shaping of a clause's audio: silence trimmed, pitch changed, and the rate converted to 24 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SAMPLE_RATE
from trunkline.realtime.audio import Resampler

_QUIET = 200  # amplitude below which a sample counts as silence (-44 dBFS)
_PITCH_STEP_HZ = 300
"""Resampling starts from a multiple of this rate, so that the resampler's filters stay short: 1 % of pitch."""


def shape(
    samples: NDArray[np.int16],
    words: list[tuple[int, int]],
    *,
    rate: int,
    pitch: float,
    leading_ms: int,
    trailing_ms: int,
) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Return PCM16 at 24 kHz, and the end of each word in ms and characters.

    Pitch is changed by playing the samples faster or slower, so the pace changes with it: the caller makes up for that.

    Args:
        samples: of the voice, at `rate` Hz.
        words: the end of each word in samples and characters.
        leading_ms, trailing_ms: silence before and after the words.
    """
    from_rate = rate if pitch == 1 else round(rate * pitch / _PITCH_STEP_HZ) * _PITCH_STEP_HZ
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
    if not loud.size:
        return b"", ()
    start, end = max(0, int(loud[0]) - from_rate * leading_ms // 1000), int(loud[-1]) + 1
    silence = np.zeros(from_rate * trailing_ms // 1000, np.int16)
    kept = np.concatenate((samples[start:end], silence)).astype("<i2").tobytes()
    if from_rate == SAMPLE_RATE:
        pcm = kept
    else:
        resampler = Resampler(from_rate, SAMPLE_RATE)
        pcm = resampler.feed(kept) + resampler.flush()
    spoken = max(end - start, 0)
    return pcm, tuple((min(max(sample - start, 0), spoken) * 1000 // from_rate, text_end) for sample, text_end in words)

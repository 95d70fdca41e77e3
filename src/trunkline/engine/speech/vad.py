"""Voice activity detection: the probability that 32 ms of audio hold speech."""

from __future__ import annotations

from typing import Protocol

import numpy as np

RATE = 16_000
"""Hz of the audio (PCM16 mono)."""

FRAME_SAMPLES = 512
FRAME_BYTES = 2 * FRAME_SAMPLES
FRAME_MS = 32


class VoiceActivity(Protocol):
    """Judges one stream of audio, frame after frame."""

    def probability(self, frame: bytes) -> float:
        """Return the probability that the next frame, `FRAME_BYTES` of PCM16 at 16 kHz, holds speech: 0 to 1.

        Raises:
            ValueError: the frame has another size.
        """

    def reset(self) -> None:
        """Forget the stream so far: the next frame begins another one."""


class EnergyVoiceActivity:
    """Takes loud audio for speech. Deterministic and without dependencies, for tests and for clean audio.

    Args:
        quiet_dbfs: the level (RMS) up to which the probability is 0.
        loud_dbfs: the level from which it is 1; in between it rises in proportion.
    """

    def __init__(self, quiet_dbfs: float = -55.0, loud_dbfs: float = -35.0) -> None:
        self._quiet = quiet_dbfs
        self._loud = loud_dbfs

    def probability(self, frame: bytes) -> float:
        """See `VoiceActivity.probability`."""
        check_frame(frame)
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        power = float(samples @ samples) / FRAME_SAMPLES / 32768**2
        level = 10 * np.log10(power) if power else -np.inf
        return float(min(max((level - self._quiet) / (self._loud - self._quiet), 0.0), 1.0))

    def reset(self) -> None:
        """Do nothing: each frame is judged alone."""


def check_frame(frame: bytes) -> None:
    """Check the size of a frame.

    Raises:
        ValueError: the frame has another size than `FRAME_BYTES`.
    """
    if len(frame) != FRAME_BYTES:
        raise ValueError(f"A frame has {FRAME_BYTES} bytes (32 ms at 16 kHz), not {len(frame)}.")

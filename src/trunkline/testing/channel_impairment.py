"""Impairment of the caller's channel: background noise, a telephone's narrow band, lost packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trunkline.realtime.audio import FORMATS

VOICE_DBFS = -20.0
"""The usual level of a caller's voice."""
_FULL_SCALE = 32768
_SILENT = 300  # amplitude of the pauses between words: they do not count for the level of a voice


@dataclass(frozen=True)
class ChannelImpairment:
    """Impairment of the channel of a caller who speaks. It does not affect typed calls.

    Attributes:
        noise_dbfs: the level of the noise around the caller, such as -40 for a street; None is a quiet room. A voice is
            about -20.
        snr_db: the level of the caller's voice above the noise, such as 10 for a loud room; instead of `noise_dbfs`.
        telephone: 8 kHz audio with μ-law coding.
        loss: the share of 20 ms packets that are lost, 0 to 1; each becomes silence.
        seed: the seed of the noise and the losses, which are the same in every run.
    """

    noise_dbfs: float | None = None
    snr_db: float | None = None
    telephone: bool = False
    loss: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the attributes.

        Raises:
            ValueError: the noise has two levels.
        """
        if self.noise_dbfs is not None and self.snr_db is not None:
            raise ValueError("noise_dbfs and snr_db both give the level of the noise. Remove one.")

    def open(self) -> ImpairedChannel:
        """Open the channel of one call."""
        return ImpairedChannel(self)


UNIMPAIRED = ChannelImpairment()
"""No impairment."""


class ImpairedChannel:
    """Channel of one call, with the state of its noise, filters and losses."""

    def __init__(self, impairment: ChannelImpairment) -> None:
        self._impairment = impairment
        self._random = np.random.default_rng(impairment.seed)
        self._codec = _telephone() if impairment.telephone else None
        self._last = 0.0
        self._voice_dbfs = VOICE_DBFS

    def set_voice(self, pcm: bytes) -> None:
        """Take the level of the caller's voice from the next utterance, for `snr_db`."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        loud = samples[np.abs(samples) > _SILENT]
        if loud.size:
            self._voice_dbfs = 20 * float(np.log10(np.sqrt((loud * loud).mean()) / _FULL_SCALE))

    def apply(self, frame: bytes) -> bytes:
        """Return the frame as it arrives: of the same length, PCM16 at 24 kHz."""
        impairment = self._impairment
        if impairment.snr_db is not None:
            frame = self._with_noise(frame, self._voice_dbfs - impairment.snr_db)
        elif impairment.noise_dbfs is not None:
            frame = self._with_noise(frame, impairment.noise_dbfs)
        if self._codec is not None:
            frame = self._codec(frame)
        if impairment.loss and self._random.random() < impairment.loss:
            return bytes(len(frame))
        return frame

    def _with_noise(self, frame: bytes, level: float) -> bytes:
        samples = np.frombuffer(frame, "<i2").astype(np.float64)
        white = self._random.standard_normal(samples.size)
        noise = self._brownish(white) * _FULL_SCALE * 10 ** (level / 20)
        return np.clip(np.rint(samples + noise), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()

    def _brownish(self, white: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return noise of unit power with more bass than treble, as in streets and rooms."""
        out = np.empty_like(white)
        last = self._last
        for index, value in enumerate(white.tolist()):
            last = 0.9 * last + value
            out[index] = last
        self._last = last
        return out * float(np.sqrt(1 - 0.9**2))


def _telephone() -> Callable[[bytes], bytes]:
    narrow = FORMATS["audio/pcmu"]
    encode, decode = narrow.encoder(), narrow.decoder()
    waiting = bytearray()

    def through(frame: bytes) -> bytes:
        waiting.extend(decode.feed(encode.feed(frame)))
        # The filters hold a few samples back at first: the audio begins with as much silence.
        missing = len(frame) - len(waiting)
        applied = bytes(max(0, missing)) + bytes(waiting[: len(frame)])
        del waiting[: len(frame)]
        return applied

    return through

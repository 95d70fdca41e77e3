"""Opus by libopus: packets of 20 ms, stereo at 24 kHz. PyAV is an extra, and slow to import."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from fractions import Fraction
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trunkline.realtime.audio import SAMPLE_RATE, Resampler
from trunkline.store.audio.ogg import FRAME_MS, GRANULE_RATE

if TYPE_CHECKING:
    from av import AudioFrame

BIT_RATE = 48_000
COMPLEXITY = "0"
"""libopus' least work, from 0 to 10: half of that at 2, and speech at this rate does not need more."""
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
Stereo = NDArray[np.int16]
"""PCM16 at 24 kHz with a row for each sample: the caller and the agent."""


class OpusError(ValueError):
    """The packet is not valid Opus."""


def is_installed() -> bool:
    """Return whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


class OpusEncoder:
    """Encoder of one recording. Its packets continue one another."""

    def __init__(self) -> None:
        import av

        self._new_frame = av.AudioFrame
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.bit_rate = BIT_RATE
        self._codec.format = "s16"
        self._codec.layout = "stereo"
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.time_base = Fraction(1, SAMPLE_RATE)
        self._codec.options = {"application": "audio", "compression_level": COMPLEXITY, "frame_duration": str(FRAME_MS)}
        self._samples = 0

    def encode(self, audio: Stereo) -> list[bytes]:
        """Encode whole frames of 20 ms, each as one packet."""
        frames = (self._frame(audio[start : start + FRAME_SAMPLES]) for start in range(0, len(audio), FRAME_SAMPLES))
        return [bytes(packet) for frame in frames for packet in self._codec.encode(frame)]

    def _frame(self, audio: Stereo) -> AudioFrame:
        frame = self._new_frame(format="s16", layout="stereo", samples=FRAME_SAMPLES)
        frame.planes[0].update(audio.tobytes())
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._samples
        self._samples += FRAME_SAMPLES
        return frame


class OpusDecoder:
    """Decoder of one stream of packets, to stereo at 24 kHz. libopus decodes to 48 kHz."""

    def __init__(self) -> None:
        import av

        self._av: ModuleType = av
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.format = "s16"
        self._codec.layout = "stereo"
        self._codec.sample_rate = GRANULE_RATE
        self._resamplers = [Resampler(GRANULE_RATE, SAMPLE_RATE) for _channel in range(2)]

    def decode(self, packets: Iterable[bytes]) -> Iterator[Stereo]:
        """Yield the audio of packets. The last millisecond follows with the next packet.

        Raises:
            OpusError: a packet is not valid.
        """
        for packet in packets:
            try:
                frames = self._codec.decode(self._av.Packet(packet))
            except self._av.FFmpegError as error:
                raise OpusError(f"A packet is not valid Opus: {error}") from None
            for frame in frames:
                samples = np.frombuffer(bytes(frame.planes[0]), "<i2")[: frame.samples * 2].reshape(-1, 2)
                both = [one.feed(samples[:, side].tobytes()) for side, one in enumerate(self._resamplers)]
                yield np.stack([np.frombuffer(one, "<i2") for one in both], axis=1)

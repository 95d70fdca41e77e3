"""Reader of the page's recording: both voices, their times and their speech."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tests.browser.conftest import Caller

BLOCK_MS = 20
AUDIBLE = 0.01
"""RMS of a block, of a full scale of 1, from which on it is sound."""
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """One of the two channels: samples of -1 to 1."""

    rate: int
    samples: Samples

    def levels(self) -> Samples:
        """The RMS of each 20 ms."""
        size = self.rate * BLOCK_MS // 1000
        blocks = self.samples[: len(self.samples) // size * size].reshape(-1, size)
        levels: Samples = np.sqrt(np.mean(blocks**2, axis=1))
        return levels

    def spans(self, pause_ms: int = 500) -> list[tuple[int, int]]:
        """When it sounded: (from, to) in ms, with shorter pauses within."""
        found: list[tuple[int, int]] = []
        for index in np.flatnonzero(self.levels() > AUDIBLE):
            start, end = int(index) * BLOCK_MS, (int(index) + 1) * BLOCK_MS
            if found and start - found[-1][1] < pause_ms:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found

    def after(self, ms: float) -> Voice:
        """What came later than that."""
        return Voice(self.rate, self.samples[int(ms * self.rate / 1000) :])

    def share_above(self, hz: float) -> float:
        """How much of its energy lies above a frequency, 0 to 1."""
        energy = np.abs(np.fft.rfft(self.samples)) ** 2
        frequencies = np.fft.rfftfreq(len(self.samples), 1 / self.rate)
        return float(energy[frequencies > hz].sum() / energy.sum())


@dataclass(frozen=True)
class Recorded:
    """A downloaded recording."""

    name: str
    caller: Voice
    agent: Voice
    ms: float


def download(caller: Caller, into: Path) -> Recorded:
    """Presses "Download audio" and reads the file."""
    with caller.page.expect_download() as downloading:
        caller.page.get_by_role("button", name="Download audio").click()
    path = into / "call.wav"
    downloading.value.save_as(path)
    with path.open("rb") as file:
        return read_recording(file, downloading.value.suggested_filename)


def read_recording(file: BinaryIO, name: str) -> Recorded:
    """Reads a WAV file of two voices."""
    with wave.open(file) as wav:
        assert (wav.getnchannels(), wav.getsampwidth()) == (2, 2)
        rate, frames = wav.getframerate(), wav.readframes(wav.getnframes())
    both = np.frombuffer(frames, "<i2").reshape(-1, 2) / 32768
    return Recorded(name, Voice(rate, both[:, 0]), Voice(rate, both[:, 1]), len(both) / rate * 1000)

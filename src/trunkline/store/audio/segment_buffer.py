"""Raw audio of an open segment: in a local file, which survives a crash, or in memory.

Both channels have their own half of the file, so that each is written where its audio belongs. Silence is not
written: it is a hole of the file.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

import numpy as np

from trunkline.realtime.audio import SAMPLE_RATE
from trunkline.store.audio.opus import Stereo

SEGMENT_MS = 10_000
SEGMENT_SAMPLES = SAMPLE_RATE * SEGMENT_MS // 1000
CHANNEL_BYTES = SEGMENT_SAMPLES * 2


class SegmentBuffer(Protocol):
    """Audio of an open segment."""

    def write(self, channel: int, start: int, pcm: bytes) -> None:
        """Write audio of a channel at a sample of the segment; it fits into the segment.

        Raises:
            OSError: the disk is full or broken.
        """

    def read(self) -> Stereo:
        """Return the whole segment.

        Raises:
            OSError: the disk is broken.
        """

    def drop(self) -> None:
        """Remove the audio."""


class FileBuffer:
    """A segment in a private file. The file is open only while it is written: calls need no descriptors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, channel: int, start: int, pcm: bytes) -> None:
        """See the protocol."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            at = channel * CHANNEL_BYTES + start * 2
            while pcm:
                written = os.pwrite(descriptor, pcm, at)
                pcm, at = pcm[written:], at + written
        finally:
            os.close(descriptor)

    def read(self) -> Stereo:
        """See the protocol."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            data = b""
        return _stereo(data)

    def drop(self) -> None:
        """See the protocol."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class MemoryBuffer:
    """A segment in memory, for audio that must not reach the disk yet."""

    def __init__(self) -> None:
        self._data = bytearray(2 * CHANNEL_BYTES)

    def write(self, channel: int, start: int, pcm: bytes) -> None:
        """See the protocol."""
        at = channel * CHANNEL_BYTES + start * 2
        self._data[at : at + len(pcm)] = pcm

    def read(self) -> Stereo:
        """See the protocol."""
        return _stereo(bytes(self._data))

    def drop(self) -> None:
        """See the protocol."""
        self._data = bytearray(2 * CHANNEL_BYTES)


def length_of(audio: Stereo) -> int:
    """Return the samples of a segment up to its last audible one."""
    audible = np.flatnonzero(audio.any(axis=1))
    return int(audible[-1]) + 1 if audible.size else 0


def _stereo(data: bytes) -> Stereo:
    planes = np.zeros((2, SEGMENT_SAMPLES), "<i2")
    flat = planes.reshape(-1)
    samples = np.frombuffer(data[: len(data) & ~1], "<i2")[: flat.size]
    flat[: samples.size] = samples
    return np.ascontiguousarray(planes.T)

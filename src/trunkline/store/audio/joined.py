"""A whole recording from its segments: as one Ogg Opus file, without decoding, or as one WAV file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from trunkline.realtime.audio import SAMPLE_RATE
from trunkline.store.audio.ogg import (
    GRANULES_PER_SAMPLE,
    PACKETS_PER_SEGMENT,
    PRE_SKIP,
    OggError,
    OggWriter,
    Page,
    packets_of,
    pages_of,
    read_segment,
    samples_of,
    silence,
)
from trunkline.store.audio.opus import FRAME_SAMPLES, OpusDecoder, OpusEncoder, OpusError, Stereo
from trunkline.store.audio.segment_buffer import SEGMENT_SAMPLES
from trunkline.store.audio.segment_store import AudioStoreError, SegmentFile, SegmentStore
from trunkline.store.audio.segmented_recording import packets_for

WAV_HEADER_BYTES = 44
_FRAME_BYTES = 4
_PRE_SKIP_SAMPLES = PRE_SKIP // GRANULES_PER_SAMPLE


class JoinedRecording:
    """The recording of one call. Its methods block: call them in a thread.

    Segments that are missing or damaged are silence.

    Args:
        store: the store of the segments.
        segments: the segments of the call, in order.
    """

    def __init__(self, store: SegmentStore, segments: Sequence[SegmentFile]) -> None:
        self._store = store
        self._segments = {index: list(some) for index, some in groupby(segments, key=lambda one: one.index)}
        self._last = max(self._segments, default=-1)
        self._samples: int | None = None

    @property
    def samples(self) -> int:
        """The length in samples at 24 kHz.

        Raises:
            AudioStoreError: the last segment cannot be read.
        """
        if self._samples is None:
            self._samples = 0 if self._last < 0 else self._last * SEGMENT_SAMPLES + self._length_of_last()
        return self._samples

    @property
    def wav_size(self) -> int:
        """The bytes of the WAV file."""
        return WAV_HEADER_BYTES + self.samples * _FRAME_BYTES

    def ogg(self) -> Iterator[bytes]:
        """Yield the parts of an Ogg Opus file.

        Raises:
            AudioStoreError: a segment cannot be read.
        """
        writer = OggWriter()
        yield writer.head()
        held: Page | None = None
        left = packets_for(self.samples, last=True)
        for page in self._pages():
            if left <= 0:
                break
            if held is not None:
                yield writer.page(held)
            held = page.first(left)
            left -= held.packets
        for page in silence(left):
            if held is not None:
                yield writer.page(held)
            held = page
        if held is not None:
            yield writer.page(held, self.samples * GRANULES_PER_SAMPLE + PRE_SKIP)

    def wav(self) -> Iterator[bytes]:
        """Yield the parts of a WAV file with two channels.

        Raises:
            AudioStoreError: a segment cannot be read.
        """
        yield wav_header(self.samples)
        left, skip = self.samples, _PRE_SKIP_SAMPLES
        decoder = OpusDecoder()
        for page in self._pages_and_flush():
            for audio in decoder.decode(packets_of(page)):
                part = audio[skip : skip + left]
                skip = max(0, skip - len(audio))
                left -= len(part)
                yield part.tobytes()
        while left > 0:
            size = min(left, SEGMENT_SAMPLES)
            left -= size
            yield bytes(size * _FRAME_BYTES)

    def _pages_and_flush(self) -> Iterator[Page]:
        yield from self._pages()
        yield from silence(1)

    def _pages(self) -> Iterator[Page]:
        """Yield the pages of all segments; each segment but the last has exactly its packets."""
        for index in range(self._last + 1):
            pages = self._pages_of(index)
            if index == self._last:
                yield from pages
                return
            left = PACKETS_PER_SEGMENT
            for page in pages:
                some = page.first(left)
                left -= some.packets
                if some.packets:
                    yield some
            yield from silence(left)

    def _pages_of(self, index: int) -> list[Page]:
        found: list[list[Page]] = []
        for segment in self._segments.get(index, ()):
            try:
                found.append(read_segment(self._store.get(segment)))
            except OggError:  # a damaged segment is silence
                continue
        return _mixed(found) if len(found) > 1 else found[0] if found else []

    def _length_of_last(self) -> int:
        return min(SEGMENT_SAMPLES, samples_of(self._pages_of(self._last)))


def wav_header(samples: int) -> bytes:
    """Return the header of a WAV file of PCM16 with two channels at 24 kHz."""
    size = samples * _FRAME_BYTES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, SAMPLE_RATE, SAMPLE_RATE * _FRAME_BYTES, _FRAME_BYTES, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", WAV_HEADER_BYTES - 8 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
    )


def _mixed(files: Sequence[Sequence[Page]]) -> list[Page]:
    """Return the pages of one segment that two servers have recorded, one after the other.

    The caller's audio that both have, since the page has sent it again, must not sound twice. So the louder one is
    taken of each frame and channel.
    """
    length = max(samples_of(pages) for pages in files)
    frames = packets_for(length, last=True)
    total = np.zeros((frames, FRAME_SAMPLES, 2), np.int16)
    for pages in files:
        audio = np.zeros_like(total).reshape(-1, 2)
        decoded = _decoded(pages)[_PRE_SKIP_SAMPLES:][: len(audio)]
        audio[: len(decoded)] = decoded
        framed = audio.reshape(total.shape)
        louder = _loudness(framed) > _loudness(total)
        total = np.where(louder, framed, total)
    packets = OpusEncoder().encode(total.reshape(-1, 2))
    pages = list(pages_of(packets))
    last = pages[-1]
    return [*pages[:-1], Page(last.lacing, last.body, length * GRANULES_PER_SAMPLE + PRE_SKIP, ends=True)]


def _loudness(frames: Stereo) -> NDArray[np.int64]:
    """Return the loudness of each frame and channel, as an array that applies to all samples of the frame."""
    loudness: NDArray[np.int64] = np.abs(frames.astype(np.int64)).sum(axis=1, keepdims=True)
    return loudness


def _decoded(pages: Sequence[Page]) -> Stereo:
    decoder = OpusDecoder()
    try:
        parts = [audio for page in pages for audio in decoder.decode(packets_of(page))]
    except OpusError as error:
        raise AudioStoreError(f"A segment is damaged: {error}") from error
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.int16)

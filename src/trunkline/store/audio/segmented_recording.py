"""One call's recording: its timeline, cut into encoded segments. It runs in the recorder's thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from trunkline.calls.log_events import CallEnded
from trunkline.store.audio import inputs
from trunkline.store.audio.ogg import (
    GRANULES_PER_PACKET,
    GRANULES_PER_SAMPLE,
    PRE_SKIP,
    SILENT_PACKET,
    OggError,
    packets_of,
    read_segment,
    samples_of,
    write_segment,
)
from trunkline.store.audio.opus import FRAME_SAMPLES, OpusDecoder, OpusEncoder, OpusError, Stereo
from trunkline.store.audio.placement import SAMPLES_PER_MS
from trunkline.store.audio.redacted_spans import RedactedSpans
from trunkline.store.audio.segment_buffer import SEGMENT_MS, SEGMENT_SAMPLES, SegmentBuffer
from trunkline.store.audio.timeline import Sound, Timeline

logger = logging.getLogger(__name__)
LATE_MS = 21_000
"""Time after a segment's end in which audio may still arrive for it: the audio that a page has kept during a lost
connection, 20 s at the most."""
REDACTED_LATE_MS = 8_000
"""The same for a recording that waits for redaction, since its open segments are in memory."""
MAX_HELD_MS = 180_000
"""Time after a segment's end for which it is held, encoded, until the words of its utterances are decided."""
MAX_AHEAD_SEGMENTS = 1
"""Segments beyond the present one that audio may reach, such as a text read by a program at once."""


@dataclass
class _Held:
    """An encoded segment that must not be stored yet, with the spans to silence in it."""

    index: int
    data: bytes
    samples: int
    last: bool
    silences: list[tuple[int, int, int]] = field(default_factory=list)


class SegmentedRecording:
    """Recording of one call.

    Args:
        open_segment: returns the buffer of a segment by its index.
        put: stores an encoded segment by its index, and returns whether it could.
        new_encoder: creates the encoder.
        redaction: the spans that must be silent; None keeps everything.

    Attributes:
        ended: True after the end of the call, or of its time on this server: all segments are stored.
        lost_ms: duration of the audio that could not be kept.
    """

    def __init__(
        self,
        open_segment: Callable[[int], SegmentBuffer],
        put: Callable[[int, bytes], bool],
        *,
        new_encoder: Callable[[], OpusEncoder] = OpusEncoder,
        redaction: RedactedSpans | None = None,
    ) -> None:
        self._open_segment = open_segment
        self._put = put
        self._new_encoder = new_encoder
        self._redaction = redaction
        self._late_ms = LATE_MS if redaction is None else REDACTED_LATE_MS
        self._timeline = Timeline()
        self._open: dict[int, SegmentBuffer] = {}
        self._held: deque[_Held] = deque()
        self._next = 0
        """Index of the first segment that is not encoded."""
        self._now_ms = 0.0
        self._encoder: OpusEncoder | None = None
        self._has_warned = False
        self.ended = False
        self.lost_ms = 0.0

    def begin_at(self, at_ms: float) -> None:
        """Begin with the segment of this time: another server has recorded the call before it."""
        self._next = int(at_ms // SEGMENT_MS)

    def begin_work(self, now_ms: float) -> None:
        """Note the time before facts are taken in: audio that is far ahead of it is dropped."""
        self._now_ms = now_ms

    def step(self, fact: inputs.Input) -> None:
        """Take in a fact of the call."""
        if self.ended:
            return
        if isinstance(fact, inputs.LogEntry) and self._redaction is not None:
            for channel, start, end in self._redaction.on_entry(fact.entry):
                self._silence(channel, start, end)
        self._write_all(self._timeline.step(fact))
        if isinstance(fact, inputs.LogEntry) and isinstance(fact.entry.event, CallEnded):
            self.finish(fact.entry.at_ms)
        elif isinstance(fact, inputs.Stopped):
            self.finish(fact.at_ms)

    def settle(self, now_ms: float) -> None:
        """Write the audio that has its place by now, and store the segments that are complete."""
        if self.ended:
            return
        self._now_ms = now_ms
        self._write_all(self._timeline.settle(now_ms))
        while now_ms >= (self._next + 1) * SEGMENT_MS + self._late_ms:
            self._close(SEGMENT_SAMPLES, last=False)
        while self._held and self._is_decided(self._held[0], now_ms):
            self._store(self._held.popleft())

    def finish(self, at_ms: float) -> None:
        """Store all segments: the call has ended, or continues on another server."""
        self._write_all(self._timeline.finish(at_ms))
        self.ended = True
        end = max(0, round(at_ms * SAMPLES_PER_MS))
        while self._next * SEGMENT_SAMPLES < end:
            left = end - self._next * SEGMENT_SAMPLES
            self._close(min(left, SEGMENT_SAMPLES), last=left <= SEGMENT_SAMPLES)
        while self._held:
            self._give_up_undecided(self._held[0])
            self._store(self._held.popleft())
        for buffer in self._open.values():
            buffer.drop()
        self._open.clear()

    # Audio ----------------------------------------------------------------------------------------------------------
    def _write_all(self, sounds: list[Sound]) -> None:
        for sound in sounds:
            if self._redaction is not None and self._redaction.on_sound(sound):
                continue
            self._write(sound)

    def _write(self, sound: Sound) -> None:
        start, pcm = sound.start, sound.pcm
        while pcm:
            index, offset = divmod(start, SEGMENT_SAMPLES)
            size = min(len(pcm), (SEGMENT_SAMPLES - offset) * 2)
            part, pcm = pcm[:size], pcm[size:]
            start += size // 2
            if index < self._next or index > self._now_ms // SEGMENT_MS + MAX_AHEAD_SEGMENTS:
                self.lost_ms += len(part) / 2 / SAMPLES_PER_MS
                continue
            if not any(part) and index not in self._open:
                continue  # silence
            try:
                self._buffer(index).write(sound.channel, offset, part)
            except OSError as error:
                if not self._has_warned:
                    self._has_warned = True
                    logger.warning("a recording cannot be written: %s", error)
                self.lost_ms += len(part) / 2 / SAMPLES_PER_MS

    def _buffer(self, index: int) -> SegmentBuffer:
        if index not in self._open:
            self._open[index] = self._open_segment(index)
        return self._open[index]

    def _silence(self, channel: int, start: int, end: int) -> None:
        """Overwrite a span with silence in the segments that are not stored."""
        for held in self._held:
            if start < (held.index + 1) * SEGMENT_SAMPLES and held.index * SEGMENT_SAMPLES < end:
                held.silences.append((channel, start, end))
        for index, buffer in self._open.items():
            began = index * SEGMENT_SAMPLES
            first, last = max(start - began, 0), min(end - began, SEGMENT_SAMPLES)
            if first < last:
                buffer.write(channel, first, bytes((last - first) * 2))

    # Segments -------------------------------------------------------------------------------------------------------
    def _is_decided(self, held: _Held, now_ms: float) -> bool:
        """Return whether all words of a held segment are decided, or the time for it is over."""
        start = held.index * SEGMENT_SAMPLES
        if self._redaction is None or self._redaction.is_decided(start, start + SEGMENT_SAMPLES):
            return True
        if now_ms < (held.index + 1) * SEGMENT_MS + MAX_HELD_MS:
            return False
        self._give_up_undecided(held)
        return True

    def _give_up_undecided(self, held: _Held) -> None:
        if self._redaction is not None:
            start = held.index * SEGMENT_SAMPLES
            for channel, first, last in self._redaction.undecided(start, start + SEGMENT_SAMPLES):
                self._silence(channel, first, last)

    def _store(self, held: _Held) -> None:
        try:
            data = held.data if not held.silences else silenced(held.data, held.index, held.silences)
            stored = self._put(held.index, data)
        except (OSError, OpusError, OggError) as error:
            logger.warning("segment %s of a recording is lost: %s", held.index, error)
            stored = False
        if not stored:
            self.lost_ms += held.samples / SAMPLES_PER_MS

    def _close(self, samples: int, *, last: bool) -> None:
        """Encode the next segment, and store it unless words of it are undecided."""
        index, buffer = self._next, self._open.pop(self._next, None)
        self._next += 1
        try:
            if buffer is None:
                data = self._silent_segment(samples, last=last)
            else:
                data = self._encoded(buffer.read(), samples, last=last)
        except (OSError, OpusError, OggError) as error:
            logger.warning("segment %s of a recording is lost: %s", index, error)
            self.lost_ms += samples / SAMPLES_PER_MS
        else:
            held = _Held(index, data, samples, last)
            if self._redaction is None:
                self._store(held)
            else:
                self._held.append(held)
        if buffer is not None:
            buffer.drop()

    def _silent_segment(self, samples: int, *, last: bool) -> bytes:
        self._encoder = None  # the next packet must not build on the one before the silence
        return write_segment([SILENT_PACKET] * packets_for(samples, last=last), samples if last else None)

    def _encoded(self, audio: Stereo, samples: int, *, last: bool) -> bytes:
        if self._encoder is None:
            self._encoder = self._new_encoder()
        return encode_segment(self._encoder, audio, samples, last=last)


def encode_segment(encoder: OpusEncoder, audio: Stereo, samples: int, *, last: bool) -> bytes:
    """Return a segment as a file.

    Args:
        audio: the whole segment of 10 s.
        samples: its length.
        last: True if the recording ends with it, so that the codec's delay is part of it.
    """
    wanted = packets_for(samples, last=last) * FRAME_SAMPLES
    padded = np.zeros((wanted, 2), np.int16)
    padded[:samples] = audio[:samples]
    return write_segment(encoder.encode(padded), samples if last else None)


def silenced(data: bytes, index: int, silences: Iterable[tuple[int, int, int]]) -> bytes:
    """Return a segment with silence in spans of the timeline, each a channel and two samples.

    Raises:
        OpusError: the segment is damaged.
        OggError: the segment is damaged.
    """
    pages = read_segment(data)
    samples, last = samples_of(pages), bool(pages and pages[-1].ends)
    decoder = OpusDecoder()
    parts = [audio for page in pages for audio in decoder.decode(packets_of(page))]
    audio = np.concatenate(parts)[PRE_SKIP // GRANULES_PER_SAMPLE :] if parts else np.zeros((0, 2), np.int16)
    whole = np.zeros((samples, 2), np.int16)
    whole[: len(audio)] = audio[:samples]
    began = index * SEGMENT_SAMPLES
    for channel, start, end in silences:
        whole[max(0, start - began) : max(0, end - began), channel] = 0
    return encode_segment(OpusEncoder(), whole, samples, last=last)


def packets_for(samples: int, *, last: bool) -> int:
    """Return the packets of a segment; the last one has the codec's delay too."""
    granules = samples * GRANULES_PER_SAMPLE + (PRE_SKIP if last else 0)
    return -(-granules // GRANULES_PER_PACKET)

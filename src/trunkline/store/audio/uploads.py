"""Storing of encoded segments, with retries, and recovery of those that a dead process has left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trunkline.store.audio.open_segments import LeftSegment, OpenSegments
from trunkline.store.audio.opus import OpusEncoder
from trunkline.store.audio.segment_buffer import SEGMENT_SAMPLES, FileBuffer, length_of
from trunkline.store.audio.segment_store import AudioStoreError, SegmentStore
from trunkline.store.audio.segmented_recording import encode_segment

logger = logging.getLogger(__name__)
UPLOADS_AT_ONCE = 4
MAX_WAITING = 64
"""Segments that wait for an upload; the others wait in their files."""
RETRY_S = 15.0


class Uploads:
    """Storing of segments. A folder of this machine is written at once, and a bucket by a few threads of its own.

    Args:
        on_stored: is called with the call's id and the bytes after each segment, in any thread.
        retry_s: the time after which a failed store is tried again.
    """

    def __init__(
        self,
        store: SegmentStore,
        open_segments: OpenSegments,
        *,
        on_stored: Callable[[str, int], None],
        retry_s: float = RETRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._open_segments = open_segments
        self._on_stored = on_stored
        self._retry_s = retry_s
        self._clock = clock
        self._retry_at_s = 0.0
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._pool = None if store.is_local else ThreadPoolExecutor(UPLOADS_AT_ONCE, "trunkline audio upload")
        self._uploading: set[Path] = set()

    def put(self, call_id: str, index: int, data: bytes) -> bool:
        """Store a segment, now or later. Return whether it is safe: stored, or in a local file."""
        if self._pool is None:
            try:
                self._store.put(call_id, index, self._open_segments.writer, data)
            except AudioStoreError as error:
                logger.warning("%s", error)
            else:
                self._on_stored(call_id, len(data))
                return True
        try:
            path = self._open_segments.keep(call_id, index, data)
        except OSError as error:
            logger.warning("a segment of a recording cannot be kept: %s", error)
            return False
        self._retry_at_s = self._retry_at_s or self._clock() + self._retry_s
        if self._pool is not None:
            self._submit(LeftSegment(call_id, index, path))
        return True

    def retry(self) -> None:
        """Try again to store the segments that could not be stored. Call this often."""
        if not self._retry_at_s or self._clock() < self._retry_at_s:
            return
        kept = self._open_segments.kept()
        self._retry_at_s = self._clock() + self._retry_s if kept else 0.0
        for segment in kept:
            if self._pool is not None:
                self._submit(segment)
            elif not self._store_file(segment):
                return

    def recover(self) -> None:
        """Store the segments that dead processes have left."""
        with self._open_segments.left() as segments:
            for segment in segments:
                try:
                    self._recover(segment)
                except Exception:
                    logger.exception("a segment of the call %s could not be recovered", segment.call_id)

    def close(self) -> None:
        """Wait for the uploads that run; the others are recovered at the next start."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._open_segments.close()

    def _recover(self, segment: LeftSegment) -> None:
        if segment.path.suffix == ".pcm":
            audio = FileBuffer(segment.path).read()
            samples = length_of(audio)
            if samples:
                is_last = samples < SEGMENT_SAMPLES
                data = encode_segment(OpusEncoder(), audio, samples, last=is_last)
                writer = segment.path.parent.parent.name
                self._store.put(segment.call_id, segment.index, writer, data)
                self._on_stored(segment.call_id, len(data))
            segment.path.unlink()
        else:
            self._store_file(segment, segment.path.parent.parent.name)

    def _submit(self, segment: LeftSegment) -> None:
        assert self._pool is not None  # noqa: S101 - only a bucket has uploads
        if segment.path in self._uploading or not self._waiting.acquire(blocking=False):
            return
        self._uploading.add(segment.path)

        def upload() -> None:
            try:
                self._store_file(segment)
            finally:
                self._uploading.discard(segment.path)
                self._waiting.release()

        self._pool.submit(upload)

    def _store_file(self, segment: LeftSegment, writer: str | None = None) -> bool:
        try:
            data = segment.path.read_bytes()
            self._store.put(segment.call_id, segment.index, writer or self._open_segments.writer, data)
            segment.path.unlink()
        except (AudioStoreError, OSError) as error:
            logger.warning("a segment of the call %s waits for its store: %s", segment.call_id, error)
            return False
        self._on_stored(segment.call_id, len(data))
        return True

"""Recorder of a process: one thread that places, encodes and stores the audio of all calls.

The event loop only queues facts. Audio beyond the queue's limit is dropped and counted, so a slow disk harms no call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from trunkline.calls.log import Entry
from trunkline.calls.log_events import (
    AudioCleared,
    AudioDone,
    AudioDucked,
    AudioInterrupted,
    AudioResumed,
    AudioStarted,
    CallEnded,
    CallStarted,
    CallTakenOver,
    FillerDone,
    FillerStarted,
    LegJoined,
    Notice,
    WireReceived,
    WireSent,
)
from trunkline.calls.recording import AudioSource
from trunkline.store.audio import inputs
from trunkline.store.audio.open_segments import OpenSegments
from trunkline.store.audio.page_audio import PageAudioError, read_chunk
from trunkline.store.audio.redacted_spans import Judge, RedactedSpans
from trunkline.store.audio.segment_buffer import MemoryBuffer, SegmentBuffer
from trunkline.store.audio.segment_store import SegmentStore
from trunkline.store.audio.segmented_recording import SegmentedRecording
from trunkline.store.audio.uploads import RETRY_S, Uploads

logger = logging.getLogger(__name__)
TICK_S = 0.25
"""The time after which the thread takes in the facts of the calls."""
MAX_QUEUED_BYTES = 8 << 20
"""Audio of one call that waits for the thread: both voices for 80 s."""
MAX_QUEUED_FACTS = 20_000
CLOSE_S = 5.0
"""The time that a stopping server gives the thread. Afterwards the next start recovers the rest."""
_EVENTS = (
    AudioCleared, AudioDone, AudioDucked, AudioInterrupted, AudioResumed, AudioStarted, CallEnded, FillerDone,
    FillerStarted, LegJoined,
)  # fmt: skip
"""Events that place audio."""


@dataclass(frozen=True)
class StoredAudio:
    """A segment that was stored.

    Attributes:
        size: its bytes.
    """

    call_id: str
    size: int


@dataclass(frozen=True)
class LostAudio:
    """Audio of a call that could not be kept, `ms` since the last report."""

    call_id: str
    ms: float


class AudioRecorder:
    """Recorder of a process. Use it as a context manager.

    Args:
        store: the store of encoded segments.
        open_segments: the folder of open segments.
        make_judge: makes the judge of a call's words, for the mode `redacted`; None keeps all audio.
        on_stored: is called in the thread after each segment.
        on_lost: is called in the thread when audio was lost.
        on_ended: is called in the thread with the id of a call when its recording is over.
        tick_s: the time after which the thread takes in the facts of the calls.
        retry_s: the time after which a failed store is tried again.
    """

    def __init__(
        self,
        store: SegmentStore,
        open_segments: OpenSegments,
        *,
        make_judge: Callable[[], Judge] | None = None,
        on_stored: Callable[[StoredAudio], None] = lambda _stored: None,
        on_lost: Callable[[LostAudio], None] = lambda _lost: None,
        on_ended: Callable[[str], None] = lambda _call_id: None,
        tick_s: float = TICK_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._open_segments = open_segments
        self._make_judge = make_judge
        self._on_stored = on_stored
        self._on_lost = on_lost
        self._on_ended = on_ended
        self._tick_s = tick_s
        self._uploads = Uploads(
            store,
            open_segments,
            on_stored=lambda call_id, size: on_stored(StoredAudio(call_id, size)),
            retry_s=retry_s,
        )
        self._calls: list[CallRecording] = []
        self._new: deque[CallRecording] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trunkline audio", daemon=True)

    def __enter__(self) -> AudioRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self, time_limit_s: float = CLOSE_S) -> None:
        """Store the running recordings as they are, and end the thread. A second call has no effect."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join(time_limit_s)
        if self._thread.is_alive():
            logger.warning("Recordings are not stored yet: the next start recovers them.")
        else:
            self._uploads.close()

    def for_call(self) -> CallRecording:
        """Return the recording of a new call."""
        return CallRecording(self._new.append, self._make_judge() if self._make_judge is not None else None)

    # The thread -----------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        self._uploads.recover()
        while not self._stopping.wait(self._tick_s):
            self._work()
            self._uploads.retry()
        self._work(last=True)

    def _work(self, *, last: bool = False) -> None:
        while self._new:
            self._calls.append(self._new.popleft())
        for call in list(self._calls):
            try:
                call.work(self._start, last=last)
            except Exception:
                logger.exception("the recording of %s has failed", call.call_id)
                call.fail()
            if (lost := call.take_lost_ms()) and call.call_id:
                self._on_lost(LostAudio(call.call_id, lost))
            if call.is_over:
                self._calls.remove(call)
                self._open_segments.close_call(call.call_id)
                self._on_ended(call.call_id)

    def _start(self, call_id: str, redaction: RedactedSpans | None) -> SegmentedRecording:
        def open_segment(index: int) -> SegmentBuffer:
            return MemoryBuffer() if redaction is not None else self._open_segments.buffer(call_id, index)

        return SegmentedRecording(
            open_segment, lambda index, data: self._uploads.put(call_id, index, data), redaction=redaction
        )


class CallRecording:
    """Recording of one call: the loop's end of it, which queues facts, and the thread's end, which works them off.

    Args:
        on_started: is called with this recording when the call's log begins.
        judge: decides which words must not be stored; None keeps everything.
        clock: seconds, as the event loop counts them.
    """

    notice: Notice | None = None

    def __init__(
        self,
        on_started: Callable[[CallRecording], None],
        judge: Judge | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_started = on_started
        self._facts: deque[inputs.Input] = deque()
        self._judge = judge
        self._clock = clock
        self._began_s = self._first_ms = 0.0
        self._added = self._taken = 0
        """Bytes that the loop has queued, and that the thread has taken. Each is written by one side only."""
        self._dropped = self._reported = 0
        self._segments: SegmentedRecording | None = None
        self._segments_lost_ms = 0.0
        self.call_id = ""
        self.is_over = False

    # The loop's end -------------------------------------------------------------------------------------------------
    def use_source(self, source: AudioSource) -> None:
        """See `Recording`."""
        self._add(inputs.SourceChanged(source))

    def on_caller_audio(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""
        if at_ms >= self._first_ms:
            self._add(inputs.CallerAudio(pcm, at_ms), len(pcm))

    def on_audio_sent(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""
        self._add(inputs.SentAudio(pcm, at_ms), len(pcm))

    def on_streamed_audio(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""
        self._add(inputs.StreamedAudio(pcm, at_ms), len(pcm))

    def on_played(self, item_id: str, ms: int, at_ms: float) -> None:
        """See `Recording`."""
        self._add(inputs.PlayedReport(item_id, ms, at_ms))

    def on_delays(self, buffer_ms: int, output_ms: int) -> None:
        """See `Recording`."""
        self._add(inputs.DelayReport(buffer_ms, output_ms))

    def on_page_audio(self, frame: bytes, at_ms: float) -> str | None:
        """See `Recording`."""
        try:
            stereo, end_ms = read_chunk(frame, at_ms)
        except PageAudioError as error:
            return str(error)
        if end_ms >= self._first_ms:
            self._add(inputs.PageAudio(stereo, end_ms), len(stereo))
        return None

    def continue_from(self, at_ms: float) -> None:
        """See `Recording`."""
        self._first_ms = at_ms

    def stop(self, at_ms: float) -> None:
        """See `Recording`."""
        self._facts.append(inputs.Stopped(at_ms))

    def read(self, entry: Entry) -> None:
        """See `Recording`."""
        event = entry.event
        if isinstance(event, CallStarted | CallTakenOver):
            self._began_s = self._clock() - entry.at_ms / 1000
            self.call_id = event.call_id
            self._on_started(self)
        wanted = _EVENTS if self._judge is None else ()
        if isinstance(event, wanted) if wanted else not isinstance(event, WireSent | WireReceived):
            self._facts.append(inputs.LogEntry(entry))  # never dropped: they are few, and audio depends on them

    def _add(self, fact: inputs.Input, size: int = 0) -> None:
        if self.is_over:
            return
        if self._added - self._taken + size > MAX_QUEUED_BYTES or len(self._facts) > MAX_QUEUED_FACTS:
            self._dropped += size
            return
        self._added += size
        self._facts.append(fact)

    # The thread's end -----------------------------------------------------------------------------------------------
    def work(self, start: Callable[[str, RedactedSpans | None], SegmentedRecording], *, last: bool = False) -> None:
        """Take in the queued facts, and store the complete segments."""
        if self._segments is None:
            self._segments = start(self.call_id, None if self._judge is None else RedactedSpans(self._judge))
            self._segments.begin_at(self._first_ms)
        now_ms = (self._clock() - self._began_s) * 1000
        self._segments.begin_work(now_ms)
        for _ in range(len(self._facts)):
            fact = self._facts.popleft()
            if isinstance(fact, inputs.WithAudio):
                self._taken += len(fact[0])
            self._segments.step(fact)
        if last and not self._segments.ended:
            self._segments.finish(now_ms)
        self._segments.settle(now_ms)
        self.is_over = self._segments.ended

    def fail(self) -> None:
        """End the recording after an error."""
        self.is_over = True
        self._facts.clear()

    def take_lost_ms(self) -> float:
        """Return the duration of the audio that was lost since the last time."""
        dropped, self._reported = self._dropped - self._reported, self._dropped
        in_segments = 0.0 if self._segments is None else self._segments.lost_ms
        lost = in_segments - self._segments_lost_ms + dropped / 48
        self._segments_lost_ms = in_segments
        return lost


class NoRecording:
    """Recording of a call that is stored without audio.

    Args:
        notice: the reason, for the call's log.
    """

    def __init__(self, notice: Notice) -> None:
        self.notice: Notice | None = notice

    def use_source(self, source: AudioSource) -> None:
        """See `Recording`."""

    def on_caller_audio(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""

    def on_audio_sent(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""

    def on_streamed_audio(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""

    def on_played(self, item_id: str, ms: int, at_ms: float) -> None:
        """See `Recording`."""

    def on_delays(self, buffer_ms: int, output_ms: int) -> None:
        """See `Recording`."""

    def on_page_audio(self, frame: bytes, at_ms: float) -> str | None:
        """See `Recording`."""
        return None

    def continue_from(self, at_ms: float) -> None:
        """See `Recording`."""

    def stop(self, at_ms: float) -> None:
        """See `Recording`."""

    def read(self, entry: Entry) -> None:
        """See `Recording`."""

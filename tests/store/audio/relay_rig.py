"""Whole calls over the relay in virtual time, with a page that knows what its caller has heard, and their recording."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.calls.call_harness import scenario
from tests.calls.model_fake import FakeModel
from tests.store.audio.signals import RATE, noise
from trunkline.calls import log_events
from trunkline.calls.call import Call
from trunkline.calls.log import Entry
from trunkline.calls.log_events import Notice
from trunkline.calls.recording import AudioSource
from trunkline.realtime import events
from trunkline.store.audio import inputs
from trunkline.store.audio.page_audio import PageAudioError, read_chunk
from trunkline.store.audio.redacted_spans import RedactedSpans
from trunkline.store.audio.segment_buffer import MemoryBuffer, SegmentBuffer
from trunkline.store.audio.segmented_recording import SegmentedRecording
from trunkline.testing.caller_playout import CallerPlayout

FRAME_MS = 20
Track = NDArray[np.int16]


class RawRecording(SegmentedRecording):
    """Recording that keeps its segments raw, and that works in the loop: settle is called twice a second."""

    notice: Notice | None = None

    def __init__(self, redaction: RedactedSpans | None = None) -> None:
        self._audio: dict[int, MemoryBuffer] = {}
        super().__init__(self._open_raw, lambda _index, _data: True, redaction=redaction)

    def _open_raw(self, index: int) -> SegmentBuffer:
        buffer = self._audio[index] = MemoryBuffer()
        buffer.drop = lambda: None  # type: ignore[method-assign] # kept for the test
        return buffer

    def track(self, channel: int) -> Track:
        """Return a channel of the whole recording."""
        count = max(self._audio, default=-1) + 1
        parts = [
            self._audio[i].read() if i in self._audio else np.zeros((10 * RATE, 2), np.int16) for i in range(count)
        ]
        return np.concatenate(parts)[:, channel] if parts else np.zeros(0, np.int16)

    # Recording ------------------------------------------------------------------------------------------------------
    def continue_from(self, at_ms: float) -> None:
        """See `Recording`."""
        self.begin_at(at_ms)

    def stop(self, at_ms: float) -> None:
        """See `Recording`."""
        self.step(inputs.Stopped(at_ms))

    def use_source(self, source: AudioSource) -> None:
        """See `Recording`."""
        self.step(inputs.SourceChanged(source))

    def on_caller_audio(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""
        self.step(inputs.CallerAudio(pcm, at_ms))

    def on_audio_sent(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""
        self.step(inputs.SentAudio(pcm, at_ms))

    def on_streamed_audio(self, pcm: bytes, at_ms: float) -> None:
        """See `Recording`."""
        self.step(inputs.StreamedAudio(pcm, at_ms))

    def on_played(self, item_id: str, ms: int, at_ms: float) -> None:
        """See `Recording`."""
        self.step(inputs.PlayedReport(item_id, ms, at_ms))

    def on_delays(self, buffer_ms: int, output_ms: int) -> None:
        """See `Recording`."""
        self.step(inputs.DelayReport(buffer_ms, output_ms))

    def on_page_audio(self, frame: bytes, at_ms: float) -> str | None:
        """See `Recording`."""
        try:
            self.step(inputs.PageAudio(*read_chunk(frame, at_ms)))
        except PageAudioError as error:
            return str(error)
        return None

    def read(self, entry: Entry) -> None:
        """See `Recording`."""
        self.step(inputs.LogEntry(entry))


class RelayCaller:
    """A caller on the relay, with a page that plays and reports like the console.

    Attributes:
        sent: the audio that the caller has sent, with the time at which it began to speak.
    """

    def __init__(self, call: Call, model: FakeModel, recording: RawRecording, *, reports: bool) -> None:
        self.call = call
        self.model = model
        self.recording = recording
        self._reports = reports
        self.page = CallerPlayout(self.now_ms, self._report, records_audio=True)
        self.sent: list[tuple[float, Track]] = []
        call.log.subscribe(self._read)

    def now_ms(self) -> float:
        """Return the time of the call."""
        return self.call._now_ms()

    def joins(self) -> None:
        """Open the page."""
        self.call.attach(self.page, self.call.leg.leg_id, 0)
        if self._reports:
            self.command(type="audio_report", echo_cancelled=True)

    def command(self, **fields: Any) -> None:
        """Send a command."""
        self.call.command(self.page, events.encode(fields).decode())

    async def says(self, ms: int, seed: int, *, late_ms: Callable[[int], float] = lambda _frame: 0.0) -> None:
        """Send audio in real time; frame by frame with a delay of the network."""
        voice = noise(ms, seed)
        began = self.now_ms()
        self.sent.append((began, voice))
        pcm = voice.tobytes()
        for frame in range(ms // FRAME_MS):
            due = began + (frame + 1) * FRAME_MS + late_ms(frame)
            await asyncio.sleep(max(0.0, due - self.now_ms()) / 1000)
            self.call.receive_audio(self.page, pcm[frame * 960 : (frame + 1) * 960])

    def heard(self) -> Track:
        """Return what the caller has heard, on the call's clock."""
        length = max((round(one.end_ms * 24) for one in self.page.segments), default=0)
        track = np.zeros(length + 24, np.int16)
        for one in self.page.segments:
            samples = np.frombuffer(bytes(one.pcm), "<i2")
            start = round(one.start_ms * 24)
            track[start : start + len(samples)] = samples[: len(track) - start]
        return track

    async def until(self, kind: type[log_events.LogEvent], count: int = 1) -> Entry:
        """Wait for an event."""
        while len(found := [one for one in self.call.log.since(0) if isinstance(one.event, kind)]) < count:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
        return found[count - 1]

    def logged(self, kind: type[log_events.LogEvent], role: str) -> Any:
        """Return the first event of a kind for a role."""
        events_so_far = [entry.event for entry in self.call.log.since(0)]
        return next(one for one in events_so_far if isinstance(one, kind) and getattr(one, "role", None) == role)

    def _report(self, item_id: str, ms: int) -> None:
        if self._reports:
            self.command(type="played", item_id=item_id, ms=ms)

    def _read(self, entry: Entry) -> None:
        match entry.event:
            case log_events.AudioStarted() as event:
                self.page.on_audio_started(event.item_id)
            case log_events.AudioCleared():
                self.page.on_audio_cleared()
            case log_events.AudioDucked():
                self.page.on_audio_ducked()
            case log_events.AudioResumed() | log_events.AudioInterrupted():
                self.page.on_audio_released()
            case log_events.FillerStarted() as event:
                self.page.on_filler_started(event.filler_id)
            case log_events.FillerDone() as event:
                self.page.on_filler_done(interrupted=event.interrupted)
            case log_events.CallEnded():
                self.page.stop()


@contextlib.asynccontextmanager
async def recorded_call(
    model: FakeModel | None = None, *, reports: bool = True, redaction: RedactedSpans | None = None, **settings: Any
) -> AsyncIterator[RelayCaller]:
    """Run a recorded call until the block ends, and yield its caller. Use it in virtual time."""
    model = model or FakeModel()
    recording = RawRecording(redaction)
    call = Call(scenario(**settings), model, recording=recording)
    caller = RelayCaller(call, model, recording, reports=reports)
    running = asyncio.create_task(call.run())
    settling = asyncio.create_task(_settle(caller))
    caller.joins()
    try:
        yield caller
    finally:
        call.hang_up()
        await running
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)


async def _settle(caller: RelayCaller) -> None:
    while True:
        await asyncio.sleep(0.25)
        caller.recording.settle(caller.now_ms())

"""Timeline of a recording: both voices of a call at the places where the caller spoke and heard. It has no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, assert_never

import numpy as np

from trunkline.calls.log_events import (
    AudioCleared,
    AudioDone,
    AudioDucked,
    AudioInterrupted,
    AudioResumed,
    AudioStarted,
    FillerDone,
    FillerStarted,
    LegJoined,
)
from trunkline.calls.recording import AudioSource
from trunkline.store.audio import inputs
from trunkline.store.audio.filler_voice import FillerVoice
from trunkline.store.audio.placement import Placed, StreamPlacement
from trunkline.store.audio.relay_voice import RelayVoice
from trunkline.store.audio.streamed_voice import StreamedVoice

CALLER, AGENT = 0, 1
"""Channels: left and right."""


class Sound(NamedTuple):
    """Audio of one channel at its place: `start` counts samples at 24 kHz from the call's start.

    `item_id` is the agent's message, if the source tells the messages apart.
    """

    channel: int
    start: int
    pcm: bytes
    item_id: str = ""

    @property
    def end(self) -> int:
        """The sample after the last one."""
        return self.start + len(self.pcm) // 2


class Timeline:
    """Both voices of one call. Feed the facts in their order, and settle twice a second."""

    def __init__(self) -> None:
        self._source: AudioSource = "relay"
        self._caller = StreamPlacement()
        self._relay = RelayVoice()
        self._streamed = StreamedVoice()
        self._filler = FillerVoice()
        self._page = StreamPlacement(channels=2)
        self._output_ms = 0.0

    def step(self, fact: inputs.Input) -> list[Sound]:
        """Return the audio that has its place after this fact."""
        match fact:
            case inputs.CallerAudio(pcm, at_ms):
                return _of(CALLER, self._caller.add(pcm, at_ms))
            case inputs.SentAudio(pcm, at_ms):
                self._on_sent(pcm, at_ms)
            case inputs.StreamedAudio(pcm, at_ms):
                self._streamed.on_streamed(pcm, at_ms)
            case inputs.PlayedReport(item_id, ms, at_ms):
                return _of(AGENT, self._relay.on_played(item_id, ms, at_ms))
            case inputs.DelayReport(buffer_ms, output_ms):
                self._output_ms = output_ms
                self._streamed.on_delays(buffer_ms, output_ms)
                self._relay.on_reporting(output_ms)
            case inputs.PageAudio(stereo, end_ms):
                return list(_both(self._page.add(stereo, end_ms)))
            case inputs.SourceChanged(source):
                self._source = source
            case inputs.Stopped():
                pass
            case inputs.LogEntry(entry):
                return _of(AGENT, self._on_event(entry.event, entry.at_ms))
            case _:
                assert_never(fact)
        return []

    def settle(self, now_ms: float) -> list[Sound]:
        """Return the audio that has its place by now."""
        agent = [*self._relay.settle(now_ms), *self._streamed.settle(now_ms), *self._filler.settle(now_ms)]
        return [
            *_of(CALLER, self._caller.settle(now_ms)),
            *_of(AGENT, agent),
            *_both(self._page.settle(now_ms)),
        ]

    def finish(self, at_ms: float) -> list[Sound]:
        """Return the rest of the audio, at the end of the call."""
        agent = [*self._relay.finish(at_ms), *self._streamed.finish(at_ms), *self._filler.settle(at_ms)]
        return [*_of(CALLER, self._caller.finish()), *_of(AGENT, agent), *_both(self._page.finish())]

    def _on_sent(self, pcm: bytes, at_ms: float) -> None:
        if self._source == "page":  # the page records its fillers too
            return
        if self._filler.is_open:
            self._filler.on_sent(pcm)
        else:
            self._relay.on_sent(pcm, at_ms)

    def _on_event(self, event: object, at_ms: int) -> list[Placed]:
        match event:
            case AudioStarted():
                self._relay.on_started(event.item_id)
                return self._streamed.on_started(event.item_id, at_ms)
            case AudioDone():
                self._relay.on_done(event.item_id)
            case AudioCleared():
                self._relay.on_cleared(event.item_id, at_ms)
                return self._streamed.on_cleared(at_ms)
            case AudioDucked():
                self._relay.on_held(at_ms)
                return self._streamed.on_held(at_ms)
            case AudioResumed() | AudioInterrupted():
                self._relay.on_released(at_ms)
                return self._streamed.on_released(at_ms)
            case FillerStarted():
                self._filler.on_started(at_ms, self._output_ms)
            case FillerDone():
                return self._filler.on_done(event.ms)
            case LegJoined():
                self._relay.on_joined()
        return []


def _of(channel: int, placed: Iterable[Placed]) -> list[Sound]:
    return [Sound(channel, one.start, one.pcm, one.item_id) for one in placed]


def _both(placed: Iterable[Placed]) -> Iterator[Sound]:
    for one in placed:
        samples = np.frombuffer(one.pcm, "<i2").reshape(-1, 2)
        for channel in (CALLER, AGENT):
            yield Sound(channel, one.start, samples[:, channel].tobytes())

"""Facts of a call for its recording. Times are ms since the call's start."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.calls.log import Entry
from trunkline.calls.recording import AudioSource


class CallerAudio(NamedTuple):
    """Audio of the caller that has arrived."""

    pcm: bytes
    at_ms: float


class SentAudio(NamedTuple):
    """A binary frame to the caller's page: the agent's audio on the relay, or a filler."""

    pcm: bytes
    at_ms: float


class StreamedAudio(NamedTuple):
    """The agent's audio that the service sent over WebRTC."""

    pcm: bytes
    at_ms: float


class PlayedReport(NamedTuple):
    """The page's report of the played duration of a message."""

    item_id: str
    ms: int
    at_ms: float


class DelayReport(NamedTuple):
    """The page's report of its delays."""

    buffer_ms: int
    output_ms: int


class PageAudio(NamedTuple):
    """A chunk of the page's own recording: stereo, with its last sample at `end_ms`."""

    stereo: bytes
    end_ms: float


class SourceChanged(NamedTuple):
    """The audio has another source from now on."""

    source: AudioSource


class LogEntry(NamedTuple):
    """An entry of the call's log."""

    entry: Entry


class Stopped(NamedTuple):
    """The call continues on another server."""

    at_ms: float


WithAudio = CallerAudio | SentAudio | StreamedAudio | PageAudio
Input = WithAudio | PlayedReport | DelayReport | SourceChanged | LogEntry | Stopped

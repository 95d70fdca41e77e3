"""Reports of the calls of a test run, as plain values: their timelines, latencies and recordings.

`report_page` renders them.
"""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE, Resampler
from trunkline.testing.caller_playout import CallerPlayout
from trunkline.testing.conversation_view import ConversationView
from trunkline.testing.silences import silences
from trunkline.testing.timeline import Row
from trunkline.testing.voice_call import VoiceCall

RECORDING_RATE = 16_000
"""The rate of the recordings in Hz: the caller on the left, the agents on the right."""


class ReportedWait(TypedDict):
    """Latency of an answer: its parts in ms by name add up to `total_ms`. `after` is the kind of the caller's turn."""

    total_ms: int
    parts: dict[str, int]
    after: str


class ReportedSpeech(TypedDict):
    """Span of audio or typed words. `who` is an agent's name, or None for the caller. Times are ms of the call."""

    who: str | None
    start_ms: int
    end_ms: int


class ReportRow(TypedDict):
    """Row of a timeline. `wait` is the latency of an agent's message, or None."""

    at_ms: int
    who: str
    text: str
    kind: str
    here: bool
    wait: ReportedWait | None


class CallReport(TypedDict):
    """Call as plain values. `audio_wav` is a WAV file in base64, or None.

    `interruptions` are the messages of agents that were cut off, `silences_ms` the caller's waits for an agent.
    """

    title: str
    duration_ms: int
    interruptions: int
    silences_ms: list[int]
    rows: list[ReportRow]
    speech: list[ReportedSpeech]
    because: str
    audio_wav: str | None


class ReportedTest(NamedTuple):
    """Test with its outcome, its duration in seconds of real time, and its calls.

    `run` counts the runs of a repeated test from 1; 0 is a test that was not repeated.
    """

    name: str
    outcome: str
    duration_s: float
    calls: Sequence[CallReport]
    run: int = 0

    @property
    def base_name(self) -> str:
        """The name without the run: `test_shop.py::test_buys[typed]`."""
        return self.name.replace(f"-run{self.run}]", "]").replace(f"[run{self.run}-", "[") if self.run else self.name


def call_report(call: VoiceCall, error: BaseException | None) -> CallReport:
    """Return the report of a call, and of the `error` that its test ended with."""
    rows = call.rows
    place = None
    if error is not None:
        seq = call.seq_of(error)
        place = max((index for index, row in enumerate(rows) if row.seq <= seq), default=0)
    waits = _waits(call.view)
    duration_ms = max((row.at_ms for row in rows), default=0)
    return {
        "title": call.title,
        "duration_ms": duration_ms,
        "interruptions": sum(one.interrupted for one in call.view.messages.values() if one.role == "assistant"),
        "silences_ms": [round(silence.ms) for silence in silences(call) if silence.ms >= 1],
        "rows": [_row(row, index == place, waits.get(row.seq)) for index, row in enumerate(rows)],
        "speech": _speech(call, duration_ms),
        "because": "" if error is None else str(error) or type(error).__name__,
        "audio_wav": _recording(call.playout),
    }


def replies(calls: Iterable[CallReport]) -> list[int]:
    """Return the latencies of the replies to the caller in ms, without the greetings."""
    waits = (row["wait"] for call in calls for row in call["rows"])
    return [wait["total_ms"] for wait in waits if wait is not None and wait["after"] != "greeting"]


def _row(row: Row, here: bool, wait: ReportedWait | None) -> ReportRow:
    return {"at_ms": row.at_ms, "who": row.who, "text": row.text, "kind": row.kind, "here": here, "wait": wait}


def _waits(view: ConversationView) -> dict[int, ReportedWait]:
    """Return the latencies by the place of their message in the log."""
    waits: dict[int, ReportedWait] = {}
    for _seq, latency in view.latencies:
        message = view.messages.get(latency.item_id)
        if message is not None:
            parts = {part.name: part.ms for part in latency.parts}
            waits[message.seq] = {"total_ms": latency.total_ms, "parts": parts, "after": latency.after}
    return waits


def _speech(call: VoiceCall, duration_ms: int) -> list[ReportedSpeech]:
    """Return the spans of speech in order of time: the caller's turns, and the audio that they heard by the end."""
    spans: list[ReportedSpeech] = [
        {"who": None, "start_ms": round(turn.start_ms), "end_ms": min(duration_ms, round(turn.speech_end_ms))}
        for turn in call.turns
        if turn.words is not None and turn.speech_end_ms is not None
    ]
    for segment in call.playout.agent_segments:
        if segment.start_ms >= duration_ms:
            continue
        message = call.view.messages.get(segment.item_id)
        agent = (message.agent if message is not None else None) or "agent"
        end_ms = min(duration_ms, round(segment.end_ms))
        spans.append({"who": agent, "start_ms": round(segment.start_ms), "end_ms": end_ms})
    return sorted(spans, key=lambda span: span["start_ms"])


def _recording(playout: CallerPlayout) -> str | None:
    """Return both sides as a stereo WAV file in base64; None without a recording."""
    played = [segment for segment in playout.segments if segment.pcm]
    if not played and not any(playout.caller_audio):
        return None
    length = max(len(playout.caller_audio), *(int(one.start_ms) * BYTES_PER_MS + len(one.pcm) for one in played), 0)
    agents = bytearray(length)
    for one in played:
        start = int(one.start_ms) * BYTES_PER_MS
        agents[start : start + len(one.pcm)] = one.pcm
    caller, answer = _resampled(bytes(playout.caller_audio.ljust(length, b"\0"))), _resampled(bytes(agents))
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(RECORDING_RATE)
        wav.writeframes(np.column_stack((caller, answer)).tobytes())
    return base64.b64encode(file.getvalue()).decode()


def _resampled(pcm: bytes) -> NDArray[np.int16]:
    resampler = Resampler(SAMPLE_RATE, RECORDING_RATE)
    return np.frombuffer(resampler.feed(pcm) + resampler.flush(), "<i2")

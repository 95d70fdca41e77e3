"""Audio of redacted words: it is silent on the disk, and segments wait in memory until the words are decided."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.audio.signals import level_dbfs, noise
from tests.store.audio.test_ogg import decoded
from trunkline.calls.log import Entry
from trunkline.calls.log_events import (
    AudioStarted,
    CallEnded,
    CallStarted,
    LogEventUnion,
    MessageDone,
    SpeechStarted,
    SpeechStopped,
)
from trunkline.store.audio import inputs
from trunkline.store.audio.joined import JoinedRecording
from trunkline.store.audio.opus import Stereo
from trunkline.store.audio.redacted_spans import RedactedSpans
from trunkline.store.audio.redaction_judge import RedactionJudge
from trunkline.store.audio.segment_buffer import MemoryBuffer
from trunkline.store.audio.segment_store import open_segment_store
from trunkline.store.audio.segmented_recording import MAX_HELD_MS, SegmentedRecording
from trunkline.store.redaction import CallRedactor
from trunkline.store.redaction.policy import RedactionPolicy

STARTED = CallStarted(
    call_id="call_1",
    scenario="s",
    agent="a",
    transport="websocket",
    provider="p",
    model="m",
    started_at="2026-01-01T00:00:00.000+00:00",
)
LOUD, SILENT = -40.0, -70.0


class RedactedCall:
    """A recording in the mode `redacted`, driven by hand. The caller makes noise all the time."""

    def __init__(self, folder: Path) -> None:
        self.store = open_segment_store(None, folder)
        spans = RedactedSpans(RedactionJudge(lambda _name: CallRedactor(RedactionPolicy())))
        self.recording = SegmentedRecording(
            lambda _index: MemoryBuffer(),
            self._put,
            redaction=spans,
        )
        self.stored: list[int] = []
        self.now_ms = 0
        self._seq = 0
        self.logs(STARTED)

    def logs(self, event: LogEventUnion) -> None:
        """Log an event now."""
        self._seq += 1
        self.recording.step(inputs.LogEntry(Entry(self._seq, self.now_ms, event)))

    def passes(self, ms: int) -> None:
        """Let the caller make noise for a while."""
        for _ in range(ms // 100):
            self.now_ms += 100
            self.recording.begin_work(self.now_ms)
            self.recording.step(inputs.CallerAudio(noise(100, self.now_ms).tobytes(), self.now_ms))
            self.recording.settle(self.now_ms)

    def says(self, item_id: str, text: str | None, ms: int = 3000) -> None:
        """Let the caller speak; without a text, the words stay unknown."""
        self.logs(SpeechStarted(item_id=item_id))
        self.passes(ms)
        self.logs(SpeechStopped(item_id=item_id))
        if text is not None:
            self.passes(500)
            self.logs(MessageDone(item_id=item_id, role="user", text=text))

    def track(self) -> Stereo:
        """Return the stored recording."""
        recording = JoinedRecording(self.store, self.store.list("call_1"))
        return decoded(b"".join(recording.ogg()))

    def _put(self, index: int, data: bytes) -> bool:
        self.stored.append(index)
        self.store.put("call_1", index, "w", data)
        return True


@pytest.fixture
def call(tmp_path: Path) -> RedactedCall:
    """Return a call."""
    return RedactedCall(tmp_path)


def test_the_utterance_with_a_card_number_is_silent_and_the_rest_is_not(call: RedactedCall) -> None:
    call.passes(5000)
    call.says("item_1", "Hello there, I would like to pay, please.")
    call.passes(4000)
    call.says("item_2", "My card number is 4111 1111 1111 1111, and thank you very much for that.")
    call.passes(10_000)
    call.says("item_3", "That is all for today, goodbye then.")
    call.passes(3000)
    call.logs(CallEnded(reason="hung up"))
    left = call.track()[:, 0]
    assert level_dbfs(left, 5000, 8000) > LOUD
    assert level_dbfs(left, 11_200, 15_400) < SILENT
    assert level_dbfs(left, 17_000, 25_000) > LOUD


def test_a_segment_with_undecided_words_is_not_stored_yet(call: RedactedCall) -> None:
    call.passes(8000)
    call.says("item_1", None, 4000)
    call.passes(20_000)
    assert call.stored == []
    call.logs(MessageDone(item_id="item_1", role="user", text="Nothing private at all was said in here."))
    call.passes(500)
    assert call.stored[:2] == [0, 1]
    assert level_dbfs(call.track()[:, 0], 8000, 12_000) > LOUD


def test_words_that_are_never_decided_are_silenced_after_a_while(call: RedactedCall) -> None:
    call.passes(2000)
    call.says("item_1", None, 2000)
    call.passes(MAX_HELD_MS)
    assert call.stored == []
    call.passes(10_000)
    assert call.stored[0] == 0
    left = call.track()[:, 0]
    assert level_dbfs(left, 520, 3980) < SILENT
    assert level_dbfs(left, 5000, 10_000) > LOUD


def test_words_that_the_end_of_the_call_leaves_undecided_are_silenced(call: RedactedCall) -> None:
    call.passes(5000)
    call.says("item_1", None)
    call.logs(CallEnded(reason="hung up"))
    left = call.track()[:, 0]
    assert level_dbfs(left, 0, 3400) > LOUD
    assert level_dbfs(left, 3600, 8000) < SILENT


def test_an_agent_that_reads_a_number_back_is_silent_alone(call: RedactedCall) -> None:
    voice = noise(3000, 1)
    call.passes(2000)
    call.logs(AudioStarted(item_id="msg_1"))
    call.recording.step(inputs.SentAudio(voice.tobytes(), call.now_ms))
    call.logs(MessageDone(item_id="msg_1", role="assistant", text="So your card is 4111 1111 1111 1111, right?"))
    call.passes(5000)
    call.logs(AudioStarted(item_id="msg_2"))
    call.recording.step(inputs.SentAudio(voice.tobytes(), call.now_ms))
    call.logs(MessageDone(item_id="msg_2", role="assistant", text="Thank you. What else can I do for you?"))
    call.passes(5000)
    call.logs(CallEnded(reason="hung up"))
    track = call.track()
    assert level_dbfs(track[:, 1], 2000, 5000) < SILENT
    assert level_dbfs(track[:, 1], 7100, 9900) > LOUD
    assert level_dbfs(track[:, 0], 2000, 5000) > LOUD

"""User turns: input buffer, turn detection, and recognition of the caller's speech while it arrives.

All audio is recognised, even if the client did not ask for transcription, because the brain needs the transcript. An
utterance has the id of its future item, which `speech_started` announces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trunkline.engine.brains import BrainRequest
from trunkline.engine.session.configuration import recogniser_prompt
from trunkline.engine.session.effects import (
    AbandonUtterance,
    FeedUtterance,
    FinishUtterance,
    OpenUtterance,
    PauseUtterance,
    ProbeUtterance,
    ResumeUtterance,
)
from trunkline.engine.session.endpointing import ONSET_FRAMES, OVERLAP_PAUSE_MS, PAUSE_MS, Endpointing, SpeechChange
from trunkline.engine.session.input_audio import MAX_BYTES, InputAudio
from trunkline.engine.session.outbox import Outbox
from trunkline.engine.session.turn_completion import semantic_silence_ms
from trunkline.engine.speech.vad import FRAME_MS, VoiceActivity
from trunkline.realtime.audio import Converter
from trunkline.realtime.json_values import JsonObject

PROBES_MS = (400, 600, 800, 1000)
"""Durations of speech over the agent's after which its words are wanted at once."""


@dataclass(frozen=True)
class CommittedTurn:
    """A turn of the caller.

    Attributes:
        item_id: the id of its conversation item.
        end_ms: the position of its end in all received audio.
    """

    item_id: str
    audio: bytes
    end_ms: int


class UserTurns:
    """Conversion of appended audio to committed turns.

    Args:
        activity: the session's own voice activity detector.
        request: returns a brain request with the conversation so far, for the recogniser's grammar.
        wants_words: returns whether the words are wanted early: the client decides by them if the caller interrupts.
        over_agent: returns whether speech that starts now is over the agent's, and the client decides by its words.
    """

    def __init__(
        self,
        activity: VoiceActivity,
        outbox: Outbox,
        new_id: Callable[[str], str],
        request: Callable[[], BrainRequest],
        wants_words: Callable[[], bool] = lambda: False,
        over_agent: Callable[[], bool] = lambda: False,
    ) -> None:
        self._wants_words = wants_words
        self._over_agent = over_agent
        self._stretch_ms = 0
        """The start of the present stretch of speech, in the position of processed audio."""
        self._probes = 0
        self.buffer = InputAudio()
        self._endpointing = Endpointing(activity)
        self._outbox = outbox
        self._new_id = new_id
        self._request = request
        self._detection: JsonObject | None = None
        self._language: str | None = None
        self._prompt = ""
        self._stream_ms = 0
        self._detector_input: Converter = self.buffer.format.decoder()
        self._pcm_input: Converter = self.buffer.format.encoder()
        self._utterance: str | None = None
        self._utterance_input: Converter = self.buffer.format.decoder()
        self._fed_ms = 0
        self._pausing = False
        self._partial = ""
        self._complete: bool | None = None
        self._alternatives: Sequence[str] = ()
        self._levels_db: dict[str, float] = {}
        """Levels of the utterances that wait for their transcripts."""

    @property
    def speaking(self) -> bool:
        """True while the caller speaks."""
        return self._endpointing.speaking

    @property
    def paused_transcript(self) -> tuple[str, str] | None:
        """The id and the words so far of an utterance that may end soon; None without a pause or without words."""
        if not self._pausing or self._utterance is None or not self._partial:
            return None
        return self._utterance, self._partial

    def configure(self, audio_input: JsonObject) -> None:
        """Apply the session's input settings. A different type of turn detection drops the current turn."""
        if audio_input["format"]["type"] != self.buffer.format.type:
            self._abandon()
            self.buffer.change_format(audio_input["format"]["type"])
            self._pcm_input = self.buffer.format.encoder()
            self._restart_detector()
        transcription = audio_input["transcription"] or {}
        self._language = transcription.get("language")
        self._prompt = recogniser_prompt(transcription)
        if audio_input["turn_detection"] != self._detection:
            before, self._detection = self._detection, audio_input["turn_detection"]
            if before is None or self._detection is None or before["type"] != self._detection["type"]:
                self._abandon()
                self._restart_detector()

    def from_pcm(self, pcm: bytes) -> bytes:
        """Convert PCM16 at 24 kHz to the format of the buffer."""
        return self._pcm_input.feed(pcm)

    def split_audio(self, audio: bytes) -> Iterator[bytes]:
        """Split audio into steps of one frame, so that a turn can start and stop within one append."""
        step = FRAME_MS * self.buffer.bytes_per_ms
        return (audio[start : start + step] for start in range(0, len(audio), step))

    def add_audio(self, audio: bytes) -> SpeechChange | None:
        """Add audio of at most one frame, and return whether speech started or stopped with it.

        A start sends `speech_started`, and a stop sends `speech_stopped`.
        """
        self.buffer.append(audio)
        if self._detection is None:
            self._feed_until(self.buffer.end_ms)
            return None
        change = None
        for frame in self._endpointing.frames(self._detector_input.feed(audio)):
            threshold, silence_ms = self._threshold(), self._silence_duration_ms()
            over_agent = not self.speaking and self._over_agent()
            change = self._endpointing.add_frame(frame, threshold, silence_ms, over_agent=over_agent) or change
        change = change or self._endpointing.check_pending(self._silence_duration_ms())
        if change is SpeechChange.STARTED:
            self._start_turn()
        elif self.speaking and self.buffer.size >= MAX_BYTES:
            change = self._endpointing.stop()
        elif self.speaking:
            self._feed_until(self._processed_until_ms())
            self._report_pause()
            self._probe()
        elif change is None:
            kept_ms = self._prefix_ms() + ONSET_FRAMES * FRAME_MS
            self.buffer.discard_before(self._processed_until_ms() - kept_ms)
        if change is SpeechChange.STOPPED:
            self._outbox.send(
                "input_audio_buffer.speech_stopped",
                audio_end_ms=self._stopped_ms(),
                item_id=self._utterance,
            )
        return change

    def is_paused(self, utterance_id: str) -> bool:
        """Return whether the caller pauses in this utterance."""
        return self._pausing and utterance_id == self._utterance

    def on_partial_transcript(
        self, utterance_id: str, text: str, complete: bool | None, alternatives: Sequence[str] = ()
    ) -> bool:
        """Record the transcript so far, which `semantic_vad` uses to choose the silence duration.

        Returns:
            True if it belongs to the current turn, and `speech_started` has announced that turn.
        """
        if utterance_id != self._utterance:
            return False
        self._partial, self._complete, self._alternatives = text, complete, alternatives
        return self._detection is not None

    def on_transcript(self, utterance_id: str, text: str) -> None:
        """Learn the caller's level from an utterance with words."""
        level_db = self._levels_db.pop(utterance_id, None)
        if level_db is not None and text.strip():
            self._endpointing.learn_level(level_db)

    def commit(self) -> CommittedTurn:
        """Take the turn out of the buffer and finish its utterance.

        The turn ends at the detected end of speech. Without one it has all audio of the buffer.
        """
        stopped = self._detection is not None and not self.speaking and self._utterance is not None
        end_ms = self._stopped_ms() if stopped else self.buffer.end_ms
        if self._utterance is None:
            self._open(self.buffer.start_ms)
        self._feed_until(end_ms)
        audio = self.buffer.take(end_ms if stopped else None)
        item_id, self._utterance = self._utterance or "", None
        self._feed(item_id, self._utterance_input.flush())
        self._outbox.do(FinishUtterance(item_id))
        if stopped and (level_db := self._endpointing.take_utterance_db()) is not None:
            self._levels_db[item_id] = level_db
        self._endpointing.end_speech()
        return CommittedTurn(item_id, audio, end_ms)

    def clear(self) -> None:
        """Drop the audio and the current turn."""
        self._abandon()
        self.buffer.clear()
        self._restart_detector()

    def _start_turn(self) -> None:
        self._levels_db.clear()  # an utterance that still has no transcript has failed, or is long past
        onset_ms = self._stream_ms + self._endpointing.started_ms
        start_ms = max(onset_ms - self._prefix_ms(), self.buffer.start_ms)
        self.buffer.discard_before(start_ms)
        item_id = self._open(start_ms)
        self._stretch_ms, self._probes = onset_ms, 0
        self._outbox.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        self._feed_until(self._processed_until_ms())

    def _open(self, from_ms: int) -> str:
        self._utterance = self._new_id("item")
        self._utterance_input = self.buffer.format.decoder()
        self._fed_ms = from_ms
        self._pausing = False
        self._partial, self._complete, self._alternatives = "", None, ()
        self._outbox.do(OpenUtterance(self._utterance, self._request(), self._language, self._prompt))
        return self._utterance

    def _feed_until(self, until_ms: int) -> None:
        utterance = self._utterance or self._open(self.buffer.start_ms)
        if until_ms > self._fed_ms:
            audio = self.buffer.between(self._fed_ms, until_ms)
            self._fed_ms = until_ms
            self._feed(utterance, self._utterance_input.feed(audio))

    def _report_pause(self) -> None:
        # A pause lasts until the voice, also if the agent stops meanwhile.
        pause_ms = 0 if self._pausing else OVERLAP_PAUSE_MS if self._wants_words() else PAUSE_MS
        pausing = self._endpointing.is_pausing(self._silence_duration_ms(), pause_ms)
        if pausing is not self._pausing and self._utterance is not None:
            self._pausing = pausing
            if not pausing:
                # The words of the pause are only the beginning now.
                self._partial, self._complete, self._alternatives = "", None, ()
                self._stretch_ms, self._probes = self._processed_until_ms(), 0
                self._outbox.do(ResumeUtterance(self._utterance))
            else:
                self._outbox.do(PauseUtterance(self._utterance, reports=self._wants_words()))

    def _probe(self) -> None:
        """Ask for the words at once, while the caller speaks over the agent."""
        if self._pausing or self._probes == len(PROBES_MS) or self._utterance is None:
            return
        if self._processed_until_ms() - self._stretch_ms >= PROBES_MS[self._probes]:
            self._probes += 1
            if self._wants_words():
                self._outbox.do(ProbeUtterance(self._utterance))

    def _feed(self, utterance: str, pcm: bytes) -> None:
        if pcm:
            self._outbox.do(FeedUtterance(utterance, pcm))

    def _abandon(self) -> None:
        if self._utterance is not None:
            self._outbox.do(AbandonUtterance(self._utterance))
            self._utterance = None
        self._endpointing.end_speech()

    def _restart_detector(self) -> None:
        self._endpointing.reset()
        self._detector_input = self.buffer.format.decoder()
        self._stream_ms = self.buffer.end_ms

    def _processed_until_ms(self) -> int:
        return self._stream_ms + self._endpointing.processed_ms

    def _stopped_ms(self) -> int:
        return self._stream_ms + self._endpointing.stopped_ms

    def _threshold(self) -> float:
        return float((self._detection or {}).get("threshold", 0.5))

    def _prefix_ms(self) -> int:
        return int((self._detection or {}).get("prefix_padding_ms", 300))

    def _silence_duration_ms(self) -> int:
        detection = self._detection or {}
        if detection.get("type") == "semantic_vad":
            return semantic_silence_ms(
                self._partial, detection["eagerness"], complete=self._complete, alternatives=self._alternatives
            )
        return int(detection.get("silence_duration_ms", 500))

"""Endpointing: the start and end of the caller's speech, from voice activity. The received audio is the clock.

Speech starts with the second of two consecutive 32 ms frames at or above the threshold. A click or a knock lasts one
frame. Over the agent's speech, one frame far above the threshold is enough, since a client that decides by words only
holds its audio meanwhile.

Speech stops after `silence_duration_ms` of silence. A silence begins with the first frame that is 0.15 below the
threshold, and a frame at or above the threshold ends it. A frame between these two levels changes nothing, so that a
voice near the threshold does not switch back and forth.

Voice activity detection lags: it reports speech for some frames after the last word. A silence is therefore counted
from the point at which the audio level fell 26 dB below the voice, but at most 96 ms earlier. The turn ends in the
exact millisecond at which the silence is long enough, not at the end of a frame.

A voice far below the caller's own level counts as silence (`level_gate.py`).
"""

from __future__ import annotations

import enum

import numpy as np

from trunkline.engine.session.level_gate import LevelGate
from trunkline.engine.speech.vad import FRAME_BYTES, FRAME_MS, RATE, VoiceActivity
from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE, Resampler

ONSET_FRAMES = 2
SURE_ABOVE = 0.3
"""Distance above the threshold at which one frame starts speech over the agent's. A noise rarely reaches it, and if it
does, a second frame at the threshold follows (benchmarks/turn_taking.py)."""
HYSTERESIS = 0.15
QUIET_RATIO = 0.05
"""Level of silence, relative to the preceding voice: -26 dB."""
MAX_VAD_LAG_MS = 96
_BLOCK_MS = 4
_BLOCKS = FRAME_MS // _BLOCK_MS
_FULL_SCALE = 32768.0
_LEVEL_DECAY = 0.9975
"""Decay of the voice level for each block: a half in one second."""


PAUSE_MS = 200
"""Silence after which a turn may end soon: recognition begins ahead."""
OVERLAP_PAUSE_MS = 64
"""The same for speech over the agent's, which waits for a decision. The gap within a consonant is rarely so long: 25 of
117 recorded sentences have such a pause inside, and 15 one of 192 ms."""


class SpeechChange(enum.Enum):
    """A change that a piece of audio caused."""

    STARTED = "started"
    STOPPED = "stopped"


class Endpointing:
    """Endpointing of one audio stream.

    Attributes:
        speaking: True while the caller speaks.
        processed_ms: the length of the processed part of the stream.
        started_ms: the position in the stream of the frame with which the latest speech began.
        stopped_ms: the position in the stream at which the latest turn ended.
    """

    def __init__(self, activity: VoiceActivity) -> None:
        self._activity = activity
        self._gate = LevelGate()
        self._power = 0.0
        self.reset()

    def reset(self) -> None:
        """Start a new stream with the next audio."""
        self._activity.reset()
        self._resampler = Resampler(SAMPLE_RATE, RATE)
        self._pending = b""
        self._fed_bytes = 0
        self.processed_ms = self.started_ms = self.stopped_ms = 0
        self._level = 0.0
        self._quiet_ms = 0
        self.end_speech()

    def end_speech(self) -> None:
        """End speech without an event. The stream continues."""
        self.speaking = False
        self._voiced_frames = 0
        self._silence_ms = 0

    def frames(self, pcm: bytes) -> list[bytes]:
        """Add PCM16 audio at 24 kHz, and return the frames that it completes."""
        self._fed_bytes += len(pcm)
        audio = self._pending + self._resampler.feed(pcm)
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._pending = audio[whole:]
        return [audio[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]

    def add_frame(
        self, frame: bytes, threshold: float, silence_duration_ms: int, *, over_agent: bool = False
    ) -> SpeechChange | None:
        """Process one frame, and return whether speech started or stopped with it.

        Args:
            over_agent: True if speech that starts now is over the agent's, and its words decide if it interrupts.
        """
        # The silence may become long enough within this frame. Then the turn ends, even if the frame contains speech.
        stopped = self.speaking and self._silence_ms > 0 and self._silence_ms + FRAME_MS > silence_duration_ms
        if stopped:
            self._stop(silence_duration_ms)
        self._measure_level(frame)
        self.processed_ms += FRAME_MS
        probability = self._activity.probability(frame)
        if probability >= threshold and not self._gate.passes(self._power, FRAME_MS, speaking=self.speaking):
            probability = 0.0
        if not self.speaking:
            sure = over_agent and probability >= threshold + SURE_ABOVE
            started = self._check_start(probability >= threshold, sure=sure)
            return started or (SpeechChange.STOPPED if stopped else None)
        if probability >= threshold:
            self._silence_ms = 0
        elif self._silence_ms:
            self._silence_ms += FRAME_MS
        elif probability < max(threshold - HYSTERESIS, 0.01):
            self._silence_ms = min(max(self._quiet_ms, FRAME_MS), FRAME_MS + MAX_VAD_LAG_MS)
        if self._silence_ms and self._silence_ms >= silence_duration_ms:
            return self._stop(silence_duration_ms)
        return None

    def check_pending(self, silence_duration_ms: int) -> SpeechChange | None:
        """Return `STOPPED` if the silence becomes long enough within the audio of an incomplete frame."""
        pending_ms = self._fed_bytes // BYTES_PER_MS - self.processed_ms  # includes the resampler's delay
        if self.speaking and self._silence_ms and self._silence_ms + pending_ms >= silence_duration_ms:
            return self._stop(silence_duration_ms)
        return None

    def is_pausing(self, silence_duration_ms: int, pause_ms: int = PAUSE_MS) -> bool:
        """Return whether the caller has been silent for so long that the turn may end soon."""
        wanted_ms = min(pause_ms, silence_duration_ms // 2)
        return self.speaking and self._silence_ms > 0 and self._silence_ms >= wanted_ms

    def stop(self) -> SpeechChange:
        """End a turn that has become too long."""
        return self._stop(0)

    def take_utterance_db(self) -> float | None:
        """Return the level of the voice since the last call, in dB of full scale; None without a voice."""
        return self._gate.take_utterance_db()

    def learn_level(self, utterance_db: float) -> None:
        """Learn the caller's level from an utterance with words."""
        self._gate.learn(utterance_db)

    def _check_start(self, voiced: bool, *, sure: bool) -> SpeechChange | None:
        self._voiced_frames = self._voiced_frames + 1 if voiced else 0
        if self._voiced_frames < ONSET_FRAMES and not sure:
            return None
        self.started_ms = self.processed_ms - self._voiced_frames * FRAME_MS
        self.speaking = True
        self._silence_ms = 0
        return SpeechChange.STARTED

    def _stop(self, silence_duration_ms: int) -> SpeechChange:
        self.stopped_ms = self.processed_ms + max(silence_duration_ms - self._silence_ms, 0)
        self.end_speech()
        return SpeechChange.STOPPED

    def _measure_level(self, frame: bytes) -> None:
        """Update the voice level, and the duration of the silence since the voice."""
        blocks = np.frombuffer(frame, "<i2").astype(np.float32).reshape(_BLOCKS, -1)
        powers = (blocks * blocks).mean(axis=1)
        self._power = float(powers.mean()) / _FULL_SCALE**2
        for loudness in np.sqrt(powers).tolist():
            self._level = max(self._level * _LEVEL_DECAY, loudness)
            self._quiet_ms = self._quiet_ms + _BLOCK_MS if loudness <= self._level * QUIET_RATIO else 0

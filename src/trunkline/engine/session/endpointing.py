"""When the caller begins and stops to speak, told from voice activity and clocked by the sound received.

Speech starts with the second of two consecutive 32 ms frames at or above the threshold: a click or a knock is one
frame. It stops after `patience` milliseconds of silence. A silence begins with the first frame that falls 0.15 below
the threshold; a frame in between neither begins a silence nor ends one, so that a voice near the threshold does not
chatter. A frame at or above the threshold ends a silence.

Voice activity lags: it calls the first frames after the last word speech as well. So a silence that has begun is
counted from where the sound itself fell 26 dB below the voice, at most 96 ms earlier; and the turn is taken at the
millisecond when the patience is over, not at the end of the frame in which it is.
"""

from __future__ import annotations

import enum
import re

import numpy as np

from trunkline.engine.speech.vad import FRAME_BYTES, FRAME_MS, RATE, VoiceActivity
from trunkline.realtime.audio import BYTES_PER_MS, SAMPLE_RATE, Resampler

ONSET_FRAMES = 2
HYSTERESIS = 0.15
QUIET = 0.05
"""How loud, against the voice before it, sound may be and still be silence: -26 dB."""
MAX_LAG_MS = 96
_BLOCK_MS = 4
_BLOCKS = FRAME_MS // _BLOCK_MS
_FADE = 0.9975
"""By how much a block forgets the loudness of the voice: half in a second."""


class SpeechChange(enum.Enum):
    """What some sound changed."""

    STARTED = "started"
    STOPPED = "stopped"


class Endpointing:
    """One stream of sound, cut into frames and heard for the starts and stops of speech.

    Attributes:
        speaking: whether the caller is speaking.
        processed_ms: how much of the stream has been judged.
        stopped_ms: where in the stream the latest turn ended.
    """

    def __init__(self, activity: VoiceActivity) -> None:
        self._activity = activity
        self.reset()

    def reset(self) -> None:
        """Forgets everything: a new stream begins with the next sound."""
        self._activity.reset()
        self._resampler = Resampler(SAMPLE_RATE, RATE)
        self._pending = b""
        self._fed_bytes = 0
        self.processed_ms = self.stopped_ms = 0
        self._level = 0.0
        self._quiet_ms = 0
        self.end_speech()

    def end_speech(self) -> None:
        """The caller does not speak (any more), whatever was heard so far; the stream goes on."""
        self.speaking = False
        self._voiced_frames = 0
        self._silence_ms = 0

    def frames(self, pcm: bytes) -> list[bytes]:
        """The frames that more sound (PCM16 at 24 kHz) completes."""
        self._fed_bytes += len(pcm)
        sound = self._pending + self._resampler.feed(pcm)
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._pending = sound[whole:]
        return [sound[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]

    def add_frame(self, frame: bytes, threshold: float, silence_duration_ms: int) -> SpeechChange | None:
        """Takes one frame and says whether speech started or stopped with it."""
        # a turn that was over before the frame's end is over, whatever the frame brings
        stopped = self.speaking and self._silence_ms > 0 and self._silence_ms + FRAME_MS > silence_duration_ms
        if stopped:
            self._stop(silence_duration_ms)
        self._measure(frame)
        self.processed_ms += FRAME_MS
        probability = self._activity.probability(frame)
        if not self.speaking:
            return self._maybe_start(probability >= threshold) or (SpeechChange.STOPPED if stopped else None)
        if probability >= threshold:
            self._silence_ms = 0
        elif self._silence_ms:
            self._silence_ms += FRAME_MS
        elif probability < max(threshold - HYSTERESIS, 0.01):
            self._silence_ms = min(max(self._quiet_ms, FRAME_MS), FRAME_MS + MAX_LAG_MS)
        if self._silence_ms and self._silence_ms >= silence_duration_ms:
            return self._stop(silence_duration_ms)
        return None

    def check_pending(self, silence_duration_ms: int) -> SpeechChange | None:
        """Whether the patience is over within the sound that does not fill a frame yet."""
        pending_ms = self._fed_bytes // BYTES_PER_MS - self.processed_ms  # also what the resampler holds back
        if self.speaking and self._silence_ms and self._silence_ms + pending_ms >= silence_duration_ms:
            return self._stop(silence_duration_ms)
        return None

    def stop(self) -> SpeechChange:
        """Ends a turn that has grown too long."""
        return self._stop(0)

    def _maybe_start(self, voiced: bool) -> SpeechChange | None:
        self._voiced_frames = self._voiced_frames + 1 if voiced else 0
        if self._voiced_frames < ONSET_FRAMES:
            return None
        self.speaking = True
        self._silence_ms = 0
        return SpeechChange.STARTED

    def _stop(self, silence_duration_ms: int) -> SpeechChange:
        self.stopped_ms = self.processed_ms + max(silence_duration_ms - self._silence_ms, 0)
        self.end_speech()
        return SpeechChange.STOPPED

    def _measure(self, frame: bytes) -> None:
        """Keeps how loud the voice has been, and for how long it has been quiet since."""
        blocks = np.frombuffer(frame, "<i2").astype(np.float32).reshape(_BLOCKS, -1)
        for loudness in np.sqrt((blocks * blocks).mean(axis=1)).tolist():
            self._level = max(self._level * _FADE, loudness)
            self._quiet_ms = self._quiet_ms + _BLOCK_MS if loudness <= self._level * QUIET else 0


_MAX_WAIT_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
_MIN_WAIT_MS = {"low": 900, "medium": 600, "auto": 600, "high": 400}
_UNFINISHED = re.compile(
    r"\b(?:and|or|but|so|because|if|when|while|that|which|who|with|to|of|for|from|in|on|at|by|about|the|a|an|my|"
    r"your|his|her|their|our|is|are|was|were|i'm|it's|i|you|we|they|um+|uh+|er+m?|hm+|like|well)\W*$",
    re.IGNORECASE,
)
_TRAILING_DIGITS = re.compile(
    r"(?:(?:\d|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double)\b)[\s,-]*)+$", re.IGNORECASE
)
_DIGIT = re.compile(r"\d|[a-z]+", re.IGNORECASE)
_WHOLE_NUMBERS = {1, 2, 4, 7, 8, 10, 11}
"""How many digits a spoken number may well have: a count, a year or last four, a telephone number, a date."""


def semantic_silence_ms(words: str, eagerness: str) -> int:
    """How long a silence `semantic_vad` waits out after these words before it takes the turn.

    A sentence that can end here gets a short wait. After a conjunction, a filler, an article, or digits that do
    not make a whole number yet, it is the eagerness's longest: 8, 4 or 2 s. While no words are known it is between.
    """
    longest = _MAX_WAIT_MS[eagerness]
    if not words.strip():
        return longest // 4
    if _UNFINISHED.search(words) or words.rstrip().endswith(("...", "…", ",")):
        return longest
    digits = _TRAILING_DIGITS.search(words)
    if digits and len(_DIGIT.findall(digits.group())) not in _WHOLE_NUMBERS:
        return longest
    return _MIN_WAIT_MS[eagerness]

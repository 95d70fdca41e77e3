"""When the caller begins and stops to speak, told from voice activity and clocked by the sound received.

Speech starts with the second of two consecutive 32 ms frames at or above the threshold: a click or a knock is one
frame. It stops after `patience` milliseconds of silence, counted from the first frame that falls 0.15 below the
threshold; a frame in between neither begins a silence nor ends one, so that a voice near the threshold does not
chatter. A frame at or above the threshold ends a silence.
"""

from __future__ import annotations

import enum
import re
from typing import Protocol

from trunkline.realtime.audio import SAMPLE_RATE, Resampler

FRAME_MS = 32
FRAME_BYTES = 1024
"""One frame of voice activity: 512 samples of PCM16 at 16 kHz."""
ONSET_FRAMES = 2
HYSTERESIS = 0.15


class VoiceActivity(Protocol):
    """Says how likely it is that somebody speaks. It may remember earlier frames of the same stream."""

    def probability(self, frame: bytes) -> float:
        """For 512 samples of PCM16 at 16 kHz, between 0 and 1."""

    def reset(self) -> None:
        """A new stream begins."""


class Turn(enum.Enum):
    """What a frame changed."""

    STARTED = "started"
    STOPPED = "stopped"


class Endpointing:
    """One stream of sound, cut into frames and heard for the starts and stops of speech.

    Attributes:
        speaking: whether the caller is speaking.
        heard_ms: how much sound has been heard since the stream began.
    """

    def __init__(self, activity: VoiceActivity) -> None:
        self._activity = activity
        self.reset()

    def reset(self) -> None:
        """Forgets everything: a new stream begins with the next sound."""
        self._activity.reset()
        self._resampler = Resampler(SAMPLE_RATE, 16_000)
        self._pending = b""
        self.heard_ms = 0
        self.settle()

    def settle(self) -> None:
        """The caller does not speak (any more), whatever was heard so far; the stream goes on."""
        self.speaking = False
        self._voiced_frames = 0
        self.silence_ms = 0

    def frames(self, pcm: bytes) -> list[bytes]:
        """The frames that more sound (PCM16 at 24 kHz) completes."""
        sound = self._pending + self._resampler.feed(pcm)
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._pending = sound[whole:]
        return [sound[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]

    def hear(self, frame: bytes, threshold: float, patience_ms: float) -> Turn | None:
        """Takes one frame and says whether speech started or stopped with it."""
        self.heard_ms += FRAME_MS
        probability = self._activity.probability(frame)
        if not self.speaking:
            self._voiced_frames = self._voiced_frames + 1 if probability >= threshold else 0
            if self._voiced_frames < ONSET_FRAMES:
                return None
            self.speaking = True
            self.silence_ms = 0
            return Turn.STARTED
        if probability >= threshold:
            self.silence_ms = 0
        elif self.silence_ms or probability < max(threshold - HYSTERESIS, 0.01):
            self.silence_ms += FRAME_MS
        if self.silence_ms and self.silence_ms >= patience_ms:
            self.settle()
            return Turn.STOPPED
        return None


_LONGEST_WAIT_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
_SHORTEST_WAIT_MS = {"low": 900, "medium": 600, "auto": 600, "high": 400}
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


def semantic_patience_ms(words: str, eagerness: str) -> int:
    """How long a silence `semantic_vad` waits out after these words before it takes the turn.

    A sentence that can end here gets a short wait. After a conjunction, a filler, an article, or digits that do
    not make a whole number yet, it is the eagerness's longest: 8, 4 or 2 s. While no words are known it is between.
    """
    longest = _LONGEST_WAIT_MS[eagerness]
    if not words.strip():
        return longest // 4
    if _UNFINISHED.search(words) or words.rstrip().endswith(("...", "…", ",")):
        return longest
    digits = _TRAILING_DIGITS.search(words)
    if digits and len(_DIGIT.findall(digits.group())) not in _WHOLE_NUMBERS:
        return longest
    return _SHORTEST_WAIT_MS[eagerness]

"""Moments at which a recogniser looks for words in the caller's speech over the agent's.

The words are wanted soon: at 400 ms of speech, then every 150 ms, and once more as soon as the caller pauses. The
received audio is the clock, as in endpointing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from trunkline.engine.session.endpointing import OVERLAP_PAUSE_MS, Endpointing, SpeechChange
from trunkline.engine.speech.vad import FRAME_MS, VoiceActivity
from trunkline.realtime.audio import BYTES_PER_MS

LOOKS_MS = (400, 550, 700, 850, 1000, 1300)
"""Durations of speech after which the recogniser looks."""
LEAD_IN_MS = 300
"""Audio before the speech that belongs to it: voice activity detection misses soft beginnings."""
LOOKBACK_MS = 800
"""Audio that is kept while the caller is silent, since a service reports the start of speech late."""
_LOOKBACK_BYTES = LOOKBACK_MS * BYTES_PER_MS
_MAX_RECENT_BYTES = _LOOKBACK_BYTES + 200 * BYTES_PER_MS
"""Kept audio at which it is trimmed to the lookback: not with each frame."""
UNFOUND_MS = 200
"""Time after a reported start of speech in which it must be found here too. Otherwise the recogniser looks at the audio
as if the speech had ended: a noise that a service takes for speech has no words, and the agent continues."""
MAX_STRETCH_MS = 3_000
"""Audio of a stretch at which the recogniser looks, its end: a later look needs only the latest words."""
_THRESHOLD = 0.5


@dataclass(frozen=True)
class Look:
    """A piece of the caller's speech to recognise.

    Attributes:
        pcm: the audio from the beginning of a stretch of speech: PCM16 at 24 kHz.
        speech_ms: duration of the stretch so far.
        first: True for the first look at a stretch.
        paused: True if the stretch has ended.
    """

    pcm: bytes
    speech_ms: float
    first: bool
    paused: bool


class SpeechLooks:
    """The looks at one caller's audio. All audio is fed; looks come between `begin` and `end` only.

    Args:
        activity: a voice activity detector of its own.
    """

    def __init__(self, activity: VoiceActivity) -> None:
        self._endpointing = Endpointing(activity)
        self._recent: deque[bytes] = deque()
        """The latest audio while nothing looks, as it arrived: the caller audio buffer holds the same frames."""
        self._recent_bytes = 0
        self._audio = bytearray()
        self._origin_ms = 0
        """Position of the first byte in the stream since `begin`."""
        self._active = False
        self._onset_ms: int | None = None
        self._reported_ms: int | None = None
        """Position of a reported start of speech that was not found here yet."""
        self._looked = 0
        self._first = True

    def begin(self) -> list[Look]:
        """Begin with the latest audio, in which the caller has begun to speak."""
        self._endpointing.reset()
        self._active, self._origin_ms, self._onset_ms = True, 0, None
        lookback = b"".join((*self._recent, self._audio))[-_LOOKBACK_BYTES:]
        self._reported_ms, self._first = len(lookback) // BYTES_PER_MS, True
        self._recent.clear()
        self._recent_bytes = 0
        self._audio = bytearray()
        return self._add(lookback)

    def end(self) -> None:
        """Look no more."""
        self._active = False
        audio, self._audio = bytes(self._audio[-_LOOKBACK_BYTES:]), bytearray()
        self._recent.append(audio)
        self._recent_bytes += len(audio)

    def feed(self, pcm: bytes) -> list[Look]:
        """Add the caller's audio, and return the looks that are due."""
        if self._active:
            return self._add(pcm)
        self._recent.append(pcm)
        self._recent_bytes += len(pcm)
        if self._recent_bytes > _MAX_RECENT_BYTES:
            while self._recent_bytes - len(self._recent[0]) >= _LOOKBACK_BYTES:
                self._recent_bytes -= len(self._recent.popleft())
        return []

    def _add(self, pcm: bytes) -> list[Look]:
        self._audio += pcm
        looks = [look for frame in self._endpointing.frames(pcm) if (look := self._add_frame(frame)) is not None]
        self._trim()
        return looks

    def _add_frame(self, frame: bytes) -> Look | None:
        change = self._endpointing.add_frame(frame, _THRESHOLD, OVERLAP_PAUSE_MS, over_agent=True)
        now_ms = self._endpointing.processed_ms
        if change is SpeechChange.STARTED:
            self._onset_ms, self._looked, self._first = self._endpointing.started_ms, 0, True
            self._reported_ms = None
        if self._onset_ms is None:
            return self._look_at_unfound(now_ms)
        if change is SpeechChange.STOPPED:
            onset_ms, self._onset_ms = self._onset_ms, None
            return self._look(onset_ms, now_ms, max(now_ms - OVERLAP_PAUSE_MS - onset_ms, 0), paused=True)
        if self._endpointing.is_pausing(2 * FRAME_MS):
            return None  # the look at the pause may follow soon
        speech_ms = now_ms - self._onset_ms
        if self._looked < len(LOOKS_MS) and speech_ms >= LOOKS_MS[self._looked]:
            self._looked += 1
            return self._look(self._onset_ms, now_ms, speech_ms, paused=False)
        return None

    def _look_at_unfound(self, now_ms: int) -> Look | None:
        if self._reported_ms is None or now_ms - self._reported_ms < UNFOUND_MS:
            return None
        reported_ms, self._reported_ms = self._reported_ms, None
        look = self._look(reported_ms, now_ms, now_ms - reported_ms, paused=True)
        return look if any(look.pcm) else None

    def _look(self, onset_ms: int, now_ms: int, speech_ms: float, *, paused: bool) -> Look:
        first, self._first = self._first, False
        start = max(onset_ms - LEAD_IN_MS, now_ms - MAX_STRETCH_MS, self._origin_ms) - self._origin_ms
        pcm = bytes(self._audio[start * BYTES_PER_MS : (now_ms - self._origin_ms) * BYTES_PER_MS])
        return Look(pcm, speech_ms, first, paused)

    def _trim(self) -> None:
        """Drop the audio that no look needs."""
        now_ms = self._endpointing.processed_ms
        keep_from_ms = now_ms - (LOOKBACK_MS if self._onset_ms is None else MAX_STRETCH_MS + LEAD_IN_MS)
        if (extra_ms := keep_from_ms - self._origin_ms) > 0:
            del self._audio[: extra_ms * BYTES_PER_MS]
            self._origin_ms += extra_ms

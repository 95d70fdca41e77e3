"""What comes out of the session's machine: events to send, and work for the shell around it.

The shell reports results back as inputs under the same response id and generation, or the same utterance id.
It may be slow or fail; it must not reorder the effects it is given.
"""

from __future__ import annotations

import msgspec

from trunkline.engine.brains import BrainRequest
from trunkline.realtime.events import Event


class Send(msgspec.Struct, frozen=True):
    """An event for the clients."""

    event: Event


class StartBrain(msgspec.Struct, frozen=True):
    """Ask the brain; report `BrainProduced`…, then `BrainDone` or `BrainFailed`."""

    response_id: str
    generation: int
    request: BrainRequest


class CancelBrain(msgspec.Struct, frozen=True):
    """Stop asking, now. Nothing more need be reported."""

    response_id: str
    generation: int


class StartSpeech(msgspec.Struct, frozen=True):
    """Say a sentence; report `SpeechProduced`…, then `SpeechDone` or `SpeechFailed`.

    At most one sentence of a response is asked for at a time.
    """

    response_id: str
    generation: int
    item_id: str
    content_index: int
    text: str
    voice: str | None
    speed: float
    language: str | None


class CancelSpeech(msgspec.Struct, frozen=True):
    """Stop saying it, now."""

    response_id: str
    generation: int


class OpenUtterance(msgspec.Struct, frozen=True):
    """Begin to recognise. `request` is what the brain's grammar is asked with: the conversation so far."""

    utterance_id: str
    request: BrainRequest
    language: str | None


class FeedUtterance(msgspec.Struct, frozen=True):
    """Sound of an open utterance: PCM16 at 24 kHz."""

    utterance_id: str
    pcm: bytes


class FinishUtterance(msgspec.Struct, frozen=True):
    """No more sound will come; report `FinalTranscript` or `TranscriptFailed`."""

    utterance_id: str


class AbandonUtterance(msgspec.Struct, frozen=True):
    """Nobody wants its words any more."""

    utterance_id: str


class SetTimer(msgspec.Struct, frozen=True):
    """Report `TimerFired(key)` when the clock reaches `at_ms`. The same key again replaces the earlier wish."""

    key: str
    at_ms: float


class Play(msgspec.Struct, frozen=True):
    """Sound for a shell that paces its output itself (WebRTC): PCM16 at 24 kHz.

    Report `PlayoutStarted` and `PlayoutEnded` as it is played.
    """

    response_id: str
    item_id: str
    pcm: bytes


class ClearPlayout(msgspec.Struct, frozen=True):
    """Be silent at once: what was given to `Play` and not yet heard is void. Report `PlayoutCleared`."""


class Close(msgspec.Struct, frozen=True):
    """End the session with this WebSocket close code and reason."""

    code: int
    reason: str


Effect = (
    StartBrain
    | CancelBrain
    | StartSpeech
    | CancelSpeech
    | OpenUtterance
    | FeedUtterance
    | FinishUtterance
    | AbandonUtterance
    | SetTimer
    | Play
    | ClearPlayout
    | Close
)
Output = Send | Effect

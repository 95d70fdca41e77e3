"""Outputs of the session machine: events to send, and work for the session runner.

The runner reports results as inputs with the same response id and generation, or the same utterance id. Work may be
slow or fail. The runner starts effects in the order that the machine returns them.
"""

from __future__ import annotations

import msgspec

from trunkline.engine.brains import BrainRequest
from trunkline.realtime.events import Event


class Send(msgspec.Struct, frozen=True):
    """An event for all attached clients."""

    event: Event


class StartBrain(msgspec.Struct, frozen=True):
    """A request to the brain. Its results are `BrainProduced`…, then `BrainDone` or `BrainFailed`."""

    response_id: str
    generation: int
    request: BrainRequest


class CancelBrain(msgspec.Struct, frozen=True):
    """An order to stop the brain's work at once. No result is needed."""

    response_id: str
    generation: int


class StartSpeech(msgspec.Struct, frozen=True):
    """A sentence to synthesise. Its results are `SpeechProduced`…, then `SpeechDone` or `SpeechFailed`.

    The machine asks for at most one sentence of a response at a time.
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
    """An order to stop the synthesis at once. No result is needed."""

    response_id: str
    generation: int


class OpenUtterance(msgspec.Struct, frozen=True):
    """The start of an utterance to recognise.

    Attributes:
        request: the conversation so far, for the brain's grammar.
        prompt: names and terms that are likely to be said, from the session's transcription settings.
    """

    utterance_id: str
    request: BrainRequest
    language: str | None
    prompt: str = ""


class FeedUtterance(msgspec.Struct, frozen=True):
    """Audio of an open utterance: PCM16 at 24 kHz."""

    utterance_id: str
    pcm: bytes


class ProbeUtterance(msgspec.Struct, frozen=True):
    """An order to recognise the words so far at once: the caller speaks over the agent.

    Its result is a `PartialTranscript`, or none.
    """

    utterance_id: str


class PauseUtterance(msgspec.Struct, frozen=True):
    """The caller is silent, so the utterance may end soon: a recogniser can decode it ahead.

    Attributes:
        reports: True if a `PausedTranscript` is wanted: the caller has spoken over the agent.
    """

    utterance_id: str
    reports: bool = False


class ResumeUtterance(msgspec.Struct, frozen=True):
    """The caller speaks again after a `PauseUtterance`."""

    utterance_id: str


class PrepareAnswer(msgspec.Struct, frozen=True):
    """The probable words of a paused utterance: the answer can be prepared. No result is needed.

    `ResumeUtterance`, `AbandonUtterance`, or another `PrepareAnswer` for the utterance makes it useless.

    Attributes:
        request: the request that the brain will get if these are the final words.
    """

    utterance_id: str
    request: BrainRequest
    voice: str | None
    speed: float


class FinishUtterance(msgspec.Struct, frozen=True):
    """The end of an utterance's audio. Its result is `FinalTranscript` or `TranscriptFailed`."""

    utterance_id: str


class AbandonUtterance(msgspec.Struct, frozen=True):
    """An order to drop an utterance. Its transcript is not needed."""

    utterance_id: str


class ExpiryTimer(msgspec.Struct, frozen=True):
    """The timer of the session's time limit."""


class TranscriptTimer(msgspec.Struct, frozen=True):
    """The timer of a response that waits for the transcripts of earlier turns."""

    response_id: str


Timer = ExpiryTimer | TranscriptTimer


class SetTimer(msgspec.Struct, frozen=True):
    """A request for `TimerFired(timer)` when the clock reaches `at_ms`. It replaces an equal timer."""

    timer: Timer
    at_ms: float


class Play(msgspec.Struct, frozen=True):
    """Audio for a transport that plays in real time (WebRTC): PCM16 at 24 kHz.

    Its results are `PlayoutStarted` and `PlayoutEnded`.
    """

    response_id: str
    item_id: str
    pcm: bytes


class ClearPlayout(msgspec.Struct, frozen=True):
    """An order to drop all audio of `Play` that is not played yet. Its result is `PlayoutCleared`."""


class Close(msgspec.Struct, frozen=True):
    """The end of the session, with a WebSocket close code and reason."""

    code: int
    reason: str


Effect = (
    StartBrain
    | CancelBrain
    | StartSpeech
    | CancelSpeech
    | OpenUtterance
    | FeedUtterance
    | ProbeUtterance
    | PauseUtterance
    | ResumeUtterance
    | PrepareAnswer
    | FinishUtterance
    | AbandonUtterance
    | SetTimer
    | Play
    | ClearPlayout
    | Close
)
Output = Send | Effect

"""Inputs of the session machine: client events, audio, timers, and results of effects.

A result names its response and generation, or its utterance. The machine ignores results of work that it no longer
needs.
"""

from __future__ import annotations

import msgspec

from trunkline.engine.brains import BrainOutput
from trunkline.engine.session.effects import Timer
from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.events import Event
from trunkline.realtime.validation import InvalidRequest


class Opened(msgspec.Struct, frozen=True):
    """The start of the session. The machine sends `session.created`."""


class ClientEvent(msgspec.Struct, frozen=True):
    """A decoded event from a client, with the reason to refuse it if the client's dialect does not allow it."""

    event: Event
    refusal: InvalidRequest | None = None


class MalformedFrame(msgspec.Struct, frozen=True):
    """A frame that is not a valid event; `message` describes the fault."""

    message: str


class AudioReceived(msgspec.Struct, frozen=True):
    """The caller's audio from a media track (WebRTC): PCM16 at 24 kHz."""

    pcm: bytes


class PlayoutStarted(msgspec.Struct, frozen=True):
    """The first audio of a response was sent to the caller. It can repeat after a pause in the response's audio."""

    response_id: str


class PlayoutEnded(msgspec.Struct, frozen=True):
    """All audio of a response that `Play` carried so far was sent to the caller."""

    response_id: str


class InterruptedMessage(msgspec.Struct, frozen=True):
    """A message of which `played_ms` were sent to the caller, and the rest was dropped."""

    response_id: str
    item_id: str
    played_ms: int


class PlayoutCleared(msgspec.Struct, frozen=True):
    """The result of `ClearPlayout`. `interrupted` lists the messages that had unplayed audio."""

    interrupted: tuple[InterruptedMessage, ...]


class TimerFired(msgspec.Struct, frozen=True):
    """A timer set with `SetTimer` is due."""

    timer: Timer


class BrainProduced(msgspec.Struct, frozen=True):
    """A piece of the brain's answer."""

    response_id: str
    generation: int
    output: BrainOutput


class BrainDone(msgspec.Struct, frozen=True):
    """The brain's answer is complete."""

    response_id: str
    generation: int


class BrainFailed(msgspec.Struct, frozen=True):
    """The brain could not answer, or stopped in the middle."""

    response_id: str
    generation: int
    message: str
    code: str = "server_error"


class SpeechProduced(msgspec.Struct, frozen=True):
    """Audio of the sentence that `StartSpeech` requested."""

    response_id: str
    generation: int
    chunk: SpeechChunk


class SpeechDone(msgspec.Struct, frozen=True):
    """All audio of the sentence was produced."""

    response_id: str
    generation: int


class SpeechFailed(msgspec.Struct, frozen=True):
    """The speech synthesis of the sentence failed."""

    response_id: str
    generation: int
    message: str


class PartialTranscript(msgspec.Struct, frozen=True):
    """The transcript of an utterance so far. It may still change.

    Attributes:
        complete: True if the brain expects this as a whole reply, False if a part of it is missing, else None.
        alternatives: other texts that are almost as likely.
    """

    utterance_id: str
    text: str
    complete: bool | None = None
    alternatives: tuple[str, ...] = ()


class PausedTranscript(msgspec.Struct, frozen=True):
    """The words of an utterance up to a pause of the caller; "" for none."""

    utterance_id: str
    text: str


class FinalTranscript(msgspec.Struct, frozen=True):
    """The transcript of a finished utterance."""

    utterance_id: str
    text: str


class TranscriptFailed(msgspec.Struct, frozen=True):
    """The recognition of an utterance failed."""

    utterance_id: str
    message: str


Input = (
    Opened
    | ClientEvent
    | MalformedFrame
    | AudioReceived
    | PlayoutStarted
    | PlayoutEnded
    | PlayoutCleared
    | TimerFired
    | BrainProduced
    | BrainDone
    | BrainFailed
    | SpeechProduced
    | SpeechDone
    | SpeechFailed
    | PartialTranscript
    | PausedTranscript
    | FinalTranscript
    | TranscriptFailed
)

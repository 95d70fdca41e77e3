"""What goes into the session's machine: the caller's events, wake-ups, and the results of its effects.

A result names the response and the generation of the work, or the utterance, that it belongs to; a stale one changes
nothing.
"""

from __future__ import annotations

import msgspec

from trunkline.engine.brains import BrainOutput
from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.events import Event


class Opened(msgspec.Struct, frozen=True):
    """The session begins; answered by `session.created`."""


class ClientEvent(msgspec.Struct, frozen=True):
    """A decoded event from a client."""

    event: Event


class MalformedFrame(msgspec.Struct, frozen=True):
    """A frame that was no event; `message` says what was wrong with it."""

    message: str


class AudioReceived(msgspec.Struct, frozen=True):
    """The caller's sound, from a shell that hears it itself (WebRTC): PCM16 at 24 kHz."""

    pcm: bytes


class PlayoutStarted(msgspec.Struct, frozen=True):
    """The first of a response's sound has gone to the caller, or the first after it had run out."""

    response_id: str


class PlayoutEnded(msgspec.Struct, frozen=True):
    """All of a response's sound that `Play` gave has gone to the caller."""

    response_id: str


class InterruptedMessage(msgspec.Struct, frozen=True):
    """A message whose sound was cut off: `played_ms` of it had gone to the caller."""

    response_id: str
    item_id: str
    played_ms: int


class PlayoutCleared(msgspec.Struct, frozen=True):
    """`ClearPlayout` was carried out. `interrupted` are the messages of which sound was still to come."""

    interrupted: tuple[InterruptedMessage, ...]


class TimerFired(msgspec.Struct, frozen=True):
    """The time that `SetTimer(key, …)` asked for has come."""

    key: str


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
    """The brain could not answer, or broke off."""

    response_id: str
    generation: int
    message: str
    code: str = "server_error"


class SpeechProduced(msgspec.Struct, frozen=True):
    """Some sound of the sentence that `StartSpeech` asked for."""

    response_id: str
    generation: int
    chunk: SpeechChunk


class SpeechDone(msgspec.Struct, frozen=True):
    """All of the sentence's sound has been made."""

    response_id: str
    generation: int


class SpeechFailed(msgspec.Struct, frozen=True):
    """The voice gave up on the sentence."""

    response_id: str
    generation: int
    message: str


class PartialTranscript(msgspec.Struct, frozen=True):
    """The words of an utterance so far; they may still change."""

    utterance_id: str
    text: str


class FinalTranscript(msgspec.Struct, frozen=True):
    """The words of a finished utterance."""

    utterance_id: str
    text: str


class TranscriptFailed(msgspec.Struct, frozen=True):
    """The recogniser gave up on an utterance."""

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
    | FinalTranscript
    | TranscriptFailed
)

"""What goes into the session's machine: the caller's events, wake-ups, and the results of its effects.

A result names the response and the generation of the work, or the utterance, that it belongs to; a stale one changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.engine.brains import BrainOutput
from trunkline.engine.speech import SpokenChunk
from trunkline.realtime.events import Event


@dataclass(frozen=True, slots=True)
class Opened:
    """The session begins; answered by `session.created`."""


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """A decoded event from a client."""

    event: Event


@dataclass(frozen=True, slots=True)
class MalformedFrame:
    """A frame that was no event; `message` says what was wrong with it."""

    message: str


@dataclass(frozen=True, slots=True)
class SoundHeard:
    """The caller's sound, from a shell that hears it itself (WebRTC): PCM16 at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class PlaybackBegan:
    """The first of a response's sound has gone to the caller, or the first after it had run out."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """All of a response's sound that `Play` gave has gone to the caller."""

    response_id: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """A message whose sound was cut off: `heard_ms` of it had gone to the caller."""

    response_id: str
    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class PlaybackCleared:
    """`ClearPlayback` was carried out. `cut_off` are the messages of which sound was still to come."""

    cut_off: tuple[CutOff, ...]


@dataclass(frozen=True, slots=True)
class WokeUp:
    """The time that `WakeAt(key, …)` asked for has come."""

    key: str


@dataclass(frozen=True, slots=True)
class BrainSaid:
    """A piece of the brain's answer."""

    response_id: str
    generation: int
    output: BrainOutput


@dataclass(frozen=True, slots=True)
class BrainDone:
    """The brain's answer is complete."""

    response_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class BrainFailed:
    """The brain could not answer, or broke off."""

    response_id: str
    generation: int
    message: str
    code: str = "server_error"


@dataclass(frozen=True, slots=True)
class SpeechMade:
    """Some sound of the sentence that `Speak` asked for."""

    response_id: str
    generation: int
    chunk: SpokenChunk


@dataclass(frozen=True, slots=True)
class SpeechDone:
    """All of the sentence's sound has been made."""

    response_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class SpeechFailed:
    """The voice gave up on the sentence."""

    response_id: str
    generation: int
    message: str


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """The words of an utterance so far; they may still change."""

    utterance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The words of a finished utterance."""

    utterance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    """The recogniser gave up on an utterance."""

    utterance_id: str
    message: str


Input = (
    Opened
    | ClientEvent
    | MalformedFrame
    | SoundHeard
    | PlaybackBegan
    | PlaybackEnded
    | PlaybackCleared
    | WokeUp
    | BrainSaid
    | BrainDone
    | BrainFailed
    | SpeechMade
    | SpeechDone
    | SpeechFailed
    | PartialTranscript
    | FinalTranscript
    | TranscriptFailed
)

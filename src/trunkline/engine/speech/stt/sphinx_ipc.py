"""Messages between `SphinxStt` and its worker process; see `worker_ipc` for their framing."""

from __future__ import annotations

import msgspec

from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable


class Open(Message, frozen=True):
    """Begin an utterance. Its audio is PCM16 mono at 24 kHz.

    Attributes:
        mean: the cepstral mean of the line, as `Final` gave it for an earlier utterance; None for an unknown line.
    """

    id: int
    grammar: str | None
    partials: bool
    mean: str | None = None


class Audio(Message, frozen=True):
    """More audio of an utterance."""

    id: int
    pcm: bytes


class Finish(Message, frozen=True):
    """The end of an utterance's audio: decode the rest and answer with `Final` or `Failed`."""

    id: int


class Abandon(Message, frozen=True):
    """Give the utterance up; the worker sends no answer."""

    id: int


class Partial(Message, frozen=True):
    """The words so far, which have changed."""

    id: int
    text: str


class Final(Message, frozen=True):
    """The words of an utterance, and the cepstral mean of the line after it; None if it had no speech."""

    id: int
    text: str
    mean: str | None = None


class Failed(Message, frozen=True):
    """The utterance has no result; the reason is for people."""

    id: int
    reason: str


Request = Open | Audio | Finish | Abandon
Reply = Partial | Final | Failed

requests = msgspec.msgpack.Decoder(Request)
replies = msgspec.msgpack.Decoder[Reply | Ready | Unusable](Reply | Ready | Unusable)

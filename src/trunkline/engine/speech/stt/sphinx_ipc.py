"""What the recogniser and its worker process say to each other: msgpack structs, each after its length in 4 bytes."""

from __future__ import annotations

import msgspec

LENGTH_BYTES = 4


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """What every message shares."""


class Open(Message, frozen=True):
    """An utterance begins. Sound for it is PCM16 mono at 24 kHz."""

    id: int
    grammar: str | None
    partials: bool


class Audio(Message, frozen=True):
    """More sound of an utterance."""

    id: int
    pcm: bytes


class Finish(Message, frozen=True):
    """No more sound comes: decode what is left and answer with `Final` or `Failed`."""

    id: int


class Abandon(Message, frozen=True):
    """The utterance is given up; nothing is answered."""

    id: int


class Partial(Message, frozen=True):
    """The words so far, which changed."""

    id: int
    text: str


class Final(Message, frozen=True):
    """The words."""

    id: int
    text: str


class Failed(Message, frozen=True):
    """The utterance came to nothing. With id 0 the worker itself cannot work, and ends."""

    id: int
    reason: str


class Ready(Message, frozen=True):
    """The worker has a decoder in hand."""


Request = Open | Audio | Finish | Abandon
Reply = Partial | Final | Failed | Ready

_encoder = msgspec.msgpack.Encoder()
requests = msgspec.msgpack.Decoder(Request)
replies = msgspec.msgpack.Decoder(Reply)


def frame(message: Message) -> bytes:
    """The bytes of one message."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "little") + body

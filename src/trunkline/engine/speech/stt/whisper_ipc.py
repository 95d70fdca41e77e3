"""Messages between `WhisperStt` and its worker process; see `worker_ipc` for their framing."""

from __future__ import annotations

import msgspec

from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable


class Decode(Message, frozen=True):
    """Decode an utterance, or its beginning. The audio is PCM16 mono at 16 kHz."""

    id: int
    pcm: bytes
    language: str | None
    prompt: str


class Decoded(Message, frozen=True):
    """The words of an utterance; see `whisper_model.Recognition` for the figures."""

    id: int
    text: str
    log_probability: float
    no_speech: float


class Failed(Message, frozen=True):
    """The utterance has no result; the reason is for people."""

    id: int
    reason: str


Reply = Decoded | Failed

requests = msgspec.msgpack.Decoder(Decode)
replies = msgspec.msgpack.Decoder[Reply | Ready | Unusable](Reply | Ready | Unusable)

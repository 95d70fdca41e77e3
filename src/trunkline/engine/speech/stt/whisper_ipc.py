"""Messages between `WhisperStt` and its worker process; see `worker_ipc` for their framing."""

from __future__ import annotations

import msgspec

from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable


class Decode(Message, frozen=True):
    """Decode an utterance, or its beginning. The audio is PCM16 mono at 16 kHz.

    Attributes:
        beams: hypotheses to follow, as many as `Decoded` will have at most.
    """

    id: int
    pcm: bytes
    language: str | None
    prompt: str
    beams: int


class Hypothesis(msgspec.Struct, frozen=True, array_like=True):
    """Words that the audio may hold, with the mean log probability of their tokens: 0 for certain."""

    text: str
    log_probability: float


class Decoded(Message, frozen=True):
    """The hypotheses for an utterance, the likeliest first, and the probability that its audio holds no speech."""

    id: int
    hypotheses: tuple[Hypothesis, ...]
    no_speech: float


class Failed(Message, frozen=True):
    """The utterance has no result; the reason is for people."""

    id: int
    reason: str


Reply = Decoded | Failed

requests = msgspec.msgpack.Decoder(Decode)
replies = msgspec.msgpack.Decoder[Reply | Ready | Unusable](Reply | Ready | Unusable)

"""Messages between `PiperTts` and its worker process; see `worker_ipc` for their framing."""

from __future__ import annotations

import msgspec

from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable


class Synthesise(Message, frozen=True):
    """Speak a clause.

    Attributes:
        length_scale: stretches the speech; 2 is half as fast as the voice's own pace.
        pitch: raises the voice by this factor, without a change of pace.
        leading_ms, trailing_ms: the silence before and after the words; the voice's own is cut off.
    """

    id: int
    text: str
    length_scale: float
    pitch: float
    leading_ms: int
    trailing_ms: int


class Cancel(Message, frozen=True):
    """Stop the work on a clause at once. The reply is `Failed`, unless the clause was done already."""

    id: int


class Synthesised(Message, frozen=True):
    """The audio of a clause: PCM16 mono at 24 kHz.

    Attributes:
        words: for each word, the ms at which it ends and the length of the text up to there.
    """

    id: int
    pcm: bytes
    words: tuple[tuple[int, int], ...]


class Failed(Message, frozen=True):
    """The clause has no audio; the reason is for people."""

    id: int
    reason: str


Request = Synthesise | Cancel
Reply = Synthesised | Failed

requests = msgspec.msgpack.Decoder[Request](Request)
replies = msgspec.msgpack.Decoder[Reply | Ready | Unusable](Reply | Ready | Unusable)

"""Messages between `EspeakTts` and its worker process; see `worker_ipc` for their framing."""

from __future__ import annotations

import msgspec

from trunkline.engine.speech.worker_ipc import Message, Ready, Unusable


class Synthesise(Message, frozen=True):
    """Speak a text. Texts are spoken one after the other.

    Attributes:
        voice: a Realtime voice name such as "sage", or a voice of eSpeak such as "en-us+f5".
        speed: 0.25 to 1.5.
        language: "en", "de"…
    """

    id: int
    text: str
    voice: str | None
    speed: float
    language: str | None


class Cancel(Message, frozen=True):
    """Stop the work on a text at once. The text's last message is `Done` all the same."""

    id: int


class Audio(Message, frozen=True):
    """Some audio of a text: PCM16 mono at the library's rate.

    Attributes:
        words: the words that begin in or soon after it, each by its first character in the text, and its first sample
            in the text's audio.
    """

    id: int
    pcm: bytes
    words: tuple[tuple[int, int], ...]


class Done(Message, frozen=True):
    """The text has no more audio."""

    id: int


class Failed(Message, frozen=True):
    """The text has no more audio, since the library failed; the reason is for people."""

    id: int
    reason: str


Request = Synthesise | Cancel
Reply = Audio | Done | Failed

requests = msgspec.msgpack.Decoder[Request](Request)
replies = msgspec.msgpack.Decoder[Reply | Ready | Unusable](Reply | Ready | Unusable)

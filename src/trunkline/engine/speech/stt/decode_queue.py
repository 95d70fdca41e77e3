"""A bounded queue of decodings, shared fairly by the sessions that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from trunkline.engine.speech import ProbedWords, SpeechError


class Urgency(IntEnum):
    """The order in which decodings are served: the lowest first."""

    FINAL = 0
    """A caller waits for an answer."""
    AHEAD = 1
    """A caller is silent and may have finished; or a part of a long utterance, which will be needed."""
    PARTIAL = 2
    """The words so far, for the screen and for turn detection."""


@dataclass(eq=False)
class Decoding:
    """A stretch of an utterance to decode, as PCM16 at 16 kHz, and its result.

    Attributes:
        expects: returns whether a text is an expected reply.
        likeliest: the likeliest text with its probabilities, once it is decoded.
        alternatives: texts that are almost as likely as the chosen one.
    """

    session_id: str
    pcm: bytes
    urgency: Urgency
    language: str | None = None
    prompt: str = ""
    expects: Callable[[str], bool] | None = None
    likeliest: ProbedWords | None = None
    alternatives: tuple[str, ...] = ()
    text: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class DecodeQueue:
    """Waiting decodings. The most urgent are served first, and sessions take turns among those of one urgency.

    Args:
        limit: decodings that may wait in all.
        session_limit: decodings that may wait for one session.
    """

    def __init__(self, limit: int = 32, session_limit: int = 4) -> None:
        self._limit = limit
        self._session_limit = session_limit
        self._waiting: list[Decoding] = []
        self._served: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, decoding: Decoding) -> None:
        """Add a decoding. If the queue is full, partial ones make room for others.

        Raises:
            SpeechError: the queue is full.
        """
        own = [one for one in self._waiting if one.session_id == decoding.session_id]
        for waiting, limit in ((own, self._session_limit), (self._waiting, self._limit)):
            if len(waiting) < limit:
                continue
            least = max(waiting, key=lambda one: one.urgency)
            if least.urgency is not Urgency.PARTIAL or decoding.urgency is Urgency.PARTIAL:
                raise SpeechError(
                    f"The recogniser is overloaded: {len(self._waiting)} utterances wait. "
                    "Run fewer calls on this server, or set TRUNKLINE_STT=sphinx."
                )
            self.remove(least)
            least.text.cancel()
        self._waiting.append(decoding)

    def remove(self, decoding: Decoding) -> bool:
        """Remove a decoding; return whether it was waiting."""
        if decoding not in self._waiting:
            return False
        self._waiting.remove(decoding)
        return True

    def next(self) -> Decoding | None:
        """Take the next decoding to serve; None if none waits."""
        if not self._waiting:
            self._served.clear()
            return None
        chosen = min(self._waiting, key=lambda one: (one.urgency, self._served.get(one.session_id, 0)))
        self._waiting.remove(chosen)
        self._count += 1
        self._served[chosen.session_id] = self._count
        return chosen

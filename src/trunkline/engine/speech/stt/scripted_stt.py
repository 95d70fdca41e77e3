"""A recogniser that knows the answer, so that a test of turn-taking does not depend on hearing.

ears = ScriptedStt(["yes please", "mountains"])   # the words of the first utterance, of the second…
ears = ScriptedStt(lambda sound: words_for(sound))  # by the sound itself
ears = ScriptedStt()
ears.mark(pcm, "yes please")                           # whoever feeds sound that contains `pcm` says this
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from trunkline.engine.speech import SpeechError, Transcript

_FINGERPRINT_BYTES = 2 * 480
"""20 ms of sound, from the loudest place of a marked one: enough to tell it, short enough to survive being cut."""


class ScriptedStt:
    """Answers without listening, or almost.

    Args:
        texts: the transcripts of the utterances in the order in which they finish, or what makes one of the sound
            (PCM16 at 24 kHz) of an utterance. Without any, and for sound that holds no marked one, the transcript
            is empty; a list that has run out is a `SpeechError`, because the test expected less than was said.
    """

    def __init__(self, texts: Iterable[str] | Callable[[bytes], str] | None = None) -> None:
        self._by_sound = texts if callable(texts) else None
        self._texts = None if texts is None or callable(texts) else deque(texts)
        self._marks: dict[bytes, str] = {}
        self._closed = False
        self.grammars: list[str | None] = []
        """The grammar of each utterance so far, in the order in which they were opened."""

    def mark(self, pcm: bytes, text: str) -> None:
        """From now on, sound in which `pcm` occurs unchanged (its loudest 20 ms do) says `text`."""
        self._marks[_fingerprint(pcm)] = text

    def open(
        self,
        *,
        grammar: str | None = None,
        language: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> ScriptedUtterance:
        """Begins an utterance. `on_partial` hears the whole transcript once, just before `finish` returns.

        Raises:
            SpeechError: the recogniser is closed.
        """
        if self._closed:
            raise SpeechError("The recogniser is closed.")
        self.grammars.append(grammar)
        return ScriptedUtterance(self._answer, on_partial)

    async def aclose(self) -> None:
        """Refuses what comes after."""
        self._closed = True

    def _answer(self, sound: bytes) -> str:
        for fingerprint, text in self._marks.items():
            if fingerprint in sound:
                return text
        if self._by_sound is not None:
            return self._by_sound(sound)
        if self._texts is None:
            return ""
        if not self._texts:
            raise SpeechError("More was said than the oracle was given texts for.")
        return self._texts.popleft()


class ScriptedUtterance:
    """One stretch of speech; see `Utterance`."""

    def __init__(self, answer: Callable[[bytes], str], on_partial: Callable[[str], None] | None) -> None:
        self._answer = answer
        self._on_partial = on_partial
        self._sound = bytearray()
        self._transcript: Transcript | None = None
        self._abandoned = False

    def feed(self, pcm: bytes) -> None:
        """Takes more sound."""
        self._sound += pcm

    async def finish(self) -> Transcript:
        """The words; the second time, the same again.

        Raises:
            SpeechError: the utterance was abandoned, or the oracle has no text left.
        """
        await asyncio.sleep(0)
        if self._transcript is None:
            if self._abandoned:
                raise SpeechError("The utterance was abandoned.")
            self._transcript = Transcript(self._answer(bytes(self._sound)))
            if self._on_partial is not None and self._transcript.text:
                self._on_partial(self._transcript.text)
        return self._transcript

    def abandon(self) -> None:
        """Gives up the utterance; it takes no text from the list."""
        self._abandoned = True


def _fingerprint(pcm: bytes) -> bytes:
    """The loudest 20 ms, which no quiet or padding elsewhere can be mistaken for."""
    pieces = (pcm[at : at + _FINGERPRINT_BYTES] for at in range(0, len(pcm), _FINGERPRINT_BYTES))
    loudest = max(pieces, key=lambda piece: sum(map(abs, memoryview(piece[: len(piece) & ~1]).cast("h"))), default=b"")
    if not any(loudest):
        raise ValueError("Silence cannot be told from other silence: mark sound that is not.")
    return loudest

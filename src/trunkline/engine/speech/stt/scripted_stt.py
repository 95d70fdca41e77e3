"""A recogniser that returns scripted texts, so that a test of turn-taking does not depend on speech recognition.

stt = ScriptedStt(["yes please", "mountains"])     # the text of the first utterance, of the second…
stt = ScriptedStt(lambda pcm: text_for(pcm))       # a text for the audio itself
stt = ScriptedStt()
stt.mark(pcm, "yes please")                        # the text of any utterance that contains `pcm`
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from trunkline.engine.speech import SpeechError, Transcript

_FINGERPRINT_BYTES = 2 * 480
"""20 ms of audio, from the loudest place: enough to recognise it, short enough to survive being cut."""


class ScriptedStt:
    """Answers from a script instead of the audio.

    Args:
        texts: the transcripts of the utterances in the order in which they finish, or a function from an utterance's
            audio (PCM16 at 24 kHz) to its transcript. Without it, and for audio without a marked piece, the transcript
            is empty. When a list has run out, an utterance fails: the test expected fewer.
    """

    def __init__(self, texts: Iterable[str] | Callable[[bytes], str] | None = None) -> None:
        self._by_audio = texts if callable(texts) else None
        self._texts = None if texts is None or callable(texts) else deque(texts)
        self._marks: dict[bytes, str] = {}
        self._closed = False
        self.grammars: list[str | None] = []
        """The grammar of each utterance so far, in the order in which they were opened."""

    def mark(self, pcm: bytes, text: str) -> None:
        """Set the text of audio in which `pcm` occurs unchanged, or at least its loudest 20 ms."""
        self._marks[_fingerprint(pcm)] = text

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> ScriptedUtterance:
        """Begin an utterance. `on_partial` is called once with the whole text, just before `finish` returns.

        Raises:
            SpeechError: the recogniser is closed.
        """
        if self._closed:
            raise SpeechError("The recogniser is closed.")
        self.grammars.append(grammar)
        return ScriptedUtterance(self._answer, on_partial)

    async def aclose(self) -> None:
        """Refuse further utterances."""
        self._closed = True

    def _answer(self, pcm: bytes) -> str:
        for fingerprint, text in self._marks.items():
            if fingerprint in pcm:
                return text
        if self._by_audio is not None:
            return self._by_audio(pcm)
        if self._texts is None:
            return ""
        if not self._texts:
            raise SpeechError("The script has no text left for this utterance. Give ScriptedStt more texts.")
        return self._texts.popleft()


class ScriptedUtterance:
    """One utterance of a caller; see `Utterance`."""

    def __init__(self, answer: Callable[[bytes], str], on_partial: Callable[[str], None] | None) -> None:
        self._answer = answer
        self._on_partial = on_partial
        self._audio = bytearray()
        self._taken = ""
        self._transcript: Transcript | None = None
        self._abandoned = False

    def feed(self, pcm: bytes) -> None:
        """Take more audio."""
        self._audio += pcm

    def probe(self) -> None:
        """Do nothing."""

    async def paused_words(self) -> str:
        """Return the text, as if it had been recognised up to here.

        Raises:
            SpeechError: the script has no text left.
        """
        await asyncio.sleep(0)
        return self._text()

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    async def finish(self) -> Transcript:
        """Return the text; a second call returns the same.

        Raises:
            SpeechError: the utterance was abandoned, or the script has no text left.
        """
        await asyncio.sleep(0)
        if self._transcript is None:
            if self._abandoned:
                raise SpeechError("The utterance was abandoned.")
            self._transcript = Transcript(self._text())
            if self._on_partial is not None and self._transcript.text:
                self._on_partial(self._transcript.text)
        return self._transcript

    def _text(self) -> str:
        """Return the text of the audio so far; a list's text stays with the utterance that took it."""
        if not self._taken:
            self._taken = self._answer(bytes(self._audio))
        return self._taken

    def abandon(self) -> None:
        """Give up the utterance; it takes no text from the script."""
        self._abandoned = True


def _fingerprint(pcm: bytes) -> bytes:
    """Return the loudest 20 ms, which no quiet place and no padding equals.

    Raises:
        ValueError: the audio is silence.
    """
    pieces = (pcm[at : at + _FINGERPRINT_BYTES] for at in range(0, len(pcm), _FINGERPRINT_BYTES))
    loudest = max(pieces, key=lambda piece: sum(map(abs, memoryview(piece[: len(piece) & ~1]).cast("h"))), default=b"")
    if not any(loudest):
        raise ValueError("Silence cannot be distinguished from other silence. Mark audio that is not silent.")
    return loudest

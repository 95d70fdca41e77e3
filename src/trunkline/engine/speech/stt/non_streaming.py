"""Utterances that are recognised in one request after they have ended: no words are known before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from trunkline.engine.speech import SpeechError, Transcript
from trunkline.realtime.audio import ms_to_bytes

MAX_MS = 600_000
"""The part of an utterance that is recognised; later audio is left out."""
MIN_MS = 100
"""Shorter utterances have no words, and endpoints refuse them."""


class NonStreamingUtterance:
    """One utterance of a caller; see `Utterance`.

    Args:
        recognise: returns the words of PCM16 at 24 kHz; it raises `SpeechError`, and is cancelled when the utterance is
            abandoned.
    """

    def __init__(self, recognise: Callable[[bytes], Coroutine[object, None, Transcript]]) -> None:
        self._recognise = recognise
        self._audio = bytearray()
        self._transcript: asyncio.Task[Transcript] | None = None
        self._abandoned = False

    def feed(self, pcm: bytes) -> None:
        """Take more audio; return at once."""
        if self._transcript is None and not self._abandoned:
            self._audio += pcm[: max(ms_to_bytes(MAX_MS) - len(self._audio), 0)]

    def pause(self) -> None:
        """Do nothing: a request costs money, so none is made ahead."""

    def resume(self) -> None:
        """Do nothing."""

    async def finish(self) -> Transcript:
        """Return the words; a second call returns the same. Cancelling it abandons the utterance.

        Raises:
            SpeechError: the request failed, or the utterance was abandoned.
        """
        if self._abandoned:
            raise SpeechError("The utterance was abandoned.")
        if len(self._audio) < ms_to_bytes(MIN_MS):
            return Transcript("")
        if self._transcript is None:
            self._transcript = asyncio.create_task(self._recognise(bytes(self._audio)))
        try:
            return await asyncio.shield(self._transcript)
        except asyncio.CancelledError:
            if self._abandoned:
                raise SpeechError("The utterance was abandoned.") from None
            self.abandon()
            raise

    def abandon(self) -> None:
        """Give up the utterance and cancel its request."""
        if self._transcript is None:
            self._abandoned = True
            self._audio.clear()
        elif not self._transcript.done():
            self._abandoned = True
            self._transcript.cancel()

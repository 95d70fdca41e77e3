"""Utterances that are recognised whole, when they have ended: nothing of them is known before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from trunkline.engine.speech import SpeechError, Transcript
from trunkline.realtime.audio import ms_to_bytes

MAX_MS = 600_000
"""As much of an utterance as is recognised; the sound after it is left out."""
MIN_MS = 100
"""What is shorter has no words; endpoints refuse it."""


class NonStreamingUtterance:
    """One stretch of speech; see `Utterance`.

    Args:
        recognise: gives the words of PCM16 at 24 kHz; it raises `SpeechError`, and is cancelled when nobody wants them.
    """

    def __init__(self, recognise: Callable[[bytes], Coroutine[Any, Any, Transcript]]) -> None:
        self._recognise = recognise
        self._sound = bytearray()
        self._words: asyncio.Task[Transcript] | None = None
        self._abandoned = False

    def feed(self, pcm: bytes) -> None:
        """Takes more sound; returns at once."""
        if self._words is None and not self._abandoned:
            self._sound += pcm[: max(ms_to_bytes(MAX_MS) - len(self._sound), 0)]

    async def finish(self) -> Transcript:
        """The words; the second time, the same again. Cancelling it abandons the utterance.

        Raises:
            SpeechError: they could not be had, or the utterance was abandoned.
        """
        if self._abandoned:
            raise SpeechError("The utterance was abandoned.")
        if len(self._sound) < ms_to_bytes(MIN_MS):
            return Transcript("")
        if self._words is None:
            self._words = asyncio.create_task(self._recognise(bytes(self._sound)))
        try:
            return await asyncio.shield(self._words)
        except asyncio.CancelledError:
            if self._abandoned:
                raise SpeechError("The utterance was abandoned.") from None
            self.abandon()
            raise

    def abandon(self) -> None:
        """Gives up the utterance, and the work on it where that can be stopped."""
        if self._words is None:
            self._abandoned = True
            self._sound.clear()
        elif not self._words.done():
            self._abandoned = True
            self._words.cancel()

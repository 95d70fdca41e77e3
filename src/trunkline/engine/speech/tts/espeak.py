"""The small voice: espeak-ng, streamed as it is made, with a mark at each word."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SAMPLE_RATE, SpeechChunk, SpeechError, SpeechMark
from trunkline.engine.speech.language_id import detect_language
from trunkline.engine.speech.tts import espeak_library
from trunkline.engine.speech.tts.espeak_ipc import Audio, Cancel, Done, Failed, Reply, Synthesise, replies
from trunkline.engine.speech.worker_process import WorkerProcess
from trunkline.realtime.audio import Resampler

WORKER_MODULE = "trunkline.engine.speech.tts.espeak_worker"

TRAILING_MS = 120
"""Silence after an utterance, so that two in a row do not run into each other."""

LEADING_MS = 15
"""The longest silence before the first word."""

MAX_PIECE = 240
"""Characters synthesised in one call of the library; other texts take their turn between two pieces."""

_RATE = espeak_library.SAMPLE_RATE
_QUIET = 100  # amplitude below which a sample counts as silence (-50 dBFS)


class EspeakTts:
    """Speaks with espeak-ng in a worker process, in which concurrent texts take turns, a sentence or two each.

    The library is licensed under GPL-3, so nothing of it is loaded into the server's process. It speaks at least 80
    words a minute, so speeds below about 0.5 have no effect. Belongs to one event loop; `aclose` ends its process.

    Args:
        worker_module: module of the worker process; tests have another one.
    """

    def __init__(self, *, worker_module: str = WORKER_MODULE) -> None:
        self._worker_module = worker_module
        self._ids = itertools.count(1)
        self._pieces: dict[int, asyncio.Queue[_Result]] = {}
        self._workers: list[WorkerProcess[Reply]] = []  # the last one works, the others are ending
        self._closed = False

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Return the audio of `text`, with a mark at the end of each word; nothing for a text without a word.

        Without `language`, a text that is clearly German, French, Spanish or Italian is spoken in that language.

        Args:
            voice: a Realtime voice name such as "sage", or a voice of eSpeak such as "en-us+f5".

        Raises:
            SpeechError: espeak-ng is not installed or failed, or the voice is closed.
        """
        shaper = _Shaper(text)
        language = language or detect_language(text)
        for start, end in _pieces(text):
            shaper.begin_piece(start)
            piece = Synthesise(next(self._ids), text[start:end], voice, speed, language)
            async with aclosing(self._synthesise(piece)) as audio:
                async for part in audio:
                    if chunk := shaper.shape(part.pcm, part.words):
                        yield chunk
        if last := shaper.finish():
            yield last

    async def warm(self) -> None:
        """Start the worker and load the library, some 0.3 s of work, ahead of the first text.

        Raises:
            SpeechError: espeak-ng is not installed or does not load, or the voice is closed.
        """
        await self._worker().until_ready()

    async def aclose(self) -> None:
        """End the worker; texts in progress fail with a `SpeechError`. A second call does nothing."""
        self._closed = True
        workers, self._workers = self._workers, []
        for worker in workers:
            await worker.aclose()
        self._fail_all("The voice was closed.")

    async def _synthesise(self, piece: Synthesise) -> AsyncGenerator[Audio, None]:
        worker = self._worker()
        results = self._pieces[piece.id] = asyncio.Queue()
        worker.send(piece)
        is_done = False
        try:
            while not isinstance(result := await results.get(), Done):
                if isinstance(result, SpeechError):
                    is_done = True
                    raise result
                yield result
            is_done = True
        finally:
            self._pieces.pop(piece.id, None)
            if not is_done:
                worker.send(Cancel(piece.id))

    def _worker(self) -> WorkerProcess[Reply]:
        if self._closed:
            raise SpeechError("The voice is closed.")
        if not self._workers or self._workers[-1].has_ended:
            self._workers = [worker for worker in self._workers if not worker.is_gone]
            self._workers.append(
                WorkerProcess(
                    self._worker_module,
                    (),
                    title="voice",
                    decoder=replies,
                    on_reply=self._on_reply,
                    on_end=self._fail_all,
                )
            )
        return self._workers[-1]

    def _on_reply(self, reply: Reply) -> None:
        if results := self._pieces.get(reply.id):
            results.put_nowait(SpeechError(reply.reason) if isinstance(reply, Failed) else reply)

    def _fail_all(self, reason: str) -> None:
        for results in self._pieces.values():
            results.put_nowait(SpeechError(reason))


_Result = Audio | Done | SpeechError
"""A message of the worker about a piece; the last one is not `Audio`."""


class _Shaper:
    """Shaping of a text's audio: silence trimmed at both ends, converted to 24 kHz, with marks at their times."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._resampler = Resampler(_RATE, SAMPLE_RATE)
        self._piece_start = 0  # in characters
        self._piece_base = 0  # in samples of the library's audio
        self._received = self._skipped = self._emitted = 0  # samples
        self._silence: list[NDArray[np.int16]] = []
        self._marks: deque[SpeechMark] = deque()
        self._marked = 0

    def begin_piece(self, start: int) -> None:
        self._piece_start, self._piece_base = start, self._received

    def shape(self, pcm: bytes, words: Iterable[tuple[int, int]]) -> SpeechChunk | None:
        """Return the audio that can be played now, if there is some.

        Args:
            words: each word's first character and first sample, in its piece.
        """
        samples = np.frombuffer(pcm, "<i2")
        self._received += samples.size
        for word in words:
            self._mark_before(*word)
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
        if not loud.size:
            self._hold(samples)
            return None
        if not self._emitted and not self._silence:
            self._skipped = max(0, int(loud[0]) - _RATE * LEADING_MS // 1000)
            samples = samples[self._skipped :]
            loud -= self._skipped
        ready = np.concatenate((*self._silence, samples[: loud[-1] + 1]))
        self._silence = [samples[loud[-1] + 1 :]]
        return self._emit(ready)

    def finish(self) -> SpeechChunk | None:
        """Return the rest of the audio, and a mark for the whole text; None if no audio was made."""
        if not self._emitted:
            return None
        self._marks.append(SpeechMark(_ms(self._emitted), len(self._text)))
        wanted = _RATE * TRAILING_MS // 1000
        tail = np.concatenate((*self._silence, np.zeros(wanted, np.int16)))[:wanted]
        pcm = self._resampler.feed(tail.tobytes()) + self._resampler.flush()
        return SpeechChunk(pcm, tuple(self._marks))

    def _hold(self, silence: NDArray[np.int16]) -> None:
        """Drop silence before the first word; keep later silence until more audio follows."""
        if self._emitted:
            self._silence.append(silence)
        else:
            self._skipped += silence.size

    def _emit(self, samples: NDArray[np.int16]) -> SpeechChunk:
        self._emitted += samples.size
        until = _ms(self._emitted)
        marks = []
        while self._marks and self._marks[0].at_ms <= until:
            marks.append(self._marks.popleft())
        return SpeechChunk(self._resampler.feed(samples.tobytes()), tuple(marks))

    def _mark_before(self, start: int, sample: int) -> None:
        """Add a mark for the text before a word, which has been spoken when the word begins.

        An opening quotation mark belongs to the word.
        """
        end = _said_before(self._text, self._piece_start + start)
        if end > self._marked:
            self._marked = end
            at = self._piece_base + sample - self._skipped
            self._marks.append(SpeechMark(max(0, _ms(at)), end))


def _ms(samples: int) -> int:
    return samples * 1000 // _RATE


_OPENING = re.compile(r"\s[^\w\s]*\Z")


def _said_before(text: str, start: int) -> int:
    before = text[:start]
    if opening := _OPENING.search(before):
        before = before[: opening.start()]
    return len(before.rstrip())


_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*\s+(?![a-z])|\n+|[。！？]")
_PAUSE = re.compile(r"[,;:–—、，]\s*|\s+")


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Divide a text into ranges of at most `MAX_PIECE` characters, after sentences, else at pauses, else anywhere."""
    start = 0
    while len(text) - start > MAX_PIECE:
        window = text[start : start + MAX_PIECE]
        for boundary in (_SENTENCE_END, _PAUSE):
            if cuts := [found.end() for found in boundary.finditer(window)]:
                cut = cuts[-1]
                break
        else:
            cut = MAX_PIECE
        yield start, start + cut
        start += cut
    if text[start:].strip():
        yield start, len(text)

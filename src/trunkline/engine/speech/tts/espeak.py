"""The small voice: espeak-ng, streamed as it is made, with a mark at each word."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SAMPLE_RATE, SpeechChunk, SpeechError, SpeechMark
from trunkline.engine.speech.language_id import detect_language
from trunkline.engine.speech.tts import espeak_library
from trunkline.engine.speech.tts.espeak_library import Manner, Word
from trunkline.realtime.audio import Resampler

TRAILING_MS = 120
"""Silence after an utterance, so that two in a row do not run into each other."""

LEADING_MS = 15
"""The longest silence before the first word."""

MAX_PIECE = 240
"""Characters synthesised in one call of the library; other texts take their turn between two pieces."""

_RATE = espeak_library.SAMPLE_RATE
_QUIET = 100  # amplitude below which a sample counts as silence (-50 dBFS)


@dataclass(frozen=True)
class _Persona:
    variant: str
    pitch: int = 50
    range: int = 50
    rate: int = 165
    volume: int = 100


# Variants without clipping or rasping, which differ by sex, pitch and pace. The volume brings each to about -20 dBFS.
_PERSONAS = {
    "alloy": _Persona("shelby", pitch=42),
    "ash": _Persona("michel", pitch=48),
    "ballad": _Persona("m3", pitch=56, range=62, rate=155),
    "cedar": _Persona("adam", pitch=34, rate=158, volume=110),
    "coral": _Persona("f3", pitch=54, range=60, rate=170),
    "echo": _Persona("robert", pitch=52, volume=115),
    "marin": _Persona("f1", pitch=46, rate=168),
    "sage": _Persona("f5", pitch=48, volume=112),
    "shimmer": _Persona("Annie", pitch=52, rate=160),
    "verse": _Persona("marcelo", pitch=58, range=70, rate=172, volume=85),
}
_DEFAULT = "sage"
_OWN_RATE = 160  # words per minute of a voice that is given by eSpeak's own name, such as "en-us+f5"
_NAMED_OTHERWISE = {"zh": "cmn", "no": "nb", "tl": "fil"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


class EspeakTts:
    """Speaks with espeak-ng in one thread, in which concurrent texts take turns, a sentence or two each.

    The library speaks at least 80 words a minute, so speeds below about 0.5 have no effect.
    """

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """Return the audio of `text`, with a mark at the end of each word; nothing for a text without a word.

        Without `language`, a text that is clearly German, French, Spanish or Italian is spoken in that language.

        Args:
            voice: a Realtime voice name such as "sage", or a voice of eSpeak such as "en-us+f5".

        Raises:
            SpeechError: espeak-ng is not installed or failed, or the voice is closed.
        """
        utterance = _Utterance(text)
        language = language or detect_language(text)
        try:
            for start, end in _pieces(text):
                self._submit(_Piece(utterance, start, text[start:end], voice, speed, language))
                while isinstance(result := await utterance.results.get(), SpeechChunk):
                    yield result
                if result is not None:
                    raise result
            if last := utterance.shaper.finish():
                yield last
        finally:
            utterance.stopped = True

    async def warm(self) -> None:
        """Load the library and synthesise a word, some 30 ms of work, ahead of the first text.

        Raises:
            SpeechError: espeak-ng is not installed or failed, or the voice is closed.
        """
        async for _ in self.speak("Hello."):
            pass

    async def aclose(self) -> None:
        """End the thread; texts in progress fail with a `SpeechError`. A second call does nothing."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None:
            self._pieces.put(None)
            await asyncio.to_thread(thread.join)

    def _submit(self, piece: _Piece) -> None:
        if self._closed:
            raise SpeechError("The voice is closed.")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="espeak", daemon=True)
            self._thread.start()
        self._pieces.put(piece)

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._say(piece)
        while not self._pieces.empty():
            left = self._pieces.get()
            if left is not None:
                left.utterance.post(SpeechError("The voice was closed."))

    def _say(self, piece: _Piece) -> None:
        utterance = piece.utterance

        def on_audio(pcm: bytes, words: Sequence[Word]) -> bool:
            if utterance.stopped or self._closed:
                return False
            chunk = utterance.shaper.shape(pcm, words)
            return utterance.post(chunk) if chunk else True

        try:
            library = espeak_library.load()
            utterance.shaper.begin_piece(piece.start)
            library.synthesise(piece.text, _manner(library, piece), on_audio)
        except SpeechError as error:
            utterance.post(error)
            return
        utterance.post(SpeechError("The voice was closed.") if self._closed else None)


@dataclass(frozen=True)
class _Piece:
    """A part of a text, from its character `start` on."""

    utterance: _Utterance
    start: int
    text: str
    voice: str | None
    speed: float
    language: str | None


class _Utterance:
    """The state that the thread and the iteration share.

    Attributes:
        results: the audio of at most one piece, then its error or None.
    """

    def __init__(self, text: str) -> None:
        self.results: asyncio.Queue[SpeechChunk | SpeechError | None] = asyncio.Queue()
        self.shaper = _Shaper(text)
        self.stopped = False
        self._loop = asyncio.get_running_loop()

    def post(self, result: SpeechChunk | SpeechError | None) -> bool:
        """Pass a result from the thread to the iteration; return False if its loop is closed."""
        try:
            self._loop.call_soon_threadsafe(self.results.put_nowait, result)
        except RuntimeError:  # the loop was closed
            self.stopped = True
        return not self.stopped


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

    def shape(self, pcm: bytes, words: Sequence[Word]) -> SpeechChunk | None:
        samples = np.frombuffer(pcm, "<i2")
        self._received += samples.size
        for word in words:
            self._mark_before(word)
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

    def _mark_before(self, word: Word) -> None:
        """Add a mark for the text before a word, which has been spoken when the word begins.

        An opening quotation mark belongs to the word.
        """
        end = _said_before(self._text, self._piece_start + word.start)
        if end > self._marked:
            self._marked = end
            at = self._piece_base + word.sample - self._skipped
            self._marks.append(SpeechMark(max(0, _ms(at)), end))


def _ms(samples: int) -> int:
    return samples * 1000 // _RATE


_OPENING = re.compile(r"\s[^\w\s]*\Z")


def _said_before(text: str, start: int) -> int:
    before = text[:start]
    if opening := _OPENING.search(before):
        before = before[: opening.start()]
    return len(before.rstrip())


def _manner(library: espeak_library.EspeakLibrary, piece: _Piece) -> Manner:
    slowest, fastest = espeak_library.WORDS_PER_MINUTE
    if piece.voice is not None and "+" in piece.voice:
        rate = round(min(max(_OWN_RATE * piece.speed, slowest), fastest))
        return Manner(voice=piece.voice, rate=rate, volume=100, pitch=50, range=50)
    persona = _PERSONAS.get(piece.voice or _DEFAULT, _PERSONAS[_DEFAULT])
    return Manner(
        voice=f"{_espeak_language(library, piece.language)}+{persona.variant}",
        rate=round(min(max(persona.rate * piece.speed, slowest), fastest)),
        volume=persona.volume,
        pitch=persona.pitch,
        range=persona.range,
    )


def _espeak_language(library: espeak_library.EspeakLibrary, language: str | None) -> str:
    """Return the espeak voice of a language tag: "de" for an unknown "de-AT", English for an unknown language."""
    tag = (language or "en").lower().replace("_", "-")
    while _LANGUAGE.fullmatch(tag) and tag != "en":
        if library.speaks(name := _NAMED_OTHERWISE.get(tag, tag)):
            return name
        tag = tag.rpartition("-")[0]
    return "en-us"


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

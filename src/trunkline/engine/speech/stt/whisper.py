"""The better recogniser: Whisper by CTranslate2, in a worker process that all sessions of the server share.

An utterance is decoded in the silence that may end it, so that its words are there when the turn ends; if the caller
speaks on, that result is only a partial transcript. While the caller speaks, partial transcripts come about once a
second.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path

from trunkline.engine.speech import SAMPLE_RATE, ProbedWords, SpeechError, Transcript
from trunkline.engine.speech.stt.decode_queue import DecodeQueue, Decoding, Urgency
from trunkline.engine.speech.stt.grammar_words import keywords_of
from trunkline.engine.speech.stt.log_mel import RATE
from trunkline.engine.speech.stt.long_audio import MAX_PART_S, quiet_cut
from trunkline.engine.speech.stt.whisper_ipc import Decode, Decoded, Failed, Reply, replies
from trunkline.engine.speech.weights import find
from trunkline.engine.speech.worker_process import WorkerProcess
from trunkline.realtime.audio import Resampler

logger = logging.getLogger(__name__)

PARTIAL_EVERY_S = 1.0
MIN_S = 0.1
"""Shorter utterances have no words."""
MAX_S = 600.0
"""The part of an utterance that is recognised; later audio is left out."""
MAX_THREADS = 4
BEAMS = 5
"""Hypotheses for an utterance; partial transcripts have one."""
LIKELY_MARGIN = 0.3
"""A text is almost as likely as the likeliest one if its mean log probability of the tokens is lower by so much."""

_BYTES_PER_S = 2 * RATE
WORKER_MODULE = "trunkline.engine.speech.stt.whisper_worker"

# Without speech Whisper makes up words. Measured on hums, coughs, keys, noise and music, and on short quiet answers.
_MURMUR_LOG_PROBABILITY = -1.3
_MURMUR_NO_SPEECH = 0.7
_SURE_LOG_PROBABILITY = -0.6
_PROBE_LOG_PROBABILITY = -1.0
"""Words of a probe below it are most likely wrong: the audio is short."""


class WhisperStt:
    """Recognises speech with Whisper. Belongs to one event loop; `aclose` ends its process and its task.

    Args:
        weights: name of the model, a key of `weights.KNOWN` or a folder below `models_dir`.
        models_dir: the folder of the user's own and of fetched weights.
        threads: decodings at once; by default half the cores, at most `MAX_THREADS`.
        worker_module: module of the worker process; tests have one without a model.
    """

    def __init__(
        self, weights: str, models_dir: Path, *, threads: int | None = None, worker_module: str = WORKER_MODULE
    ) -> None:
        self._worker_module = worker_module
        self._threads = threads or max(1, min((os.cpu_count() or 2) // 2, MAX_THREADS))
        self._arguments = (weights, str(models_dir), str(self._threads))
        self._weights = weights
        self._models_dir = models_dir
        self._queue = DecodeQueue()
        self._running: dict[int, Decoding] = {}
        self._ids = itertools.count(1)
        self._names = itertools.count(1)
        self._workers: list[WorkerProcess[Reply]] = []  # the last one works, the others are ending
        self._closed = False

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> WhisperUtterance:
        """Begin an utterance. Of `grammar`, only the uncommon words are used, as a hint: any words may come.

        Of the likeliest hypotheses for the whole utterance, the first that `expects` accepts is taken.

        Raises:
            SpeechError: the recogniser is closed.
        """
        self._check_open()
        if grammar and (keywords := keywords_of(grammar)):
            listed = ", ".join(keywords)
            prompt = f"{prompt} {listed[0].upper()}{listed[1:]}.".strip()
        session_id = session_id or f"utterance {next(self._names)}"
        return WhisperUtterance(self, session_id, language, prompt, expects, on_partial)

    async def probe(self, pcm: bytes, *, session_id: str) -> ProbedWords:
        """See `ProbingStt.probe`.

        Raises:
            SpeechError: Whisper failed or is overloaded.
        """
        resampler = Resampler(SAMPLE_RATE, RATE)
        decoding = Decoding(session_id, resampler.feed(pcm) + resampler.flush(), Urgency.AHEAD)
        self.decode(decoding)
        try:
            await decoding.text
        except asyncio.CancelledError:
            self.cancel(decoding)
            raise
        assert decoding.likeliest is not None  # noqa: S101 - it is set before the text
        return decoding.likeliest

    async def warm(self) -> None:
        """Start the worker and load the weights, about 1 s of work, ahead of the first utterance.

        Raises:
            SpeechError: the package or the weights are missing or wrong, or the recogniser is closed.
        """
        await self._worker().until_ready()

    def start(self) -> None:
        """Start the worker ahead of the first utterance, without waiting for it. Its failure is reported later."""
        self._worker()

    async def aclose(self) -> None:
        """End the worker; open utterances fail. A second call does nothing."""
        self._closed = True
        workers, self._workers = self._workers, []
        for worker in workers:
            await worker.aclose()
        self._fail_all("The recogniser was closed.")

    def decode(self, decoding: Decoding) -> None:
        """Queue a decoding.

        Raises:
            SpeechError: the queue is full, or the recogniser is closed.
        """
        self._check_open()
        self._queue.add(decoding)
        self._serve()

    def cancel(self, decoding: Decoding) -> bool:
        """Take a decoding out of the queue; return whether it was waiting. One that runs cannot be stopped."""
        return self._queue.remove(decoding)

    @property
    def is_idle(self) -> bool:
        """True if a decoding could start at once."""
        return len(self._running) < self._threads and not len(self._queue)

    def _serve(self) -> None:
        while len(self._running) < self._threads and (decoding := self._queue.next()):
            id_ = next(self._ids)
            self._running[id_] = decoding
            beams = 1 if decoding.urgency is Urgency.PARTIAL else BEAMS
            self._worker().send(Decode(id_, decoding.pcm, decoding.language, decoding.prompt, beams))

    def _worker(self) -> WorkerProcess[Reply]:
        self._check_open()
        if not self._workers or self._workers[-1].has_ended:
            self._workers = [worker for worker in self._workers if not worker.is_gone]
            self._tell_source()
            self._workers.append(
                WorkerProcess(
                    self._worker_module,
                    self._arguments,
                    title="recogniser",
                    decoder=replies,
                    on_reply=self._on_reply,
                    on_end=self._fail_all,
                )
            )
        return self._workers[-1]

    def _tell_source(self) -> None:
        """Log which weights are used where nobody has checked them. Missing ones are the worker's to report."""
        try:
            found = find(self._weights, self._models_dir)
        except SpeechError:
            return
        if found.sha256 is None:
            logger.info("The recogniser loads your own weights from %s. They are not checked.", found.folder)

    def _on_reply(self, reply: Reply) -> None:
        decoding = self._running.pop(reply.id, None)
        if decoding is not None and not decoding.text.done():
            if isinstance(reply, Failed):
                _fail(decoding, reply.reason)
            else:
                best = reply.hypotheses[0]
                decoding.likeliest = ProbedWords(best.text, best.log_probability, reply.no_speech)
                text = chosen_text(reply, decoding.expects)
                decoding.alternatives = tuple(other for other in likely_texts(reply) if other != text)
                decoding.text.set_result(text)
        if not self._closed:
            self._serve()

    def _fail_all(self, reason: str) -> None:
        running, self._running = self._running, {}
        waiting = iter(self._queue.next, None)
        for decoding in (*running.values(), *waiting):
            _fail(decoding, reason)

    def _check_open(self) -> None:
        if self._closed:
            raise SpeechError("The recogniser is closed.")


class WhisperUtterance:
    """One utterance of a caller; see `Utterance`."""

    def __init__(
        self,
        stt: WhisperStt,
        session_id: str,
        language: str | None,
        prompt: str,
        expects: Callable[[str], bool] | None,
        on_partial: Callable[[str], None] | None,
    ) -> None:
        self._stt = stt
        self._session_id = session_id
        self._language = language
        self._prompt = prompt
        self._expects = expects
        self._on_partial = on_partial
        self._resampler = Resampler(SAMPLE_RATE, RATE)
        self._audio = bytearray()  # PCM16 at 16 kHz, from the end of the last part on
        self._total_bytes = 0
        self._parts: list[Decoding] = []
        self._ahead: Decoding | None = None
        self._partial: Decoding | None = None
        self._partial_at = 0
        self._text = ""
        self._alternatives: tuple[str, ...] = ()
        self._transcript: asyncio.Task[Transcript] | None = None
        self._abandoned = False

    def feed(self, pcm: bytes) -> None:
        """Take more audio; return at once."""
        if self._transcript is not None or self._abandoned or self._total_bytes >= MAX_S * _BYTES_PER_S:
            return
        came = self._resampler.feed(pcm)
        self._audio += came
        self._total_bytes += len(came)
        if len(self._audio) > MAX_PART_S * _BYTES_PER_S:
            self._end_part()
        elif self._ahead is None and self._total_bytes - self._partial_at >= PARTIAL_EVERY_S * _BYTES_PER_S:
            self._decode_partial()

    def pause(self) -> None:
        """Decode the utterance ahead of `finish`."""
        if self._transcript is None and not self._abandoned and len(self._audio) >= MIN_S * _BYTES_PER_S:
            self.resume()
            self._partial_at = self._total_bytes
            try:
                self._ahead = ahead = self._decode(Urgency.AHEAD)
            except SpeechError:
                return  # `finish` tries again
            ahead.text.add_done_callback(lambda _text: self._on_partial_text(ahead))

    def resume(self) -> None:
        """Discard the result of the last `pause`, except as a partial transcript.

        The next pause reports its words also if they are the same.
        """
        self._text = ""
        if self._ahead is not None:
            self._stt.cancel(self._ahead)
            self._ahead = None

    def probe(self) -> None:
        """See `ProbingUtterance.probe`."""
        if self._transcript is not None or self._abandoned or len(self._audio) < MIN_S * _BYTES_PER_S:
            return
        if self._partial is None or self._partial.text.done():
            self._partial_at = self._total_bytes
            try:
                self._partial = probe = self._decode(Urgency.PARTIAL)
            except SpeechError:
                return
            probe.text.add_done_callback(lambda _text: self._on_probe_text(probe))

    def alternatives(self) -> tuple[str, ...]:
        """See `AlternativesUtterance.alternatives`."""
        return self._alternatives

    async def paused_words(self) -> str:
        """See `ProbingUtterance.paused_words`.

        Raises:
            SpeechError: Whisper failed.
        """
        return "" if self._ahead is None else await asyncio.shield(self._ahead.text)

    async def finish(self) -> Transcript:
        """Return the words; a second call returns the same. Cancelling it abandons the utterance.

        Raises:
            SpeechError: Whisper failed or is overloaded, or the utterance was abandoned.
        """
        if self._abandoned:
            raise SpeechError("The utterance was abandoned.")
        if self._transcript is None:
            self._drop(self._partial)
            self._transcript = asyncio.create_task(self._finished())
        try:
            return await asyncio.shield(self._transcript)
        except asyncio.CancelledError:
            if self._abandoned:
                raise SpeechError("The utterance was abandoned.") from None
            self.abandon()
            raise

    def abandon(self) -> None:
        """Give up the utterance."""
        if self._transcript is not None and self._transcript.done():
            return
        self._abandoned = True
        for decoding in (*self._parts, self._ahead, self._partial):
            self._drop(decoding)
        if self._transcript is not None:
            self._transcript.cancel()
        self._audio.clear()

    async def _finished(self) -> Transcript:
        last = self._ahead
        if last is not None and self._stt.cancel(last):  # it still waits: it is urgent now
            last.urgency = Urgency.FINAL
            self._stt.decode(last)
        if last is None or (last.text.done() and (last.text.cancelled() or last.text.exception())):
            last = self._decode(Urgency.FINAL) if len(self._audio) >= MIN_S * _BYTES_PER_S else None
        texts = [await decoding.text for decoding in (*self._parts, last) if decoding is not None]
        return Transcript(" ".join(text for text in texts if text))

    def _decode(self, urgency: Urgency) -> Decoding:
        expects = None if self._parts or urgency is Urgency.PARTIAL else self._expects
        decoding = Decoding(self._session_id, bytes(self._audio), urgency, self._language, self._prompt, expects)
        self._stt.decode(decoding)
        return decoding

    def _end_part(self) -> None:
        """Take the beginning of a long utterance, up to a quiet place, for a part of its own."""
        at = quiet_cut(self._audio)
        part = Decoding(self._session_id, bytes(self._audio[:at]), Urgency.AHEAD, self._language, self._prompt)
        del self._audio[:at]
        self._parts.append(part)
        try:
            self._stt.decode(part)
        except SpeechError as error:
            _fail(part, str(error))

    def _decode_partial(self) -> None:
        self._partial_at = self._total_bytes
        if self._on_partial is None or not self._stt.is_idle or (self._partial and not self._partial.text.done()):
            return
        try:
            self._partial = partial = self._decode(Urgency.PARTIAL)
        except SpeechError:
            return
        partial.text.add_done_callback(lambda _text: self._on_partial_text(partial))

    def _on_partial_text(self, decoding: Decoding) -> None:
        text = decoding.text
        if text.cancelled() or text.exception() or self._transcript or self._abandoned or self._on_partial is None:
            return
        parts = [part.text.result() for part in self._parts if part.text.done() and not part.text.exception()]
        words = " ".join(word for word in (*parts, text.result()) if word)
        if words and words != self._text:
            self._text, self._alternatives = words, decoding.alternatives
            self._on_partial(words)

    def _on_probe_text(self, probe: Decoding) -> None:
        if probe.likeliest is not None and probe.likeliest.log_probability > _PROBE_LOG_PROBABILITY:
            self._on_partial_text(probe)

    def _drop(self, decoding: Decoding | None) -> None:
        if decoding is not None:
            self._stt.cancel(decoding)
            decoding.text.cancel()


def chosen_text(decoded: Decoded, expects: Callable[[str], bool] | None = None) -> str:
    """Return the likeliest text, or an expected one that is almost as likely; an empty text for a murmur."""
    if is_murmur(decoded):
        return ""
    likely = likely_texts(decoded)
    if expects is not None:
        return next((text for text in likely if expects(text)), likely[0])
    return likely[0]


def likely_texts(decoded: Decoded) -> list[str]:
    """Return the likeliest text, and after it those that are almost as likely."""
    least = decoded.hypotheses[0].log_probability - LIKELY_MARGIN
    return [hypothesis.text for hypothesis in decoded.hypotheses if hypothesis.log_probability >= least]


def is_murmur(decoded: Decoded) -> bool:
    """Return whether the words were most likely made up for audio without speech."""
    log_probability = decoded.hypotheses[0].log_probability
    if decoded.no_speech > _MURMUR_NO_SPEECH and log_probability < _SURE_LOG_PROBABILITY:
        return True
    return log_probability < _MURMUR_LOG_PROBABILITY


def _fail(decoding: Decoding, reason: str) -> None:
    if not decoding.text.done():
        decoding.text.set_exception(SpeechError(reason))
        decoding.text.exception()  # counts as retrieved: nobody may be waiting
